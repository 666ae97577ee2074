//! The whole path from two commands, `demograph run` and `demograph publish`, to the tables.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::world::{
    Broker, LOBBY_AND_CAFE, Service, composites, crops_csv, duckdb, publish, pyarrow_schema,
    pyarrow_totals, repository,
};

/// 5,000 rows: every fifth crop is seen by `cafe`, without a tracker; every hundredth is cut off.
fn crops() -> impl Iterator<Item = (PathBuf, String, String)> {
    let files = composites();
    let cut = repository("tests/data/malformed/cut_50.jpg");
    (0..5_000).map(move |n| {
        let file = if n % 100 == 0 {
            &cut
        } else {
            &files[n % files.len()]
        };
        let (source, track) = match n % 5 {
            1 => ("cafe", String::new()),
            _ => ("lobby", format!("{}", n / 20)),
        };
        (file.clone(), source.to_owned(), track)
    })
}

#[test]
fn what_was_published_stands_in_the_tables_to_the_last_crop() {
    let topic = Broker::shared().topic("whole-path", 4);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // A busy machine may be silent for seconds; only the watermark shall close panes here.
    let config = Service::config(&topic, &out, LOBBY_AND_CAFE)
        .replace("idle_after = \"2s\"", "idle_after = \"5m\"");
    let mut service = Service::start(&config);
    let published = publish(&topic, &crops_csv(folder.path(), crops()), &[]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    assert!(
        published.stdout.contains("5000 events delivered"),
        "{}",
        published.stdout
    );
    service.await_metric("demograph_records_total", 5_000.0, 300);
    service.stop();

    let totals = duckdb(&format!(
        "SELECT source, sum(faces) AS faces, sum(spared) AS spared, sum(late) AS late, sum(rejected) AS rejected
         FROM read_parquet('{}/windows/*/*.parquet', hive_partitioning = true) GROUP BY source ORDER BY source",
        out.display()
    ));
    // Sixteen crops a track, in one pane of two seconds or in two.
    let spared = totals[1]["spared"].as_i64().unwrap();
    assert!((2_000..3_750).contains(&spared), "{spared}");
    assert_eq!(
        totals,
        [
            json!({ "source": "cafe", "faces": 1_000, "spared": 0, "late": 0, "rejected": 0 }),
            json!({ "source": "lobby", "faces": 3_950 - spared, "spared": spared, "late": 0, "rejected": 50 }),
        ]
    );
    assert_eq!(
        pyarrow_totals(&out.join("windows").display().to_string()),
        totals
    );
    for (committed, end) in topic.committed_and_ends() {
        assert_eq!(committed, end);
    }
    shows_what_the_policy_allows(&out);
    has_the_published_schema(&out);
}

/// Ethnicity only for the source that has a legal basis; what is shown adds up.
fn shows_what_the_policy_allows(out: &Path) {
    let attributes = duckdb(&format!(
        "SELECT source, string_agg(DISTINCT attribute, ' ' ORDER BY attribute) AS attributes
         FROM read_parquet('{}/demographics/*/*.parquet') GROUP BY source ORDER BY source",
        out.display()
    ));
    assert_eq!(
        attributes,
        [
            json!({ "source": "cafe", "attributes": "age gender" }),
            json!({ "source": "lobby", "attributes": "age ethnicity gender" }),
        ]
    );
    let shown = duckdb(&format!(
        "SELECT sum(count) AS votes, count(*) FILTER (count > total OR (share_naive IS NULL) <> (count IS NULL)) AS wrong
         FROM read_parquet('{}/demographics/*/*.parquet') WHERE attribute = 'gender'",
        out.display()
    ));
    assert!(shown[0]["votes"].as_i64().unwrap() > 0, "{shown:?}");
    assert_eq!(shown[0]["wrong"], 0);
}

fn has_the_published_schema(out: &Path) {
    for table in ["demographics", "windows", "hourly", "daily"] {
        let contract = repository(&format!("schemas/{table}.v1.arrow.txt"));
        let contract = std::fs::read_to_string(contract).unwrap();
        let columns = pyarrow_schema(&some_file(&out.join(table)));
        let columns: Vec<&str> = columns
            .iter()
            .map(|column| column.as_str().unwrap())
            .collect();
        assert_eq!(columns, contract.lines().collect::<Vec<_>>(), "{table}");
    }
}

/// Any file of a table.
fn some_file(table: &Path) -> PathBuf {
    let date = std::fs::read_dir(table).unwrap().next().unwrap().unwrap();
    let mut files = std::fs::read_dir(date.path()).unwrap();
    files.next().unwrap().unwrap().path()
}
