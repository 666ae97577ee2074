//! `demograph camera`: films of composites through the real ffmpeg, the detector and a real Kafka.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use demograph_core::{event, record::Record};
use rustix::process::Pid;

use super::tools;
use super::world::{Broker, Film, Process, Service, Topic, Walker, composites, demograph, metric};

const FPS: u32 = 10;
const SECONDS: u32 = 7;

/// Three people walk by, one after the other. The third face is too small to be wanted.
fn film(file: &Path) {
    let composites = composites();
    let walker = |number: usize, side, enters, speed| Walker {
        composite: composites[17 * number].clone(),
        side,
        enters,
        speed,
        height: 40 + 60 * number as u32,
    };
    let film = Film {
        size: (640, 360),
        fps: FPS,
        seconds: SECONDS,
        walkers: vec![
            walker(0, 110, 0.0, 190.0),
            walker(1, 100, 1.5, -170.0),
            walker(2, 120, 3.0, 160.0),
            walker(3, 42, 1.0, 120.0),
        ],
    };
    film.write(file);
}

/// A camera that shows the film in real time. It ends, and begins again, as a camera that is switched off and on.
fn config(topic: &Topic, file: &Path, more: &str) -> String {
    format!(
        "[kafka]\nbrokers='{}'\ntopic='{}'\n[http]\nlisten='127.0.0.1:0'\n[crops]\nper_track=3\n{more}\n[[camera]]\nid='lobby'\n\
         address='file://{}'\noptions=['-re']\nmin_face=40\n",
        topic.brokers,
        topic.name,
        file.display()
    )
}

const ENDED: &str = "demograph_camera_restarts_total{camera=\"lobby\",reason=\"ended\"}";

/// What the endpoint says once the film was shown so often.
fn shown(service: &mut Service, times: f64) -> String {
    service.await_metric(ENDED, times, 60);
    service.metrics()
}

fn track(record: &Record) -> String {
    let read = event::open(record, 1 << 20);
    read.track.unwrap().expect("each face has a track")
}

#[test]
fn people_of_a_film_become_events_each_with_a_track_and_everything_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file);
    let topic = Broker::shared().topic("camera", 1);
    let presence = Broker::shared().topic("camera-presence", 1);
    let began = demograph_service::clock::now();
    let more = format!("[presence]\ntopic='{}'", presence.name);
    let mut service = Service::camera(&config(&topic, &file, &more), &[]);
    let said = shown(&mut service, 1.0);
    tools::run("promtool", &["check", "metrics"], &said);
    let of = |series: &str| metric(&said, &format!("demograph_camera_{series}"));
    // Five frames a second; the first of each interval.
    let frames = of("frames_total{camera=\"lobby\"");
    assert_eq!(frames, f64::from(5 * SECONDS), "{said}");
    let found = of("faces_found_total");
    assert_eq!(of("faces_total"), found, "{said}");
    let faces = |outcome| {
        of(&format!(
            "faces_total{{camera=\"lobby\",outcome=\"{outcome}\"}}"
        ))
    };
    // Of the walker whose face is too small, of those who have just come, of those who have been sent.
    for outcome in ["too_small", "untracked", "spared", "sent"] {
        assert!(faces(outcome) >= 3.0, "{outcome}: {said}");
    }
    let finished = service.stop();
    assert!(!finished.stderr.contains("ERROR"), "{}", finished.stderr);
    let log = &finished.stderr;
    // The film may have begun once more before the stop.
    let records = topic.records();
    assert!(records.len() as f64 >= faces("sent"));
    let ended = demograph_service::clock::now();
    let mut ids = BTreeSet::new();
    for record in &records {
        let read = event::open(record, 1 << 20);
        assert_eq!(read.kind, Ok(()));
        assert_eq!(record.key.as_deref(), Some(&b"lobby"[..]));
        assert_eq!(read.source.unwrap().as_str(), "lobby");
        assert!(read.quality.unwrap().is_some());
        let time = read.time.unwrap();
        assert!(
            began <= time && time <= ended,
            "{began:?} {time:?} {ended:?}"
        );
        assert!(read.image.unwrap().starts_with(&[0xFF, 0xD8]));
        let (_, id) = record
            .headers
            .iter()
            .find(|(name, _)| name == "ce_id")
            .unwrap();
        assert!(ids.insert(id.clone()), "an id is given twice");
    }
    let first: Vec<String> = records.iter().map(track).collect();
    let people: BTreeSet<&String> = first.iter().collect();
    // Three, and those who had come again before the stop.
    assert!((3..=6).contains(&people.len()), "{people:?}");
    for person in &people {
        assert!(
            !log.contains(*person) && !said.contains(*person),
            "a track is named"
        );
        let crops = first.iter().filter(|name| name == person).count();
        assert!((1..=4).contains(&crops), "{person}: {crops}");
    }
    assert_presence(&presence.records(), &people, of("presences_total"));
    // A restart goes on with nobody's track.
    let mut service = Service::camera(&config(&topic, &file, ""), &[]);
    service.await_metric(
        "demograph_camera_events_total{outcome=\"delivered\"}",
        2.0,
        60,
    );
    service.stop();
    let all = topic.records();
    let second: BTreeSet<String> = all[records.len()..].iter().map(track).collect();
    assert!(!second.is_empty(), "{second:?}");
    assert!(
        second.iter().all(|name| !people.contains(name)),
        "{second:?}"
    );
}

#[test]
fn a_full_queue_skips_frames_and_each_frame_and_face_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file);
    let topic = Broker::shared().topic("camera-full", 1);
    // Ten events wait at most, and each for three seconds before it is sent.
    let config = config(&topic, &file, "[kafka.properties]\n'linger.ms'='3000'")
        .replace("[http]", "queue_max=10\n[http]")
        .replace("per_track=3", "per_track=0");
    let mut service = Service::camera(&config, &[]);
    let said = shown(&mut service, 1.0);
    let of = |series: &str| metric(&said, &format!("demograph_camera_{series}"));
    assert_eq!(of("frames_total"), f64::from(5 * SECONDS), "{said}");
    let skipped = of("frames_total{camera=\"lobby\",outcome=\"skipped_busy\"}");
    assert!(skipped >= 3.0, "{said}");
    assert_eq!(of("faces_total"), of("faces_found_total"), "{said}");
    let sent = of("faces_total{camera=\"lobby\",outcome=\"sent\"}");
    assert!(sent > 10.0, "{said}");
    service.stop();
    assert!(topic.records().len() as f64 >= sent);
}

/// Everybody who was there, once, with an event that follows its schema.
fn assert_presence(records: &[Record], people: &BTreeSet<&String>, at_least: f64) {
    let schema = tools::text("schemas/presence-event.v1.schema.json");
    let schema = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut tracks = BTreeSet::new();
    for record in records {
        let value: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
        validator.validate(&value).unwrap();
        assert!(value["facing_seconds"].as_f64().unwrap() > 0.5, "{value}");
        assert!(tracks.insert(track(record)), "a track is told twice");
    }
    assert!(at_least >= 3.0 && records.len() as f64 >= at_least);
    assert!(people.iter().all(|person| tracks.contains(*person)));
}

/// A program in ffmpeg's place that notes its number first.
fn noting(folder: &Path, then: &str) -> PathBuf {
    let file = folder.join("ffmpeg");
    let pids = folder.join("pids");
    fs::write(
        &file,
        format!("#!/bin/sh\necho $$ >> {}\n{then}\n", pids.display()),
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

fn pids(folder: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(folder.join("pids")).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.parse().ok());
    pids.filter_map(Pid::from_raw).collect()
}

#[test]
fn a_killed_gateway_leaves_no_child_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let program = noting(folder.path(), "cat > /dev/null\nexec sleep 1000");
    let topic = Broker::shared().topic("camera-killed", 1);
    let detector = format!("[detector]\nffmpeg='{}'", program.display());
    let config = config(&topic, Path::new("/x"), &detector).replace(
        "address='file:///x'",
        "address='rtsp://127.0.0.1:1/main'\nuser='admin'\npassword={env='CAMERA_PASSWORD'}",
    );
    let mut service = Service::camera(&config, &[("CAMERA_PASSWORD", "s3cret")]);
    let started = |folder: &Path| (!pids(folder).is_empty()).then_some(());
    service
        .process
        .wait_for("ffmpeg is started", 30, || started(folder.path()));
    assert!(!service.metrics().contains("s3cret"));
    service.process.signal("KILL");
    let Service { process, .. } = service;
    let finished = process.finish(30);
    assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
    // The kernel ends it, in its own time.
    let mut sleep = super::world::command("sleep");
    sleep.arg("1000");
    let mut witness = Process::start("sleep", sleep);
    witness.wait_for("the child is ended", 10, || {
        pids(folder.path()).into_iter().all(is_ended).then_some(())
    });
}

/// Whether it is gone, or only waits for somebody to ask how it ended.
fn is_ended(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

#[test]
fn a_wrong_address_of_kafka_is_told_with_what_to_do_and_floods_no_log() {
    let nowhere = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("camera.toml");
    fs::write(&file, config(&nowhere, Path::new("/x"), "")).unwrap();
    let mut camera = demograph(&["--log", "warn", "camera", "--config"]);
    camera.arg(&file);
    let said = Process::start("demograph camera", camera).finish(60);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let why = "error: kafka: no broker can be reached: check kafka.brokers (host and port)";
    assert!(said.stderr.contains(why), "{}", said.stderr);
    assert!(
        said.stderr.contains("Connection refused"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.lines().count() < 10, "{}", said.stderr);
}

#[test]
fn check_names_every_part_that_is_missing_and_opens_no_camera() {
    let topic = Broker::shared().topic("camera-checked", 1);
    let config = config(
        &topic,
        Path::new("/x"),
        "[detector]\nffmpeg='/nowhere/ffmpeg'",
    )
    .replace(
        "options=['-re']",
        "password={file='/nowhere/password'}\nuser='u'",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("camera.toml");
    fs::write(&file, &config).unwrap();
    let check = ["camera", "--check", "--config", file.to_str().unwrap()];
    let said = Process::start("demograph camera", demograph(&check)).finish(60);
    assert_eq!(said.code, Some(4), "{}{}", said.stdout, said.stderr);
    for expected in [
        "ok     detector: ",
        "FAULT  ffmpeg: the program /nowhere/ffmpeg is not there",
        "ok     kafka: ",
        "FAULT  camera: the camera \"lobby\": password: /nowhere/password cannot be read",
    ] {
        assert!(
            said.stdout.contains(expected),
            "{expected}: {}",
            said.stdout
        );
    }
}
