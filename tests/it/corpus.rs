//! The fuzz targets' seeds, replayed through the targets' own functions: none panics, and each ends as its name says.

#[path = "../../fuzz/entry.rs"]
mod entry;

use std::collections::BTreeMap;

use entry::Outcome;

use crate::tools;

type Entry = fn(&[u8]) -> Outcome;

const TARGETS: [(&str, Entry); 4] = [
    ("event", entry::event),
    ("image", entry::image),
    ("config", entry::config),
    ("checkpoint", entry::checkpoint),
];

/// Replays the seeds; how often each outcome came.
fn replay(target: &str, entry: Entry) -> BTreeMap<String, usize> {
    let folder = tools::root().join("fuzz/corpus").join(target);
    let mut outcomes = BTreeMap::new();
    for seed in std::fs::read_dir(folder).unwrap() {
        let path = seed.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (expected, _) = name
            .split_once("--")
            .unwrap_or_else(|| panic!("{name} does not say what must become of it"));
        let outcome = match entry(&std::fs::read(&path).unwrap()) {
            Ok(()) => "accepted".to_owned(),
            Err(reason) => reason,
        };
        assert_eq!(outcome, expected, "{}", path.display());
        *outcomes.entry(outcome).or_default() += 1;
    }
    outcomes
}

#[test]
fn every_seed_ends_as_its_name_says() {
    for (target, entry) in TARGETS {
        let outcomes = replay(target, entry);
        assert!(outcomes.contains_key("accepted"), "{target}: {outcomes:?}");
        assert!(
            outcomes.len() >= 4 || target == "config",
            "{target}: {outcomes:?}"
        );
    }
}

#[test]
fn cut_and_flipped_seeds_panic_nowhere() {
    for (target, entry) in TARGETS {
        let folder = tools::root().join("fuzz/corpus").join(target);
        for seed in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(seed.unwrap().path()).unwrap();
            // A prime, so that places differ from seed to seed; the config's schema is slow to check.
            let step = if target == "config" { 61 } else { 31 };
            for place in (0..bytes.len()).step_by(step) {
                let _outcome = entry(&bytes[..place]);
                let mut flipped = bytes.clone();
                flipped[place] ^= 0x55;
                let _outcome = entry(&flipped);
            }
        }
    }
}

#[test]
fn every_target_has_seeds_and_a_replay() {
    let manifest: toml::Table = tools::text("fuzz/Cargo.toml").parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let names: Vec<&str> = bins.map(|bin| bin["name"].as_str().unwrap()).collect();
    assert_eq!(names, TARGETS.map(|(name, _)| name));
    for name in names {
        let target = tools::text(&format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(
            target.contains(&format!("entry::{name}(bytes)")),
            "{target}"
        );
    }
}
