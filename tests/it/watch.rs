//! `demograph watch` on a film and on photographs: who walks by is counted, and lies in the tables.

use std::{collections::BTreeSet, path::Path};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::world::{Film, Process, Walker, composites, demograph, duckdb};

/// So many people walk by; more than that with PEOPLE=200.
const PEOPLE: usize = 16;
/// Seconds between two of them, on average.
const BETWEEN: f64 = 1.25;

/// People of any of the composites, at any height, in both directions, with faces 55 to 90 pixels large in a picture of 640x360:
/// who is nearer covers who is not.
fn crowd(people: usize, seed: u64) -> Film {
    let mut random = StdRng::seed_from_u64(seed);
    let composites = composites();
    let mut walkers: Vec<Walker> = (0..people)
        .map(|number| {
            let side: u32 = random.random_range(70..110);
            let speed = random.random_range(90.0..170.0);
            Walker {
                composite: composites[random.random_range(0..composites.len())].clone(),
                side,
                enters: BETWEEN * number as f64 + random.random_range(0.0..BETWEEN),
                speed: if random.random_bool(0.5) {
                    speed
                } else {
                    -speed
                },
                height: random.random_range(0..360 - side),
            }
        })
        .collect();
    walkers.sort_by_key(|walker| walker.side);
    Film {
        size: (640, 360),
        fps: 10,
        seconds: (BETWEEN * people as f64) as u32 + 10,
        walkers,
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch for who measures")]
fn people() -> usize {
    std::env::var("PEOPLE").map_or(PEOPLE, |people| people.parse().unwrap())
}

fn watch(arguments: &[&str], out: &Path) -> String {
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch
        .args(arguments)
        .args(["--listen", "127.0.0.1:0", "--out"])
        .arg(out);
    let said = Process::start("demograph watch", watch).finish(600);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    said.stdout
}

#[test]
fn people_of_a_film_and_faces_of_photographs_are_counted_in_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let people = people();
    let film = folder.path().join("door.mkv");
    crowd(people, 3).write(&film);
    let photographs = folder.path().join("photographs");
    std::fs::create_dir(&photographs).unwrap();
    for (number, walker) in crowd(12, 4).walkers.into_iter().enumerate() {
        let photograph = Film {
            size: (400, 300),
            fps: 1,
            seconds: 1,
            walkers: vec![walker],
        };
        photograph
            .picture_at_middle()
            .save(photographs.join(format!("{number}.png")))
            .unwrap();
    }
    let out = folder.path().join("out");
    let [film, photographs] = [&film, &photographs].map(|path| path.to_str().unwrap());
    let said = watch(
        &[film, photographs, "--start", "2026-03-01T09:30:00Z"],
        &out,
    );
    assert!(said.contains("door: ended"), "{said}");
    assert!(said.contains("female") || said.contains("male"), "{said}");
    let windows = duckdb(&format!(
        "SELECT source, CAST(sum(tracks - stayed) AS INTEGER) AS people, \
         min(window_start) >= TIMESTAMPTZ '2026-03-01 09:30:00Z' \
         AND max(window_end) < TIMESTAMPTZ '2026-03-01 10:30:00Z' AS in_time \
         FROM read_parquet('{}/windows/*/*.parquet') GROUP BY source ORDER BY source",
        out.display()
    ));
    println!("{people} people: {windows:?}");
    let counted = windows[0]["people"].as_f64().unwrap() / people as f64;
    assert!((0.93..=1.07).contains(&counted), "{counted} {said}");
    assert_eq!(windows[0]["in_time"], true);
    assert_eq!(windows[1]["people"], 12, "{said}");
    // Another run leaves what is there.
    watch(&[photographs], &out);
    let runs = duckdb(&format!(
        "SELECT CAST(sum(tracks - stayed) AS INTEGER) AS people FROM read_parquet('{}/windows/*/*.parquet') WHERE source = 'photographs'",
        out.display()
    ));
    assert_eq!(runs[0]["people"], 24);
    let files: BTreeSet<String> = walk(folder.path()).collect();
    assert!(
        !files.iter().any(|file| file.ends_with(".jpg")),
        "{files:?}"
    );
}

fn walk(folder: &Path) -> Box<dyn Iterator<Item = String>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path),
            false => Box::new(std::iter::once(path.display().to_string())),
        }
    });
    Box::new(files)
}

#[test]
fn what_cannot_be_watched_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.mp4");
    let said = Process::start(
        "demograph watch",
        demograph(&["watch", missing.to_str().unwrap()]),
    );
    let said = said.finish(60);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("there is no such file or folder"),
        "{}",
        said.stderr
    );
}
