//! Estimated shares in the tables, and `demograph estimate` over the exact cells, counted again by DuckDB.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::world::{
    Broker, LOBBY_AND_CAFE, Process, Service, composites, crops_csv, demograph, duckdb, publish,
    repository,
};

/// 2,000 crops of people of all kinds, each with a track of two.
fn crowd() -> impl Iterator<Item = (PathBuf, String, String)> {
    let files = composites();
    (0..2_000).map(move |n| {
        let source = if n % 4 < 2 { "lobby" } else { "cafe" };
        let file = files[n / 2 * 37 % files.len()].clone();
        (file, source.to_owned(), (n / 2).to_string())
    })
}

#[test]
fn rows_carry_shares_with_intervals_and_any_grouping_can_be_estimated_again() {
    let topic = Broker::shared().topic("estimates", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // Only the watermark shall close panes here.
    let config = Service::config(&topic, &out, LOBBY_AND_CAFE)
        .replace("idle_after = \"2s\"", "idle_after = \"5m\"")
        .replace("[output]", "[output]\ncells = true");
    let mut service = Service::start(&config);
    let published = publish(&topic, &crops_csv(folder.path(), crowd()), &[]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", 2_000.0, 300);
    service.stop();
    rows_are_consistent(&out);
    assert!(!out.join("cells").exists(), "exact cells lie apart");
    cells_hold_every_vote(&out);
    cells_in_the_old_place_are_read_too(&out);
    estimates_add_up_to_what_the_cells_hold(&out);
}

fn rows_are_consistent(out: &Path) {
    let found = duckdb(&format!(
        "SELECT count(share) > 0 AS some,
           count(*) FILTER (share < share_low OR share > share_high OR share_low < 0 OR share_high > 1) AS outside,
           count(*) FILTER (suppressed AND (share IS NOT NULL OR share_low IS NOT NULL)) AS leaked,
           count(*) FILTER (category IS NOT NULL AND method <> 'score') AS other
         FROM read_parquet('{}/demographics/*/*.parquet')",
        out.display()
    ));
    assert_eq!(
        found,
        [json!({ "some": true, "outside": 0, "leaked": 0, "other": 0 })]
    );
}

fn cells_hold_every_vote(out: &Path) {
    let wrong = duckdb(&format!(
        "WITH cells AS (SELECT source, attribute, sum(parts) AS votes
           FROM read_parquet('{0}-cells/cells/*/*.parquet') GROUP BY ALL),
         panes AS (SELECT source, sum(votes) AS votes FROM read_parquet('{0}/windows/*/*.parquet') GROUP BY ALL)
         SELECT count(*) AS groups, count(*) FILTER (cells.votes <> panes.votes * 720720) AS wrong FROM cells JOIN panes USING (source)",
        out.display()
    ));
    // Three attributes of the lobby, two of the cafe.
    assert_eq!(wrong, [json!({ "groups": 5, "wrong": 0 })]);
}

/// Half of the files where an earlier version wrote them, one of them in both places.
fn cells_in_the_old_place_are_read_too(out: &Path) {
    let apart = out.with_file_name("out-cells");
    let csv = |place: &[&str]| {
        let mut command = demograph(&["--log", "warn", "estimate", "--format", "csv"]);
        command.arg("--calibration");
        command.arg(repository("models/research-small/calibration.int8.json"));
        command.args(place);
        let said = Process::start("demograph estimate", command).finish(60);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        (said.stdout, said.stderr)
    };
    let [tables, cells] = [out, &apart].map(|place| place.display().to_string());
    let (all, said) = csv(&["--tables", &tables]);
    assert!(!said.contains("among the tables"), "{said}");
    assert_eq!(csv(&["--cells", &cells]).0, all);
    let mut moved = 0;
    for date in std::fs::read_dir(apart.join("cells")).unwrap() {
        let date = date.unwrap().path();
        let old = out.join("cells").join(date.file_name().unwrap());
        std::fs::create_dir_all(&old).unwrap();
        for (n, file) in std::fs::read_dir(&date).unwrap().enumerate() {
            let file = file.unwrap().path();
            std::fs::copy(&file, old.join(file.file_name().unwrap())).unwrap();
            if n % 2 == 1 {
                std::fs::remove_file(file).unwrap();
            }
            moved += 1;
        }
    }
    assert!(moved > 1, "there are files of both kinds");
    let (again, said) = csv(&["--tables", &tables]);
    assert_eq!(again, all);
    assert!(said.contains("among the tables"), "{said}");
}

fn estimates_add_up_to_what_the_cells_hold(out: &Path) {
    let estimate = |more: &[&str]| {
        let mut command = demograph(&["--log", "warn", "estimate", "--format", "csv"]);
        command.arg("--calibration");
        command.arg(repository("models/research-small/calibration.int8.json"));
        command.arg("--tables");
        command.arg(out).args(more);
        let said = Process::start("demograph estimate", command).finish(60);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout
    };
    let csv = estimate(&["--by", "all"]);
    let mut shares = std::collections::BTreeMap::<String, f64>::new();
    for row in csv::Reader::from_reader(csv.as_bytes()).records() {
        let row = row.unwrap();
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        if &row[3] != "gender" {
            continue;
        }
        assert_eq!(number(5), 1_000.0, "a vote a track: {row:?}");
        assert!(number(8) <= number(7) && number(7) <= number(9), "{row:?}");
        shares.insert(row[4].to_owned(), number(7));
    }
    assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9, "{csv}");

    let other = repository("models/age-gender-cc0/manifest.toml");
    let mut command = demograph(&["--log", "warn", "estimate", "--tables"]);
    command.arg(out).arg("--calibration").arg(other);
    let said = Process::start("demograph estimate", command).finish(60);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("manifest.toml"), "{}", said.stderr);
}
