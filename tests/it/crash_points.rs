//! Death at every point of a commit: the process kills itself there, another one goes on, and the tables hold every
//! record once. The last lines of each test turn against the audit: with a file less, or one doubled, it must complain.

use std::{fs, path::Path};

use super::{
    torture::{self, Faces, sources},
    world::{Audit, Broker, Service, Topic, audit, counted, hours_and_days, launch},
};

/// Before the crash, and behind it.
const EVENTS: usize = 150;
const SIGKILL: i32 = 9;

#[test]
fn before_a_checkpoint_is_created() {
    dies_at(&["checkpoint-create:2"]);
}

#[test]
fn after_a_checkpoint_was_created() {
    dies_at(&["checkpoint-created:2"]);
}

#[test]
fn after_the_head_check() {
    dies_at(&["head-checked:1"]);
}

#[test]
fn between_two_tables() {
    dies_at(&["table-created:1"]);
}

#[test]
fn after_publication() {
    dies_at(&["published:2"]);
}

#[test]
fn after_recovery() {
    dies_at(&["head-checked:1", "recovered:1"]);
}

/// Dies at each point in turn, with events before and behind each death; then nothing hinders it any more.
fn dies_at(points: &[&str]) {
    let topic = Broker::shared().topic("crash", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // The shared broker knows only sessions of 6 s and more.
    let config = torture::config(&topic, &out, &sources()).replace(
        "\"session.timeout.ms\" = 3000",
        "\"session.timeout.ms\" = 6000",
    );
    let mut faces = Faces::new(1);
    for point in points {
        topic.send((0..EVENTS).map(|_| faces.next()));
        let died = launch(&config, &[("DEMOGRAPH_CRASH_AT", point)]);
        let died = died.process.finish(60);
        assert_eq!(died.signal, Some(SIGKILL), "{point}: {}", died.stderr);
    }
    topic.send((0..EVENTS).map(|_| faces.next()));
    let all = faces.all();
    // It ends the stream, so that hours and days are published too.
    let mut last = Service::start(&config.replace("on_stop = \"keep\"", "on_stop = \"close\""));
    last.process
        .wait_for("everything is in the tables", 60, || {
            (counted(&out) >= all).then_some(())
        });
    last.stop();
    let found = audit(&out, faces.produced(), &topic.ends());
    assert!(found.spared > 0);
    let clean = Audit {
        spared: found.spared,
        ..Audit::default()
    };
    assert_eq!(found, clean, "{points:?}");
    assert_eq!(hours_and_days(&out), [""; 0], "{points:?}");
    audit_sees_what_is_wrong(&out, &faces, &topic);
}

/// A file that comes twice, and one that is missing.
fn audit_sees_what_is_wrong(out: &Path, faces: &Faces, topic: &Topic) {
    let date = fs::read_dir(out.join("windows")).unwrap().next().unwrap();
    let file = fs::read_dir(date.unwrap().path()).unwrap().next().unwrap();
    let file = file.unwrap().path();
    let twin = file.with_file_name("part-again.parquet");
    fs::copy(&file, &twin).unwrap();
    let doubled = audit(out, faces.produced(), &topic.ends());
    assert!(doubled.duplicated > 0 && doubled.lost == 0, "{doubled:?}");
    assert!(
        doubled
            .faults
            .iter()
            .any(|fault| fault.starts_with("two rows"))
    );
    fs::remove_file(twin).unwrap();
    fs::remove_file(file).unwrap();
    let fewer = audit(out, faces.produced(), &topic.ends());
    assert!(fewer.lost > 0 && fewer.duplicated == 0, "{fewer:?}");
}
