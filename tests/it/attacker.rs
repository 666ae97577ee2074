//! The attacker: who reads all that leaves the program, and knows every algorithm and setting, learns no hidden count.
//! He is `tests/tools/attacker/`. ATTACKER_STREAMS=200 tries that many streams and prints the numbers of docs/adr/0020.

#[cfg(feature = "page")]
mod api;
mod publish;
mod run;
mod streams;
mod twins;

use std::{collections::BTreeMap, path::Path, thread};

use demograph_core::estimate::CalibrationFile;
use serde_json::Value;

use super::{
    tools,
    world::{Process, demograph, repository},
};
use publish::Places;

const CALIBRATION: &str = "models/research-small/calibration.int8.five.json";
/// Streams that are tried in `make test`.
const STREAMS: u64 = 20;

fn calibration() -> CalibrationFile {
    CalibrationFile::parse(&tools::text(CALIBRATION)).unwrap()
}

fn publish_in(folder: &Path, stream: &streams::Stream) {
    let path = repository(CALIBRATION);
    let places = Places::under(folder);
    publish::publish(stream, &calibration(), path.to_str().unwrap(), &places);
}

/// What a Python tool of the attacker found in these runs, a line a run.
fn attack(tool: &str, arguments: &[&str]) -> Vec<Value> {
    let tool = format!("tests/tools/attacker/{tool}");
    let said = tools::run(tools::python(), &[&[&tool[..]], arguments].concat(), "");
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Whether each range holds the true count: else the attacker is wrong about the program.
fn is_right(folder: &Path, ranges: &Value) {
    let truth = std::fs::read(Places::under(folder).judge.join("truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let mut counts: BTreeMap<String, &Value> = BTreeMap::new();
    for window in truth.as_array().unwrap() {
        let [source, start, end, offset] =
            ["source", "start", "end", "offset"].map(|key| &window[key]);
        counts.insert(
            format!("{source} {start} {end} {offset}"),
            &window["counts"],
        );
    }
    for range in ranges.as_array().unwrap() {
        let [source, start, end, offset] = [0, 1, 2, 3].map(|place| &range[place]);
        let key = format!("{source} {start} {end} {offset}");
        let counts = counts
            .get(&key)
            .unwrap_or_else(|| panic!("{key} of {:?}", counts.keys()));
        let attribute = range[4].as_str().unwrap();
        let number = |place: usize| range[place].as_u64().unwrap_or(u64::MAX);
        // Of windows that are suppressed as a whole the truth is not known here either.
        if let Some(count) = counts[attribute][number(5) as usize].as_u64() {
            assert!((number(6)..=number(7)).contains(&count), "{range}: {count}");
        }
    }
}

/// The sums over all runs.
#[derive(Debug, Default)]
struct Found {
    twins: usize,
    numbers: BTreeMap<&'static str, u64>,
    /// The narrowest interval of a hidden count, and of a hidden estimate, in multiples of `k_cell` votes.
    narrowest: BTreeMap<&'static str, f64>,
}

const NUMBERS: [&str; 11] = [
    "windows",
    "scrapes",
    "periods",
    "shown",
    "hidden",
    "suppressed",
    "pinned",
    "narrow",
    "followed",
    "unsure",
    "unexplained",
];

const NARROWEST: [&str; 2] = ["narrowest_counts", "narrowest_estimates"];

impl Found {
    /// Tries some streams.
    fn of(seeds: impl Iterator<Item = u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut found = Self::default();
        let mut folders = Vec::new();
        for seed in seeds {
            let folder = folder.path().join(seed.to_string());
            let stream = streams::draw(seed, &calibration());
            publish_in(&folder, &stream);
            #[cfg(feature = "page")]
            if seed == 0 {
                let rows = api::series_are_what_the_tables_say(&Places::under(&folder).published);
                assert!(rows > 50, "{rows}");
            }
            found.twins += twins::cannot_be_told_apart(&stream, &calibration(), seed);
            folders.push(folder);
        }
        let paths: Vec<&str> = folders
            .iter()
            .filter_map(|folder| folder.to_str())
            .collect();
        for (folder, report) in folders.iter().zip(attack("attack.py", &paths)) {
            is_right(folder, &report["ranges"]);
            assert_eq!(report["compacted_files_say_nothing_else"], true, "{report}");
            found.add(&report);
        }
        found
    }

    fn add(&mut self, report: &Value) {
        for name in NUMBERS {
            *self.numbers.entry(name).or_default() += report[name].as_u64().unwrap();
        }
        let unsure = report["unsure"].as_u64().unwrap();
        let followed = report["followed"].as_u64().unwrap();
        assert!(
            unsure * 50 < followed,
            "the attacker follows too little: {unsure} of {followed}"
        );
        for name in NARROWEST {
            if let Some(width) = report[name].as_f64() {
                self.narrow_to(name, width);
            }
        }
    }

    fn narrow_to(&mut self, name: &'static str, width: f64) {
        let narrowest = self.narrowest.entry(name).or_insert(f64::MAX);
        *narrowest = narrowest.min(width);
    }

    fn merge(&mut self, other: &Self) {
        self.twins += other.twins;
        for (name, number) in &other.numbers {
            *self.numbers.entry(name).or_default() += number;
        }
        for (name, &width) in &other.narrowest {
            self.narrow_to(name, width);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch for developers")]
fn streams_tried() -> u64 {
    std::env::var("ATTACKER_STREAMS").map_or(STREAMS, |number| number.parse().unwrap())
}

#[test]
fn who_reads_everything_that_leaves_the_program_pins_no_hidden_count() {
    let streams = streams_tried();
    let halves = [0, 1].map(|first| thread::spawn(move || Found::of((first..streams).step_by(2))));
    let mut found = Found::default();
    for half in halves {
        found.merge(&half.join().unwrap());
    }
    println!("{streams} streams: {found:#?}");
    let number = |name| found.numbers[name];
    assert_eq!(
        (number("pinned"), number("narrow"), number("unexplained")),
        (0, 0, 0),
        "{found:?}"
    );
    for (name, at_least) in [
        ("windows", 15),
        ("periods", 5),
        ("hidden", 50),
        ("shown", 50),
        ("followed", 500),
    ] {
        assert!(
            number(name) >= at_least * streams,
            "too few {name}: {found:?}"
        );
    }
    assert!(found.twins as u64 >= streams, "{found:?}");
}

/// What the attacker makes of output that is known to leak.
fn leaks(folder: &Path, leak: &str) {
    let found = attack("leaks.py", &[folder.to_str().unwrap(), leak]).remove(0);
    is_right(folder, &found["ranges"]);
    let numbers = ["pinned", "narrow", "hidden"].map(|name| found[name].as_u64().unwrap());
    println!("{leak}: pinned, narrowed, hidden: {numbers:?}");
    assert!(numbers[0] > 0, "{found}");
}

/// An earlier version estimated views from exact cells. `demograph estimate` says that it does.
#[test]
fn the_attacker_pins_hidden_counts_by_exact_views_and_by_the_output_of_estimate() {
    let folder = tempfile::tempdir().unwrap();
    let stream = streams::linear(&calibration());
    let places = Places::under(folder.path());
    publish_in(folder.path(), &stream);
    publish::publish_before(&stream, &calibration(), &places);
    leaks(folder.path(), "views");
    let mut command = demograph(&["estimate", "--every", "10m", "--format", "csv"]);
    command.arg("--cells").arg(&places.cells);
    command.arg("--calibration").arg(repository(CALIBRATION));
    let said = Process::start("demograph estimate", command).finish(60);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stderr.contains("as sensitive as the exact cells"),
        "{}",
        said.stderr
    );
    std::fs::write(places.judge.join("estimate.csv"), said.stdout).unwrap();
    leaks(folder.path(), "estimate");
}
