//! `demograph page` over tables that other programs wrote anew, and over tables among which files are broken.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{
    page,
    page_of_tables::open,
    tools,
    world::{Process, demograph},
};

/// Programs whose files hold the same rows.
const TAKEN: [&str; 6] = [
    "duckdb",
    "duckdb-gzip",
    "nanoseconds",
    "spark",
    "dictionary",
    "pandas",
];
/// Files that are left out, and a part of what is said of each.
const BROKEN: [(&str, &str); 10] = [
    ("copy.parquet", "would count twice"),
    ("cut.parquet", "its end is missing: move it away"),
    ("foreign.parquet", "no column source"),
    ("lz4.parquet", "compressed with LZ4"),
    ("moved.parquet", "holds a row of 2026-03-02"),
    ("naive.parquet", "times without a zone"),
    ("part-0.parquet", "named after a date"),
    ("rubbish.parquet", "move it away"),
    ("text-people.parquet", "CAST(people AS BIGINT)"),
    ("text.parquet", "its end is missing: move it away"),
];
/// What is asked, and which part of the answer says something of people.
const ASKED: [(&str, &str); 6] = [
    ("live", "sources"),
    ("sources", "sources"),
    (
        "series?source=cam-001&attribute=gender&from=2026-03-01&to=2026-03-02",
        "periods",
    ),
    (
        "series?source=cam-002&attribute=age&from=2026-03-01&to=2026-03-02",
        "periods",
    ),
    (
        "series?source=cam-001&attribute=age&step=day&from=2026-03-01&to=2026-03-02",
        "periods",
    ),
    (
        "windows?source=cam-002&attribute=gender&from=2026-03-01&to=2026-03-02&limit=1000",
        "windows",
    ),
];

/// An answer from tables. On a busy machine it is asked for again, as it says.
fn json(url: &str, path: &str) -> Value {
    let answers = (0..20).map(|_| page::ask(url, path));
    let answer = answers.into_iter().find(|answer| answer.status != 503);
    let answer = answer.expect("tables are read in a minute");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// What the page over these tables answers.
fn answers(tables: &Path) -> Vec<Value> {
    let opened = open(tables);
    let ask = |(path, _): &(&str, &str)| json(&opened.url, &format!("/api/v1/{path}"));
    let answers = ASKED.iter().map(ask).collect();
    opened.end();
    answers
}

/// The part that says something of people.
fn numbers(answers: &[Value]) -> Vec<&Value> {
    let of = ASKED.iter().zip(answers);
    of.map(|((_, part), answer)| &answer[part]).collect()
}

#[test]
fn tables_of_other_programs_are_read_and_broken_files_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let script = [
        "tests/tools/tables_of_others.py",
        &place.display().to_string(),
    ];
    tools::run(tools::python(), &script, "");

    let own = answers(&place.join("own"));
    let expected = numbers(&own);
    assert_eq!(expected[0].as_array().unwrap().len(), 3);
    assert_eq!(expected[2].as_array().unwrap().len(), 48);
    assert_eq!(expected[5].as_array().unwrap().len(), 48);
    assert!(own.iter().all(|answer| answer["left_out"]["files"] == 0));
    for program in TAKEN {
        let said = answers(&place.join(program));
        for (at, answer) in said.iter().enumerate() {
            assert_eq!(answer["left_out"]["files"], 0, "{program}: {answer}");
            assert_eq!(
                numbers(&said)[at],
                expected[at],
                "{program}: {}",
                ASKED[at].0
            );
        }
    }

    let opened = open(&place.join("broken"));
    let url = &opened.url;
    let mut named = BTreeMap::new();
    for (at, (path, part)) in ASKED.iter().enumerate() {
        let answer = json(url, &format!("/api/v1/{path}"));
        assert_eq!(&answer[part], expected[at], "{path}");
        // Days and windows lie in tables without such files.
        let is_of_hours = !path.contains("step=day") && !path.starts_with("windows");
        let files = answer["left_out"]["files"].as_u64().unwrap();
        // The copy of rows that are known changes nothing in the newest hours.
        let least = if is_of_hours {
            BROKEN.len() as u64 - 1
        } else {
            0
        };
        assert!(
            files >= least && files <= BROKEN.len() as u64,
            "{path}: {answer}"
        );
        for one in answer["left_out"]["named"].as_array().unwrap() {
            let file = one["file"].as_str().unwrap();
            let (_, name) = file.rsplit_once('/').unwrap();
            named.insert(name.to_owned(), one["why"].as_str().unwrap().to_owned());
        }
        let csv = page::ask(url, &format!("/api/v1/{path}{}format=csv", joint(path)));
        let mut lines = csv.body.lines();
        assert!(lines.next().unwrap().ends_with(",files_left_out"), "{path}");
        let last = format!(",{files}");
        assert!(
            lines.all(|line| line.ends_with(&last)),
            "{path}: {}",
            csv.body
        );
    }
    let files: Vec<&str> = named.keys().map(String::as_str).collect();
    assert_eq!(files, BROKEN.map(|(file, _)| file), "{named:?}");
    for (file, part) in BROKEN {
        assert!(named[file].contains(part), "{file}: {}", named[file]);
    }
    let once = demograph(&["top", "--once", "--url", url]);
    let once = Process::start("demograph top", once).finish(30);
    let said = format!("FILES LEFT OUT: {}, such as hourly/", BROKEN.len() - 1);
    assert!(once.stdout.contains(&said), "{}", once.stdout);
    let script = ["tests/tools/page_of_broken.py", url, "cam-001"];
    tools::run(tools::python(), &script, "");
    // What is mended counts at once: a file that is moved away, and one that is written anew under its name.
    let hours = place.join("broken/hourly/date=2026-03-01");
    for (file, _) in BROKEN.iter().filter(|(file, _)| *file != "part-0.parquet") {
        std::fs::remove_file(hours.join(file)).unwrap();
    }
    std::fs::write(hours.join("part-5.parquet"), "being written").unwrap();
    let path = format!("/api/v1/{}", ASKED[2].0);
    let answer = json(url, &path);
    assert_eq!(answer["left_out"]["files"], 2, "{answer}");
    assert_eq!(answer["periods"].as_array().unwrap().len(), 47);
    std::fs::copy(
        place.join("own/hourly/date=2026-03-01/part-5.parquet"),
        hours.join("part-5.parquet"),
    )
    .unwrap();
    let answer = json(url, &path);
    assert_eq!(&answer["periods"], expected[2]);
    opened.end();
}

fn joint(path: &str) -> &'static str {
    if path.contains('?') { "&" } else { "?" }
}
