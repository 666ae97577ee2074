//! The key of track hashes: lost, another one, taken out of the store. Nothing goes on in silence with another key.

use std::path::Path;

use super::world::{
    Broker, Service, Topic, composites, counted, crops_csv, duckdb, publish, run_until, with_config,
};

const CROPS: usize = 60;
const TRACKS: usize = 20;
const SOURCE: &str = "[[source]]\nid = \"lobby\"\n";

fn send(topic: &Topic, folder: &Path) {
    let crops = composites().into_iter().cycle().take(CROPS).enumerate();
    let crops = crops.map(|(n, file)| (file, "lobby".to_owned(), (n % TRACKS).to_string()));
    let sent = publish(topic, &crops_csv(folder, crops), &[]).finish(60);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
}

fn with_state(config: &str, line: &str) -> String {
    config.replace("[state]\n", &format!("[state]\n{line}\n"))
}

fn is_refused(config: &str, why: &str) {
    let refused = with_config(config, &["run"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for part in [why, "on_other_track_key"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let checked = with_config(config, &["check"]);
    assert!(
        checked.stdout.contains("FAULT  track key"),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_key_that_is_lost_or_another_one_is_refused_until_somebody_decides() {
    let topic = Broker::shared().topic("track-key", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // One pane a day, which only the last stop closes.
    let config = Service::config(&topic, &out, SOURCE)
        .replace("on_stop = \"close\"", "on_stop = \"keep\"")
        .replace("idle_after = \"2s\"", "idle_after = \"1h\"")
        .replace("pane = \"2s\"", "pane = \"24h\"")
        .replace("rolling = [\"10s\", \"1m\"]", "rolling = [\"24h\"]");
    send(&topic, folder.path());
    run_until(&config, CROPS);

    let kept = out.join("keys");
    let lost = folder.path().join("lost");
    std::fs::rename(&kept, &lost).unwrap();
    is_refused(&config, "track-key.json is not there");
    assert!(!kept.exists(), "no key was made anew");

    let group = std::fs::read_dir(lost.join("v1")).unwrap().next().unwrap();
    let file = group
        .unwrap()
        .path()
        .join(&topic.name)
        .join("track-key.json");
    let text: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let secret = folder.path().join("secret");
    let given = format!("track_key = {{ file = \"{}\" }}", secret.display());
    let given = with_state(&config, &given);
    std::fs::write(&secret, "another secret of thirty-two characters\n").unwrap();
    is_refused(&given, "another track key");
    // The same secret, out of the store: the open tracks are known again.
    std::fs::write(&secret, text["track_key"].as_str().unwrap()).unwrap();
    send(&topic, folder.path());
    run_until(&given, CROPS);

    let cut = with_state(&config, "on_other_track_key = \"cut\"");
    let cut = cut.replace("on_stop = \"keep\"", "on_stop = \"close\"");
    send(&topic, folder.path());
    run_until(&cut, CROPS);
    assert_eq!(counted(&out), 3 * CROPS as i64);
    // Two sendings with one key, and one with another.
    let rows = duckdb(&format!(
        "SELECT closed_by, faces + spared AS faces, tracks FROM read_parquet('{}/windows/*/*.parquet') ORDER BY closed_by",
        out.display()
    ));
    let row = |n: usize| {
        (
            rows[n]["closed_by"].as_str(),
            rows[n]["faces"].as_u64(),
            rows[n]["tracks"].as_u64(),
        )
    };
    let (crops, tracks) = (CROPS as u64, Some(TRACKS as u64));
    assert_eq!(row(0), (Some("change"), Some(2 * crops), tracks));
    assert_eq!(row(1), (Some("end"), Some(crops), tracks));
    assert_eq!(rows.len(), 2, "{rows:?}");
}
