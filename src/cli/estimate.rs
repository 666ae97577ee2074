//! `demograph estimate`: exact cells of any days and sources -> true shares with intervals.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{bail, ensure};
use clap::ValueEnum;
use comfy_table::presets;

use super::calibrations;
use crate::{
    config::{Output, Span},
    estimate::{CalibrationFile, Calibrations, CellCounts, Method},
    privacy::{Cells, ShownShare, ShownShares, Thresholds, show_shares, suppress},
    record::{Attribute, EventTime, SourceId},
    sink::{self, CellRow, Store, Table},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph estimate --tables out
  demograph estimate --tables out --every 1h --by source --format csv > hours.csv
  demograph estimate --tables s3://bucket/prefix --calibration gate-calibration.json --method pacc

Reads the table `cells`, which `demograph run` writes where the config says output.cells = true. Votes of all panes in a
group are added, which is exact, and then estimated: so a day is one estimate, not a mean of panes. Thresholds apply to
the group: what has fewer votes is withheld, as in the published tables.")]
pub(super) struct EstimateArgs {
    /// What output.url names: a folder, or s3://bucket/prefix (its options from the environment).
    #[arg(long, value_name = "URL")]
    tables: String,
    /// How the model errs; its model must be the one that made the cells.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "models/utkface-small/calibration.int8.json"
    )]
    calibration: PathBuf,
    /// Panes of so long a time go together: 1h, 24h, ... in UTC; all of them by default.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    every: Option<Span>,
    /// One estimate a source, or one for all sources together.
    #[arg(long, value_enum, default_value_t = By::Source)]
    by: By,
    /// Only this source; may be given several times.
    #[arg(long = "source", value_name = "ID")]
    sources: Vec<String>,
    /// emq, acc or pacc.
    #[arg(long, default_value = "emq", value_parser = method)]
    method: Method,
    /// A group with fewer votes shows nothing.
    #[arg(long, default_value_t = 10, value_name = "N")]
    k_total: u64,
    /// A category with fewer votes is hidden, and others with it so that it cannot be computed.
    #[arg(long, default_value_t = 5, value_name = "N")]
    k_cell: u64,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Source,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
}

fn span(text: &str) -> Result<Span, String> {
    let span = Span::try_from(text.to_owned())?;
    match span.as_millis() {
        0 => Err("a group has a length: write 1h or 24h".into()),
        _ => Ok(span),
    }
}

fn method(text: &str) -> Result<Method, String> {
    let found = Method::ALL.into_iter().find(|method| method.name() == text);
    found.ok_or_else(|| format!("{text:?} is no estimator: write emq, acc or pacc"))
}

/// What is estimated together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    from: EventTime,
    source: SourceId,
    attribute: Attribute,
}

/// The votes of a group, and until when they go.
#[derive(Debug, Default, PartialEq, Eq)]
struct Votes {
    until: EventTime,
    cells: CellCounts,
}

pub(super) fn run(args: EstimateArgs) -> anyhow::Result<ExitCode> {
    let file = calibrations::read(&args.calibration)?;
    let rows = read(&args.tables, &args.sources)?;
    same_model(&rows, &file, &args.calibration)?;
    let groups = grouped(&rows, args.every, args.by);
    let calibrations = Calibrations::new(args.method, Some(file.clone()), []);
    let thresholds = Thresholds {
        k_total: args.k_total,
        k_cell: args.k_cell,
    };
    let mut lines = Vec::new();
    for (group, votes) in &groups {
        lines.extend(estimated(group, votes, &calibrations, thresholds)?);
    }
    match args.format {
        Format::Table => print_table(&lines),
        Format::Csv => print_csv(&lines)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows of the table, all files.
fn read(url: &str, sources: &[String]) -> anyhow::Result<Vec<CellRow>> {
    let store = Store::open(&Output {
        url: url.to_owned(),
        ..Output::default()
    })?;
    let files = store.list(Table::Cells.name())?;
    ensure!(
        !files.is_empty(),
        "{url} has no table `cells`: set output.cells = true in the config of `demograph run`"
    );
    let mut rows = Vec::new();
    for file in files {
        for batch in sink::decode(store.read(&file)?)? {
            rows.extend(CellRow::read(&batch)?);
        }
    }
    rows.retain(|row| sources.is_empty() || sources.iter().any(|id| id == row.source.as_str()));
    ensure!(!rows.is_empty(), "no votes of {sources:?} in {url}");
    Ok(rows)
}

fn same_model(rows: &[CellRow], file: &CalibrationFile, path: &Path) -> anyhow::Result<()> {
    let other = rows.iter().find(|row| row.model != file.model);
    if let Some(row) = other {
        bail!(
            "{} is of the model {}, and there are cells of {}: name its calibration with --calibration",
            path.display(),
            file.model,
            row.model
        );
    }
    Ok(())
}

fn grouped(rows: &[CellRow], every: Option<Span>, by: By) -> BTreeMap<Group, Votes> {
    let first = rows.iter().map(|row| row.window_start).min();
    let mut groups: BTreeMap<Group, Votes> = BTreeMap::new();
    for row in rows {
        let from = match every.map(Span::as_millis) {
            Some(length) => EventTime(row.window_start.0.div_euclid(length) * length),
            None => first.unwrap_or_default(),
        };
        let source = match by {
            By::Source => row.source.clone(),
            By::All => SourceId::new("*"),
        };
        let attribute = row.attribute;
        let group = Group {
            from,
            source,
            attribute,
        };
        let votes = groups.entry(group).or_default();
        votes.cells.add(row.cell, row.parts, &row.posterior_sums);
        votes.until = votes.until.max(row.window_end);
    }
    groups
}

/// One category of a group.
struct Line {
    from: EventTime,
    until: EventTime,
    source: String,
    attribute: Attribute,
    /// Nothing where the whole group is suppressed.
    category: Option<String>,
    total: Option<u64>,
    share_naive: Option<f64>,
    share: ShownShare,
    shift_p: Option<f64>,
}

fn estimated(
    group: &Group,
    votes: &Votes,
    calibrations: &Calibrations,
    thresholds: Thresholds,
) -> anyhow::Result<Vec<Line>> {
    let Some(estimator) = calibrations.estimator(&group.source, group.attribute) else {
        return Ok(Vec::new());
    };
    let grid = estimator.calibration.grid();
    let Some(dense) = votes.cells.dense(grid) else {
        bail!(
            "the cells of {} are not those of the calibration: were the age bands others?",
            group.attribute
        );
    };
    let mut by_class = vec![0.0; grid.classes()];
    for (cell, n) in dense.counts.iter().enumerate() {
        by_class[grid.predicted(cell)] += n;
    }
    let shown = suppress(&whole(&by_class), thresholds);
    let ShownShares { shares, shift_p } =
        show_shares(&shown, &votes.cells, Some(estimator), thresholds.k_cell);
    let nothing = || Line {
        from: group.from,
        until: votes.until,
        source: group.source.to_string(),
        attribute: group.attribute,
        category: None,
        total: None,
        share_naive: None,
        share: ShownShare::default(),
        shift_p,
    };
    let Cells::Shown { total, counts } = shown else {
        return Ok(vec![nothing()]);
    };
    let labels = estimator.calibration.labels.iter().zip(counts).enumerate();
    let line = |(place, (label, count)): (usize, (&String, Option<u64>))| Line {
        category: Some(label.clone()),
        total: Some(total),
        share_naive: count.map(|count| count as f64 / total as f64),
        share: shares.get(place).copied().unwrap_or_default(),
        ..nothing()
    };
    Ok(labels.map(line).collect())
}

/// Spread votes as whole ones, with the total that they have.
fn whole(votes: &[f64]) -> Vec<u64> {
    let mut before = 0.0;
    let count = |n: &f64| {
        let upto = before + n;
        let count = upto.round() - f64::round(before);
        before = upto;
        count as u64
    };
    votes.iter().map(count).collect()
}

const HEADER: [&str; 11] = [
    "from",
    "until",
    "source",
    "attribute",
    "category",
    "total",
    "share_naive",
    "share",
    "share_low",
    "share_high",
    "shift_p",
];

impl Line {
    fn cells(&self, number: fn(f64) -> String) -> [String; 11] {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        [
            time(self.from),
            time(self.until),
            self.source.clone(),
            self.attribute.to_string(),
            self.category.clone().unwrap_or_default(),
            self.total.map(|n| n.to_string()).unwrap_or_default(),
            optional(self.share_naive),
            optional(self.share.share),
            optional(self.share.low),
            optional(self.share.high),
            optional(self.shift_p),
        ]
    }
}

fn time(at: EventTime) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

fn print_table(lines: &[Line]) {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    for line in lines {
        table.add_row(line.cells(|value| format!("{value:.3}")));
    }
    println!("{table}\nEmpty: withheld because of too few people, or the data do not say.");
}

fn print_csv(lines: &[Line]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(HEADER)?;
    for line in lines {
        writer.write_record(line.cells(|value| value.to_string()))?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, minute: i64, cell: u32) -> CellRow {
        CellRow {
            source: SourceId::new(source),
            window_start: EventTime(minute * 60_000),
            window_end: EventTime((minute + 1) * 60_000),
            attribute: Attribute::Gender,
            cell,
            parts: 2 * 720_720,
            posterior_sums: vec![720_720, 720_720],
            model: "m@1".into(),
        }
    }

    fn totals(groups: &BTreeMap<Group, Votes>) -> Vec<(i64, &str, f64)> {
        let total =
            |(group, votes): (&'_ Group, &Votes)| (group.from.0 / 60_000, votes.cells.votes());
        let sources = groups.keys().map(|group| group.source.as_str());
        let totals = groups.iter().map(total);
        totals
            .zip(sources)
            .map(|((minute, n), source)| (minute, source, n))
            .collect()
    }

    #[test]
    fn panes_are_added_by_source_and_time() {
        let rows = [
            row("a", 0, 3),
            row("a", 59, 3),
            row("a", 60, 4),
            row("b", 5, 3),
        ];
        let hour = Some(Span::seconds(3600));
        let hours = grouped(&rows, hour, By::Source);
        assert_eq!(
            totals(&hours),
            [(0, "a", 4.0), (0, "b", 2.0), (60, "a", 2.0)]
        );
        assert_eq!(totals(&grouped(&rows, None, By::All)), [(0, "*", 8.0)]);
    }

    #[test]
    fn spread_votes_become_whole_ones_of_the_same_total() {
        assert_eq!(whole(&[1.5, 2.5, 3.0]), [2, 2, 3]);
        assert_eq!(whole(&[0.4, 0.4, 0.2]), [0, 1, 0]);
    }

    #[test]
    fn hours_add_up_to_the_day_cell_by_cell() {
        let rows: Vec<CellRow> = (0..1440)
            .map(|m| row("a", m, (m * 7 % 54) as u32))
            .collect();
        let mut sum = CellCounts::default();
        for votes in grouped(&rows, Some(Span::seconds(3600)), By::Source).values() {
            sum.merge(&votes.cells);
        }
        let day = grouped(&rows, None, By::Source);
        assert_eq!(day.values().next().unwrap().cells, sum);
    }
}
