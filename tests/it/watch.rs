//! `demograph watch` on a film and on photographs: who walks by is counted, and lies in the tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::world::{Film, Process, Walker, composites, demograph, duckdb};

/// So many people walk by; more than that with PEOPLE=200.
const PEOPLE: usize = 16;
/// Seconds between two of them, on average; others with BETWEEN=1.25.
const BETWEEN: f64 = 2.0;
/// Pixels of the picture; others with WIDTH=640 HEIGHT=360.
const SIZE: (u32, u32) = (960, 540);

/// People of any of the composites, at any height, in both directions, with faces 55 to 90 pixels large: who is nearer covers who
/// is not.
pub fn crowd(people: usize, seed: u64) -> Film {
    let between = switch("BETWEEN", BETWEEN);
    let size = (switch("WIDTH", SIZE.0), switch("HEIGHT", SIZE.1));
    let mut random = StdRng::seed_from_u64(seed);
    let composites = composites();
    let mut walkers: Vec<Walker> = (0..people)
        .map(|number| {
            let side: u32 = random.random_range(70..110);
            let speed = random.random_range(140.0..260.0);
            Walker {
                composite: composites[random.random_range(0..composites.len())].clone(),
                side,
                enters: between * number as f64 + random.random_range(0.0..between),
                speed: if random.random_bool(0.5) {
                    speed
                } else {
                    -speed
                },
                height: random.random_range(0..size.1 - side),
            }
        })
        .collect();
    walkers.sort_by_key(|walker| walker.side);
    Film {
        size,
        fps: 10,
        seconds: (between * people as f64) as u32 + 10,
        walkers,
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch for who measures")]
pub fn switch<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str, usual: T) -> T {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
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
    let people = switch("PEOPLE", PEOPLE);
    let film = folder.path().join("door.mkv");
    crowd(people, switch("SEED", 3)).write(&film);
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
    // Every face would be rejected.
    crowd(1, 1).write(&missing);
    let mut future = demograph(&["watch", "--start", "2100-01-01T00:00:00Z"]);
    future.arg(&missing);
    let said = Process::start("demograph watch", future).finish(60);
    assert_eq!(said.code, Some(1));
    let why = "none.mp4: with this --start it ends in the future";
    assert!(said.stderr.contains(why), "{}", said.stderr);
    // So it is here, and the end says why.
    let mut past = demograph(&["--log", "warn", "watch", "--start", "0001-01-01T00:00:00Z"]);
    past.args(["--listen", "127.0.0.1:0", "--out"])
        .arg(folder.path().join("out"))
        .arg(&missing);
    let said = Process::start("demograph watch", past).finish(60);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.contains("  rejected          past_time "),
        "{}",
        said.stdout
    );
    // Nobody could tell the rows of two sources with one name apart.
    let twins = ["watch", "door=rtsp://u:s3cret@cam/1", "door=rtsp://cam/2"];
    let said = Process::start("demograph watch", demograph(&twins)).finish(60);
    assert_eq!(said.code, Some(1));
    let why = "two sources are called \"door\": rtsp://***@cam/1 and rtsp://cam/2. Give each a name of its own";
    assert!(said.stderr.contains(why), "{}", said.stderr);
    // A protocol that is none would be tried for ever.
    let said = Process::start(
        "demograph watch",
        demograph(&["watch", "rtps://u:s3cret@cam/1"]),
    );
    let said = said.finish(60);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .contains("rtps://***@cam/1: there is no such file or folder, and it is no rtsp://"),
        "{}",
        said.stderr
    );
}

#[test]
fn what_cannot_be_read_holds_up_no_other_and_is_told_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    crowd(12, 9).write(&path("door.mkv"));
    let mut sound = std::process::Command::new("ffmpeg");
    sound.args(["-v", "error", "-f", "lavfi", "-i", "sine=duration=1"]);
    assert!(sound.arg(path("sound.mp4")).status().unwrap().success());
    let out = path("out");
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch.args(["--listen", "127.0.0.1:0", "--out"]).arg(&out);
    watch.arg(path("sound.mp4")).arg(path("door.mkv"));
    let said = Process::start("demograph watch", watch).finish(300);
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    let why = "the camera \"sound\": ffmpeg could not read all of it (no_video)";
    assert!(said.stderr.contains(why), "{}", said.stderr);
    assert!(!said.stdout.contains("Done."), "{}", said.stdout);
    for part in [
        "  read to the end   door\n",
        "  failed            sound (no_video): ",
    ] {
        assert!(said.stdout.contains(part), "{part}{}", said.stdout);
    }
    let windows = duckdb(&format!(
        "SELECT CAST(sum(tracks - stayed) AS INTEGER) AS people FROM read_parquet('{}/windows/*/*.parquet') WHERE source = 'door'",
        out.display()
    ));
    let people = windows[0]["people"].as_i64().unwrap();
    assert!(
        (11..=13).contains(&people),
        "{people} of 12: {}",
        said.stdout
    );
}

#[test]
fn memory_stays_while_a_recording_of_people_goes_on_and_on() {
    let folder = tempfile::tempdir().unwrap();
    let [film, small, long] =
        ["film.mkv", "small.mkv", "long.mkv"].map(|name| folder.path().join(name));
    crowd(12, 8).write(&film);
    let ffmpeg = |repeat: &str, from: &Path, how: &[&str], to: &Path| {
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-stream_loop", repeat, "-i"]);
        ffmpeg.arg(from).args(how).arg(to);
        assert!(ffmpeg.status().unwrap().success());
    };
    let shrink = [
        "-vf",
        "fps=5,scale=480:270",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ];
    ffmpeg("0", &film, &shrink, &small);
    // A hundred times the same: 17,000 frames. The test looks at the first 6,000, so no machine reads all before.
    // benches/hours.py shows eight hours.
    ffmpeg("99", &small, &["-c", "copy"], &long);
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch.args(["--min-face", "20", "--listen", "127.0.0.1:0", "--out"]);
    watch.arg(folder.path().join("out")).arg(&long);
    let mut watch = Process::start("demograph watch", watch);
    let said = watch.log_file().with_file_name("stdout");
    let mut resident = |frames: u64| {
        watch.wait_for("so many frames", 300, || {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            let before = said.rsplit_once(" frames, ")?.0;
            let shown: u64 = before.rsplit(' ').next()?.parse().ok()?;
            (shown >= frames).then_some(())
        });
        watch.resident_kib()
    };
    // The first minutes fill buffers and the allocator.
    let sizes = [2_400, 3_000, 3_600, 4_200, 4_800, 5_400].map(&mut resident);
    println!("{sizes:?} KiB");
    let largest = |sizes: &[u64]| sizes.iter().copied().max().unwrap();
    let (early, late) = (largest(&sizes[..2]), largest(&sizes[2..]));
    assert!(100 * late <= 105 * early, "{sizes:?} KiB");
    watch.terminate();
    let said = watch.finish(120);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

/// The mean answer of the model over these images: the share of each gender and ethnicity, and of each ten years of age.
fn answers(images: &[PathBuf]) -> Vec<(String, Vec<f64>)> {
    let mut predict = demograph(&["--log", "warn", "predict", "--json"]);
    predict
        .args(["--model", "models/research-small"])
        .args(images);
    let said = Process::start("demograph predict", predict).finish(300);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let answer = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let parts = ["gender", "ethnicity"].map(|attribute| {
            let shares = answer[attribute]["probabilities"].as_object().unwrap();
            shares
                .values()
                .map(|share| share.as_f64().unwrap())
                .collect()
        });
        let file = answer["file"].as_str().unwrap().to_owned();
        let mut ages = [0.0; AGES];
        let decade = answer["age"]["mean"].as_f64().unwrap() / 10.0;
        ages[(decade as usize).min(AGES - 1)] = 1.0;
        let parts = parts.into_iter().flat_map(|part: Vec<f64>| part);
        (file, parts.chain(ages).collect())
    };
    said.stdout.lines().map(answer).collect()
}

/// Decades of age; the last one has no end.
const AGES: usize = 7;

/// Position by position.
fn mean(of: &[&Vec<f64>]) -> Vec<f64> {
    let sum = |place| of.iter().map(|shares| shares[place]).sum::<f64>();
    (0..of[0].len())
        .map(|place| sum(place) / of.len() as f64)
        .collect()
}

/// Total variation distance.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[test]
fn shares_of_a_film_are_those_of_the_same_composites_sent_directly() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("door.mkv");
    let crowd = crowd(switch("PEOPLE", 40), switch("SEED", 6));
    crowd.write(&film);
    let crops = folder.path().join("crops");
    let mut detect = demograph(&["--log", "warn", "detect"]);
    detect.arg(&film).arg("--out").arg(&crops);
    let said = Process::start("demograph detect", detect).finish(300);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    // Each track has one vote, the mean of its crops.
    let mut tracks: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut list = csv::Reader::from_path(crops.join("crops.csv")).unwrap();
    for row in list.records() {
        let row = row.unwrap();
        let track = row[row.len() - 1].to_owned();
        tracks.entry(track).or_default().push(crops.join(&row[0]));
    }
    let every_third = |images: &Vec<PathBuf>| images.iter().step_by(3).cloned().collect::<Vec<_>>();
    let images: Vec<PathBuf> = tracks.values().flat_map(every_third).collect();
    let of_image: BTreeMap<String, Vec<f64>> = answers(&images).into_iter().collect();
    let votes: Vec<Vec<f64>> = tracks
        .values()
        .map(|images| {
            let images = every_third(images);
            let answers = images
                .iter()
                .map(|image| &of_image[image.to_str().unwrap()]);
            mean(&answers.collect::<Vec<_>>())
        })
        .collect();
    let direct: Vec<PathBuf> = crowd
        .walkers
        .iter()
        .map(|walker| walker.composite.clone())
        .collect();
    let direct = answers(&direct);
    let [film, direct] = [
        mean(&votes.iter().collect::<Vec<_>>()),
        mean(&direct.iter().map(|(_, shares)| shares).collect::<Vec<_>>()),
    ];
    let gender = distance(&film[..2], &direct[..2]);
    let ages = film.len() - AGES;
    let ethnicity = distance(&film[2..ages], &direct[2..ages]);
    let age = distance(&film[ages..], &direct[ages..]);
    println!(
        "{} tracks: TVD gender {gender:.3}, ethnicity {ethnicity:.3}, age {age:.3}",
        votes.len()
    );
    assert!(
        gender < 0.03 && ethnicity < 0.06 && age < 0.12,
        "{gender} {ethnicity} {age}"
    );
}
