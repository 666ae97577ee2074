//! What outlives a process: open panes, rolling views, terms; and the tools that look at it.

use std::path::{Path, PathBuf};

use super::world::{
    Broker, Finished, LOBBY_AND_CAFE, Process, Service, composites, crops_csv, demograph, duckdb,
    metric, publish,
};

const CROPS: usize = 600;

/// People of all kinds before two cameras, a track each.
fn crowd(files: Vec<PathBuf>) -> impl Iterator<Item = (PathBuf, String, String)> {
    (0..CROPS).map(move |n| {
        let source = if n % 2 == 0 { "lobby" } else { "cafe" };
        (
            files[n * 37 % files.len()].clone(),
            source.to_owned(),
            n.to_string(),
        )
    })
}

fn state(config: &Path, arguments: &[&str]) -> Finished {
    let (question, rest) = arguments.split_first().unwrap();
    let mut state = demograph(&["state", question, "--config"]);
    state.arg(config).args(rest);
    Process::start("demograph state", state).finish(60)
}

/// Only silence and time close panes here, and nothing is closed by a stop.
fn config(topic: &super::world::Topic, out: &Path, more: &str) -> String {
    Service::config(topic, out, more)
        .replace("on_stop = \"close\"", "on_stop = \"keep\"")
        .replace("idle_after = \"2s\"", "idle_after = \"4s\"")
}

fn faces(metrics: &str) -> f64 {
    metric(
        metrics,
        "demograph_audience_faces{source=\"lobby\",window=\"1m\"}",
    ) + metric(
        metrics,
        "demograph_audience_faces{source=\"cafe\",window=\"1m\"}",
    )
}

#[test]
fn a_restart_goes_on_with_open_panes_and_views_and_other_terms_split_rows() {
    let topic = Broker::shared().topic("checkpoints", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let first = config(&topic, &out, LOBBY_AND_CAFE);
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, &first).unwrap();
    let crops = crops_csv(folder.path(), crowd(composites()));

    let mut service = Service::start(&first);
    service.await_ready();
    let sending = publish(&topic, &crops, &["--rate", "100"]);
    service.await_metric("demograph_audience_faces", 100.0, 120);
    service.await_metric("demograph_records_total", CROPS as f64, 120);
    assert_eq!(sending.finish(60).code, Some(0));
    let shown = faces(&service.metrics());
    service.stop();
    let kept = state(&file, &["show", "--partition", "0"]);
    assert!(
        kept.stdout.contains(" open panes"),
        "{}{}",
        kept.stdout,
        kept.stderr
    );

    // The same panes are seen again, and those that were open when it stopped come to an end.
    let mut service = Service::start(&first);
    service.await_ready();
    service.await_metric("demograph_audience_faces", shown.max(1.0), 60);
    publish(&topic, &crops, &[]).finish(60);
    service.await_metric("demograph_records_total", CROPS as f64, 120);
    service.stop();

    // Another policy takes over what is open.
    let second = first
        .replace("[output]", "[policy]\nname = \"second\"\n[output]")
        .replace("test: composites", "another basis: composites");
    let mut service = Service::start(&second);
    service.await_ready();
    publish(&topic, &crops, &[]).finish(60);
    service.await_metric("demograph_records_total", CROPS as f64, 120);
    service
        .process
        .wait_for("all records are in the tables", 60, || {
            (records(&out) == 3 * CROPS as i64).then_some(())
        });
    service.stop();
    terms_do_not_mix(&out);
    each_file_states_the_legal_basis_of_its_rows(&out);
    the_tools_tell_good_from_bad(&file, &out);
}

fn records(out: &Path) -> i64 {
    let sum = duckdb(&format!(
        "SELECT coalesce(sum(faces + spared + late + rejected), 0) AS records FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    sum[0]["records"].as_i64().unwrap()
}

/// The pane that the change cut has rows of both policies.
fn terms_do_not_mix(out: &Path) {
    let panes = duckdb(&format!(
        "SELECT split_part(policy, '@', 1) AS policy, closed_by, sum(faces + late) AS seen
         FROM read_parquet('{}/windows/*/*.parquet') GROUP BY ALL ORDER BY ALL",
        out.display()
    ));
    let of = |policy: &str| {
        let rows = panes.iter().filter(|row| row["policy"] == policy);
        rows.map(|row| row["seen"].as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(
        (of("default"), of("second")),
        (2 * CROPS as i64, CROPS as i64),
        "{panes:?}"
    );
    assert!(
        panes
            .iter()
            .any(|row| row["policy"] == "default" && row["closed_by"] == "change"),
        "nothing was open at the change, so nothing is shown: {panes:?}"
    );
}

/// Also a file that the second policy's process wrote of panes that were counted under the first.
fn each_file_states_the_legal_basis_of_its_rows(out: &Path) {
    let stated = duckdb(&format!(
        "PIVOT (SELECT file_name, decode(key) AS key, decode(value) AS value
                FROM parquet_kv_metadata('{}/*/*/*.parquet'))
         ON key IN ('demograph.policy', 'demograph.legal_basis') USING first(value) GROUP BY file_name",
        out.display()
    ));
    let bases = |policy: &str| -> Vec<&str> {
        let of_policy = |row: &&serde_json::Value| {
            let id = row["demograph.policy"].as_str().unwrap();
            id.starts_with(&format!("{policy}@"))
        };
        let mut bases: Vec<&str> = stated
            .iter()
            .filter(of_policy)
            .map(|row| row["demograph.legal_basis"].as_str().unwrap())
            .collect();
        bases.sort_unstable();
        bases.dedup();
        bases
    };
    assert_eq!(
        bases("default"),
        ["lobby: test: composites, no natural person"]
    );
    assert_eq!(
        bases("second"),
        ["lobby: another basis: composites, no natural person"]
    );
}

fn the_tools_tell_good_from_bad(config: &Path, out: &Path) {
    let listed = state(config, &["ls"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let verified = state(config, &["verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert_eq!(
        verified.stdout.matches("ok     partition").count(),
        2,
        "{}",
        verified.stdout
    );

    let refused = state(config, &["reset", "--partition", "0", "--offset", "0"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let reset = state(
        config,
        &["reset", "--partition", "0", "--offset", "0", "--yes"],
    );
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    assert_eq!(state(config, &["verify"]).code, Some(0));

    let dates = std::fs::read_dir(out.join("windows")).unwrap();
    let parts = dates.flat_map(|date| std::fs::read_dir(date.unwrap().path()).unwrap());
    let mut parts = parts.map(|part| part.unwrap().path());
    // The reset wrote a newer head, so this is no publication on its way.
    let lost = parts.find(|part| part.display().to_string().contains("-p0-"));
    let lost = lost.unwrap();
    std::fs::remove_file(&lost).unwrap();
    let verified = state(config, &["verify"]);
    assert_eq!(verified.code, Some(1), "{}", verified.stdout);
    assert!(verified.stdout.contains("FAULT"), "{}", verified.stdout);
}
