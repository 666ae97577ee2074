//! What the tables hold against what the broker acknowledged, counted by DuckDB and Kafka's own tool: nothing of the
//! service under test is asked.
//!
//! Expects at most one face of a track in a pane: then a face that was counted twice in one pane shows even where
//! another one was lost.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::duckdb;

/// Acknowledged records by source.
pub type Produced = BTreeMap<String, Sent>;

/// Acknowledged records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub all: i64,
    /// More crops of a track that was sent before: no face more.
    pub again: i64,
}

/// What came of the comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub lost: i64,
    pub duplicated: i64,
    pub spared: i64,
    /// Whatever is wrong, one sentence each.
    pub faults: Vec<String>,
}

/// Records in the table, whatever became of them.
pub fn counted(out: &Path) -> i64 {
    let rows = windows(
        out,
        "sum(faces + spared + late + rejected)::BIGINT AS records",
        "",
    );
    rows.first().map_or(0, |row| number(row, "records"))
}

/// Compares the tables below `out` with the acknowledged records by source and the partitions' log ends.
pub fn audit(out: &Path, produced: &Produced, ends: &BTreeMap<i64, i64>) -> Audit {
    let mut audit = Audit::default();
    let rows = windows(
        out,
        "source, sum(faces + spared + late + rejected)::BIGINT AS records, sum(faces - tracks)::BIGINT AS twice,
         sum(spared)::BIGINT AS spared",
        "GROUP BY source",
    );
    let mut counted: BTreeMap<&str, [i64; 3]> = rows
        .iter()
        .map(|row| {
            let source = row["source"].as_str().unwrap();
            let numbers = ["records", "twice", "spared"].map(|column| number(row, column));
            (source, numbers)
        })
        .collect();
    for (
        source,
        &Sent {
            all: produced,
            again,
        },
    ) in produced
    {
        let [records, twice, spared] = counted.remove(source.as_str()).unwrap_or_default();
        let more = records - produced;
        audit.spared += spared;
        if spared > again {
            audit.faults.push(format!(
                "{source}: {spared} spared, {again} were of a track that was seen"
            ));
        }
        audit.duplicated += twice.max(more).max(0);
        audit.lost += (twice - more).max(-more).max(0);
        if more != 0 || twice != 0 {
            audit.faults.push(format!(
                "{source}: {records} counted, {produced} produced, {twice} twice in their pane"
            ));
        }
    }
    for (source, [records, ..]) in counted {
        audit.duplicated += records;
        audit
            .faults
            .push(format!("{source}: {records} that nobody produced"));
    }
    audit.faults.extend(partitions(out, ends));
    audit.faults.extend(repeated(out));
    audit
}

/// Partitions whose rows do not add up to their log.
fn partitions(out: &Path, ends: &BTreeMap<i64, i64>) -> Vec<String> {
    let rows = windows(
        out,
        "partition, sum(faces + spared + late + rejected)::BIGINT AS records, max(next_offset)::BIGINT AS next_offset",
        "GROUP BY partition",
    );
    let counted: BTreeMap<i64, (i64, i64)> = rows
        .iter()
        .map(|row| {
            let sums = (number(row, "records"), number(row, "next_offset"));
            (number(row, "partition"), sums)
        })
        .collect();
    let expected = ends.iter().filter(|(_, end)| **end > 0);
    let expected: BTreeMap<i64, (i64, i64)> = expected.map(|(&p, &end)| (p, (end, end))).collect();
    match counted == expected {
        true => Vec::new(),
        false => vec![format!(
            "partition: (records, next offset) is {counted:?} in the table, {expected:?} in the log"
        )],
    }
}

/// Records of a pane that stand in two rows, of one file or of two. After silence a pane may go on in another row, but
/// what that holds comes later in the log.
fn repeated(out: &Path) -> Vec<String> {
    let earlier = "PARTITION BY source, window_start, partition ORDER BY first_offset, next_offset
         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING";
    let rows = windows(
        out,
        &format!(
            "source, window_start::VARCHAR AS start, partition, filename, closed_by, first_offset, next_offset,
             max(next_offset) OVER ({earlier}) AS earlier"
        ),
        "QUALIFY earlier > first_offset",
    );
    rows.iter().map(|row| format!("two rows: {row}")).collect()
}

/// Sources whose hours, or days, do not add up to their windows. Ask when all are published: after `on_stop = "close"`.
pub fn hours_and_days(out: &Path) -> Vec<String> {
    let faults = |table: &str| {
        duckdb(&format!(
            "WITH windows AS (
               SELECT source, partition, count(*) AS windows FROM read_parquet('{out}/windows/*/*.parquet')
               WHERE faces > 0 GROUP BY ALL),
             periods AS (
               SELECT source, partition, sum(windows)::BIGINT AS windows FROM (
                 SELECT DISTINCT source, partition, period_start, covers_from, covers_until, closed_by, windows
                 FROM read_parquet('{out}/{table}/*/*.parquet')) GROUP BY ALL)
             SELECT '{table}' AS of, source, partition, windows.windows AS expected, periods.windows
             FROM windows FULL JOIN periods USING (source, partition)
             WHERE windows.windows IS DISTINCT FROM periods.windows",
            out = out.display()
        ))
    };
    let rows = ["hourly", "daily"].into_iter().flat_map(faults);
    rows.map(|row| row.to_string()).collect()
}

fn number(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap()
}

/// Columns of the table `windows`, with what follows its name in the query; without files it has no rows.
fn windows(out: &Path, columns: &str, rest: &str) -> Vec<Value> {
    let table = out.join("windows");
    let has_files = std::fs::read_dir(&table).is_ok_and(|mut dates| dates.next().is_some());
    if !has_files {
        return Vec::new();
    }
    duckdb(&format!(
        "SELECT {columns} FROM read_parquet('{}/*/*.parquet', filename = true) {rest}",
        table.display()
    ))
}
