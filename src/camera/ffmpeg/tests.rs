//! The real ffmpeg on clips that it makes itself, and programs in its place that fail as it can.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crossbeam_channel::bounded;
use demograph_core::record::EventTime;
use rustix::process::{Pid, test_kill_process};

use super::*;

/// A clip of so many seconds.
pub(super) fn clip(folder: &Path, seconds: u32) -> String {
    clip_of(
        folder,
        &format!("testsrc=size=320x200:rate=25:duration={seconds}"),
    )
}

fn clip_of(folder: &Path, source: &str) -> String {
    let file = folder.join("clip.mkv");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", source])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p"])
        .arg(&file)
        .status()
        .expect("ffmpeg is installed: run setup/system-packages");
    assert!(made.success());
    file.to_str().unwrap().to_owned()
}

/// A program in ffmpeg's place: a shell script that writes its number into `pids` first.
pub(super) fn script(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("ffmpeg");
    let pids = folder.join("pids");
    fs::write(
        &file,
        format!("#!/bin/sh\necho $$ >> {}\n{text}\n", pids.display()),
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

fn impatient(address: &str) -> Settings {
    Settings {
        silence_max: Duration::from_millis(400),
        grace: Duration::from_millis(400),
        ..Settings::of(address)
    }
}

#[derive(Default)]
struct Story {
    times: Vec<i64>,
    sizes: Vec<(u32, u32)>,
    downs: Vec<(End, Vec<String>)>,
    skipped: u64,
    waits: Vec<Option<Duration>>,
}

/// Follows a stream until it has gone down so often.
fn follow(settings: &Settings, downs: usize) -> anyhow::Result<Story> {
    let mut story = Story::default();
    let (_stop, stopped) = bounded(1);
    run(settings, EventTime(1_000_000), &stopped, |event| {
        match event {
            Event::Frame(seen) => {
                story.skipped += seen.skipped.take();
                story.times.push(seen.time.0);
                story.sizes.push(seen.frame.size());
            }
            Event::Down {
                end,
                lines,
                wait,
                skipped,
                ..
            } => {
                story.downs.push((end, lines));
                story.waits.push(wait);
                story.skipped += skipped.take();
            }
        }
        Ok(if story.downs.len() < downs {
            Taken::Continue
        } else {
            Taken::Stop
        })
    })?;
    Ok(story)
}

/// The programs that ran.
pub(super) fn pids(folder: &Path) -> Vec<Pid> {
    let pids = fs::read_to_string(folder.join("pids")).unwrap();
    let pids = pids.lines().map(|line| line.parse().unwrap());
    pids.map(|pid| Pid::from_raw(pid).unwrap()).collect()
}

/// None of the programs that ran is left, not even as a child that nobody waited for. Nor is anything that they started.
pub(super) fn assert_none_is_left(folder: &Path) -> usize {
    let pids = pids(folder);
    for &pid in &pids {
        assert!(test_kill_process(pid).is_err(), "{pid:?} is left");
        await_end_of_group(pid);
    }
    pids.len()
}

/// What was killed ends in the kernel's own time.
pub(super) fn await_end_of_group(pid: Pid) {
    let began = child::now();
    while runs_in_group(pid) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "something of the group of {pid:?} is left"
        );
        std::thread::yield_now();
    }
}

/// Whether a process of this group runs. One that is killed, and for which nobody has waited, runs no more.
fn runs_in_group(group: Pid) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut stats = processes.filter_map(|one| fs::read_to_string(one.path().join("stat")).ok());
    stats.any(|stat| {
        // The name in parentheses may hold spaces. Behind it: state, parent, group.
        let mut fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        let (state, group_of) = (fields.next().unwrap(), fields.nth(1).unwrap());
        state != "Z" && group_of == group.as_raw_nonzero().to_string()
    })
}

#[test]
fn a_recording_gives_five_frames_a_second_with_its_own_times_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let story = follow(&Settings::of(&clip(folder.path(), 4)), 9).unwrap();
    let expected: Vec<i64> = (0..20).map(|n| 1_000_000 + 200 * n).collect();
    assert_eq!(story.times, expected);
    assert_eq!(
        (story.downs, story.waits),
        (vec![(End::Ended, vec![])], vec![None])
    );
}

#[test]
fn a_recording_of_which_some_pictures_are_left_out_gives_as_many_frames() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        recorded_fps: Some(25.0),
        ..Settings::of(&clip(folder.path(), 4))
    };
    let story = follow(&settings, 9).unwrap();
    // One of each fifth of a second, with its own time, and not always the first one.
    let places: Vec<i64> = story.times.iter().map(|time| time - 1_000_000).collect();
    let fifths: Vec<i64> = places.iter().map(|place| place / 200).collect();
    assert_eq!(fifths, (0..20).collect::<Vec<_>>(), "{places:?}");
    assert!(places.iter().all(|place| place % 40 == 0), "{places:?}");
    assert!(places.iter().any(|place| place % 200 != 0), "{places:?}");
    assert_eq!(story.downs, [(End::Ended, vec![])]);
}

#[test]
fn a_film_that_begins_again_goes_on_in_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    // As the demo shows its films: two seconds, again and again.
    let settings = Settings {
        options: ["-re", "-stream_loop", "-1"].map(str::to_owned).into(),
        ..Settings::of(&format!("file://{}", clip(folder.path(), 2)))
    };
    let (mut times, mut shown, mut newest) = (Vec::new(), 0, 0);
    let (_stop, stopped) = bounded(1);
    run(&settings, EventTime(0), &stopped, |event| {
        let Event::Frame(seen) = event else {
            panic!("it went down");
        };
        newest = seen.skipped.take();
        shown += 1 + newest;
        times.push(seen.time.0);
        Ok(if shown > 26 {
            Taken::Stop
        } else {
            Taken::Continue
        })
    })
    .unwrap();
    // The demo takes the number of pictures for the time that was shown. After two rounds and more both are the same.
    let lasted = times[times.len() - 1] - times[0];
    let stated = 200 * (shown as i64 - 1);
    // Of the pictures that were told last, some may come after the last frame.
    let least = stated - 200 * newest as i64 - 120;
    assert!(
        (least..=stated + 120).contains(&lasted),
        "{lasted} ms, {stated}: {times:?}"
    );
}

#[test]
fn the_length_and_the_rate_of_a_recording_are_read_and_none_of_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path(), 3);
    assert_eq!(duration(Path::new(&clip)), Some(Duration::from_secs(3)));
    assert_eq!(rate(Path::new(&clip)), Some(25.0));
    assert_eq!((duration(folder.path()), rate(folder.path())), (None, None));
}

#[test]
fn pixels_that_are_not_square_become_square_and_odd_sizes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let squeezed = clip_of(folder.path(), "testsrc=size=180x150:duration=1,setsar=4/3");
    assert_eq!(
        follow(&Settings::of(&squeezed), 9).unwrap().sizes[0],
        (240, 150)
    );
    let odd = folder.path().join("odd.gif");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=75x53:duration=1",
        ])
        .arg(&odd)
        .status();
    assert!(made.unwrap().success());
    let story = follow(&Settings::of(odd.to_str().unwrap()), 9).unwrap();
    assert_eq!((story.sizes[0], story.downs[0].0), ((75, 53), End::Ended));
}

#[test]
fn a_stream_whose_pictures_change_their_size_goes_on_in_the_first_size() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, size: &str| {
        let part = folder.path().join(name);
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i"])
            .arg(format!("testsrc=size={size}:rate=10:duration=2"))
            .arg(&part)
            .status();
        assert!(made.unwrap().success());
        fs::read(part).unwrap()
    };
    let both = [part("a.ts", "320x180"), part("b.ts", "160x120")].concat();
    let file = folder.path().join("both.ts");
    fs::write(&file, both).unwrap();
    let story = follow(&Settings::of(file.to_str().unwrap()), 9).unwrap();
    assert_eq!(story.sizes, [(320, 180); 20]);
    assert_eq!(story.downs[0].0, End::Ended);
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_says_what_to_do() {
    let settings = Settings {
        program: "/nowhere/ffmpeg".into(),
        ..Settings::of("rtsp://cam/1")
    };
    let error = follow(&settings, 1).err().unwrap().to_string();
    assert!(
        error.contains("/nowhere/ffmpeg is not there: run setup/system-packages"),
        "{error}"
    );
}

#[test]
fn an_address_where_nobody_answers_is_unreachable_tried_again_and_names_no_password() {
    // Twice, with the wait of a second between.
    let story = follow(&Settings::of("rtsp://admin:s3cret@127.0.0.1:1/main"), 2).unwrap();
    assert_eq!(
        story.waits,
        [1, 2].map(|seconds| Some(Duration::from_secs(seconds)))
    );
    for (end, lines) in story.downs {
        assert_eq!(end, End::Unreachable);
        let said = lines.join("\n");
        assert!(
            said.contains("refused") && said.contains("***@127.0.0.1"),
            "{said}"
        );
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn the_list_of_processes_shows_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "tr '\\0' ' ' < /proc/$$/cmdline > {0}/shown\ncat > {0}/said\nexit 1",
        folder.path().display()
    );
    let settings = Settings {
        program: script(folder.path(), &text),
        ..Settings::of("rtsp://admin:s3cret@cam/1?token=t0ken")
    };
    follow(&settings, 1).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("said").contains("file 'rtsp://admin:s3cret@cam/1?token=t0ken'"));
    let shown = read("shown");
    assert!(shown.contains("-i pipe:0"), "{shown}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("t0ken"),
        "{shown}"
    );
}

#[test]
fn whatever_the_program_does_it_is_ended_and_nothing_of_it_is_left() {
    let clip_folder = tempfile::tempdir().unwrap();
    let clip = clip(clip_folder.path(), 4);
    let real = format!("ffmpeg -v error -i {clip} -vf format=yuv420p -c:v rawvideo -f nut -");
    for (text, end) in [
        ("exec sleep 1000", End::Silent),
        // It hangs, with a child of its own that holds the pipe, and does not hear a request to end.
        (
            "trap '' TERM\nsleep 1000 &\nwhile :; do sleep 1000; done",
            End::Silent,
        ),
        // The pipe is closed, the program is not ended.
        ("exec >&-\nexec sleep 1000", End::Refused),
        ("head -c 300000 /dev/zero", End::Malformed),
        ("while :; do echo garbage; done", End::Malformed),
        ("echo no such camera >&2\nexit 1", End::Refused),
        // It hangs and dies after some pictures.
        (&format!("{real}\nexec sleep 1000"), End::Silent),
        (&format!("{real} | head -c 2000000\nkill -9 $$"), End::Died),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            program: script(folder.path(), text),
            // Long enough for the real ffmpeg to start on a busy machine.
            silence_max: Duration::from_millis(match (end, text.contains("ffmpeg")) {
                (End::Silent, false) => 400,
                (End::Silent, true) => 4_000,
                _ => 60_000,
            }),
            ..impatient("rtsp://u:s3cret@cam/1")
        };
        let story = follow(&settings, 1).unwrap();
        assert_eq!(story.downs[0].0, end, "{text}");
        assert_eq!(assert_none_is_left(folder.path()), 1);
    }
}

#[test]
fn a_silent_program_is_first_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let text = format!(
        "trap 'echo > {}; exit 0' TERM\nwhile :; do sleep 0.05; done",
        asked.display()
    );
    let settings = Settings {
        program: script(folder.path(), &text),
        grace: Duration::from_secs(60),
        ..impatient("rtsp://cam/1")
    };
    assert_eq!(follow(&settings, 1).unwrap().downs[0].0, End::Silent);
    assert!(asked.is_file());
    assert_none_is_left(folder.path());
}

#[test]
fn a_flood_is_skipped_and_counted_when_nobody_keeps_up() {
    let folder = tempfile::tempdir().unwrap();
    let clip_folder = tempfile::tempdir().unwrap();
    let clip = clip(clip_folder.path(), 8);
    // All 200 frames at once, as a live stream.
    let real = format!("exec ffmpeg -v error -i {clip} -vf format=yuv420p -c:v rawvideo -f nut -");
    let settings = Settings {
        program: script(folder.path(), &real),
        ..Settings::of("rtsp://cam/1")
    };
    let (mut frames, mut skipped) = (0, 0);
    let (_stop, stopped) = bounded(1);
    let (_never, slow) = bounded::<()>(0);
    run(&settings, EventTime(0), &stopped, |event| {
        match event {
            Event::Frame(seen) => {
                frames += 1;
                skipped += seen.skipped.take();
                // A slow consumer.
                let _ = slow.recv_timeout(Duration::from_millis(30));
            }
            Event::Down { skipped: by, .. } => {
                skipped += by.take();
                return Ok(Taken::Stop);
            }
        }
        Ok(Taken::Continue)
    })
    .unwrap();
    assert_eq!(frames + skipped, 200, "every picture was taken or counted");
    assert!(skipped > 50 && frames > 2, "{frames} {skipped}");
    assert_none_is_left(folder.path());
}

#[test]
fn who_wants_no_more_is_left_in_peace_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // It says when it has begun: one that is killed before leaves no number.
    let begun = folder.path().join("begun");
    assert!(
        Command::new("mkfifo")
            .arg(&begun)
            .status()
            .unwrap()
            .success()
    );
    let settings = Settings {
        program: script(
            folder.path(),
            &format!("echo begun > {}\nexec sleep 1000", begun.display()),
        ),
        silence_max: Duration::from_secs(1000),
        grace: Duration::from_secs(1000),
        ..Settings::of("rtsp://cam/1")
    };
    // Nobody holds the other end any more: that means stop.
    let (stop, stopped) = bounded(1);
    let stopping = std::thread::spawn(move || {
        assert_eq!(fs::read_to_string(begun).unwrap(), "begun\n");
        drop(stop);
    });
    run(&settings, EventTime(0), &stopped, |_| Ok(Taken::Continue)).unwrap();
    stopping.join().unwrap();
    assert_eq!(assert_none_is_left(folder.path()), 1);
    // So does a taker that fails.
    let mut settings = impatient("a.mkv");
    settings.program = script(folder.path(), "exit 1");
    let (_stop, stopped) = bounded(1);
    let failed = run(&settings, EventTime(0), &stopped, |_| {
        anyhow::bail!("the disk is full")
    });
    assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
    assert_none_is_left(folder.path());
}
