//! Faults, drawn with a seed: a program in ffmpeg's place that fails in another way at each start, with the real ffmpeg behind
//! it. Whatever happens, the stream goes on, nothing is left, and each picture is counted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crossbeam_channel::bounded;
use demograph_core::record::EventTime;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    tests::{assert_none_is_left, await_end_of_group, clip, pids, script},
    *,
};

/// Faults of each of four streams; more with FAULTS=75.
const FAULTS: usize = 8;
const STREAMS: u64 = 4;
/// Pictures of the clip.
const PICTURES: u64 = 50;

/// What the program does, what the run ends as, and how many pictures it gave, if that is certain.
const KINDS: [(&str, &[End], Option<u64>); 10] = [
    ("hang", &[End::Silent], Some(0)),
    ("stubborn", &[End::Silent], Some(0)),
    ("half_open", &[End::Refused], Some(0)),
    ("garbage", &[End::Malformed], Some(0)),
    ("refused", &[End::Refused], Some(0)),
    ("flood", &[End::Ended], Some(PICTURES)),
    ("late_hang", &[End::Silent], Some(PICTURES)),
    // The pipe may break before the first picture.
    ("killed", &[End::Died, End::Refused], None),
    ("hour", &[End::Ended], Some(PICTURES)),
    ("reset", &[End::Ended], Some(2 * PICTURES)),
];

/// The program, whose faults stand line by line in a file.
fn program(folder: &Path, clip: &str) -> PathBuf {
    let folder_text = folder.display();
    let real = |input: &str, filter: &str| {
        format!(
            "ffmpeg -v error -i {input} -vf {filter}format=yuv420p -fps_mode passthrough -c:v rawvideo -f nut -"
        )
    };
    let (plain, hour) = (
        real(clip, ""),
        real(clip, "setpts='if(gte(N\\,20)\\,PTS+3600/TB\\,PTS)',"),
    );
    let reset = real(&format!("{folder_text}/twice.ts"), "");
    let text = format!(
        "case $(sed -n \"$(wc -l < {folder_text}/pids)p\" {folder_text}/kinds) in\n\
         hang) exec sleep 1000;;\n\
         stubborn) trap '' TERM; sleep 1000 & while :; do sleep 1000; done;;\n\
         half_open) exec >&-; exec sleep 1000;;\n\
         garbage) head -c 200000 /dev/urandom;;\n\
         refused) echo no route >&2; exit 1;;\n\
         flood) exec {plain};;\n\
         late_hang) {plain}; exec sleep 1000;;\n\
         killed) {plain} | head -c 500000; kill -9 $$;;\n\
         hour) exec {hour};;\n\
         reset) exec {reset};;\n\
         esac"
    );
    script(folder, &text)
}

/// The same pictures twice, one after the other: their times begin again.
fn twice(folder: &Path, clip: &str) {
    let once = folder.join("once.ts");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i", clip, "-c", "copy"])
        .arg(&once)
        .status();
    assert!(made.unwrap().success());
    let once = fs::read(once).unwrap();
    fs::write(folder.join("twice.ts"), [&once[..], &once[..]].concat()).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a switch for who measures")]
fn switch(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// One stream with these faults. Returns how often each happened.
fn suffer(seed: u64, clip: &str) -> BTreeMap<&'static str, usize> {
    let folder = tempfile::tempdir().unwrap();
    twice(folder.path(), clip);
    let mut random = StdRng::seed_from_u64(seed);
    let faults = switch("FAULTS", FAULTS);
    let kinds: Vec<_> = (0..faults)
        .map(|_| KINDS[random.random_range(0..KINDS.len())])
        .collect();
    let names: String = kinds.iter().map(|(name, ..)| format!("{name}\n")).collect();
    fs::write(folder.path().join("kinds"), names).unwrap();
    let settings = Settings {
        program: program(folder.path(), clip),
        // Long enough for the real ffmpeg to start on a busy machine.
        silence_max: Duration::from_secs(5),
        grace: Duration::from_millis(100),
        first_wait: Duration::ZERO,
        ..Settings::of("rtsp://u:s3cret@cam/1")
    };
    let (_go_on, stop) = bounded(1);
    let (_never, slow) = bounded::<()>(0);
    let (mut ended, mut pictures, mut before) = (0, 0, EventTime::MIN);
    run(&settings, EventTime(0), &stop, |event| {
        match event {
            Event::Frame(seen) => {
                assert!(seen.time >= before, "time went back");
                before = seen.time;
                pictures += 1 + seen.skipped.take();
                // Now and then the consumer is slow.
                if random.random_bool(0.1) {
                    let _ = slow.recv_timeout(Duration::from_millis(20));
                }
            }
            Event::Down {
                end,
                skipped,
                lines,
                ..
            } => {
                let (name, ends, expected) = kinds[ended];
                assert!(
                    ends.contains(&end),
                    "seed {seed}, {ended}: {name} {end:?} {lines:?}"
                );
                pictures += skipped.take();
                if let Some(expected) = expected {
                    assert_eq!(pictures, expected, "seed {seed}, {ended}: {name}");
                }
                assert!(!lines.join(" ").contains("s3cret"));
                (ended, pictures) = (ended + 1, 0);
                if ended == kinds.len() {
                    return Ok(Taken::Stop);
                }
            }
        }
        Ok(Taken::Continue)
    })
    .unwrap();
    // Each start is one of them: no second child, and none that was left.
    assert_eq!(assert_none_is_left(folder.path()), kinds.len());
    let mut counts = BTreeMap::new();
    for (name, ..) in kinds {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[test]
fn a_stream_survives_every_fault_leaves_nothing_and_counts_each_picture() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path(), 2);
    let seed = switch("SEED", 1) as u64;
    let streams: Vec<_> = (0..STREAMS)
        .map(|stream| {
            let clip = clip.clone();
            thread::spawn(move || suffer(STREAMS * seed + stream, &clip))
        })
        .collect();
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for stream in streams {
        for (name, count) in stream.join().unwrap() {
            *all.entry(name).or_default() += count;
        }
    }
    println!("{} faults: {all:?}", all.values().sum::<usize>());
}

#[test]
fn a_taker_that_panics_leaves_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let clip_folder = tempfile::tempdir().unwrap();
    let clip = clip(clip_folder.path(), 2);
    let real = format!("ffmpeg -v error -i {clip} -vf format=yuv420p -c:v rawvideo -f nut -");
    // A child of its own holds the pipe.
    let settings = Settings {
        program: script(folder.path(), &format!("sleep 1000 &\n{real}\nwait")),
        ..Settings::of("rtsp://cam/1")
    };
    let (_stop, stopped) = bounded(1);
    let taker =
        std::thread::spawn(move || run(&settings, EventTime(0), &stopped, |_| panic!("the taker")));
    taker.join().unwrap_err();
    let [pid] = pids(folder.path())[..] else {
        panic!("it was started more than once");
    };
    await_end_of_group(pid);
}
