//! `demograph watch` and `demograph demo` show the metrics of their cameras beside their own; `watch` shows a preview where it is
//! asked for.

use super::{film, series};
use crate::{
    preview::{Viewer, place_of},
    world::{Process, demograph, metric},
};

/// What /metrics says once frames of these cameras, events and records are counted.
fn counted(process: &mut Process, cameras: &[&str]) -> String {
    let stdout = process.stdout_file();
    let url = process.wait_for("it says where it is", 120, || {
        let text = std::fs::read_to_string(&stdout).ok()?;
        let (_, rest) = text.split_once("look at ")?;
        Some(rest.split_once("/\n")?.0.to_owned())
    });
    let frames = cameras
        .iter()
        .map(|camera| series("frames_total", camera, ",outcome=\"read\""));
    let others = ["demograph_records_total", "demograph_camera_events_total"];
    let counts: Vec<String> = others
        .map(str::to_owned)
        .into_iter()
        .chain(frames)
        .collect();
    process.wait_for("frames and records are counted", 60, || {
        let mut answer = ureq::get(format!("{url}/metrics")).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let is_counted = |one: &String| metric(&text, one) > 2.0;
        counts.iter().all(is_counted).then_some(text)
    })
}

#[test]
fn the_demo_shows_the_metrics_of_its_filmed_cameras() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demograph(&["--log", "warn", "demo", "--seconds", "60", "--rate", "20"]);
    demo.args(["--listen", "127.0.0.1:0", "--out"])
        .arg(folder.path().join("demo"));
    let mut process = Process::start("demograph demo", demo);
    let said = counted(&mut process, &["door", "hall"]);
    // A second one would clear the tables of the first.
    let mut second = demograph(&["--log", "warn", "demo", "--seconds", "1"]);
    second.args(["--listen", "127.0.0.1:0", "--out"]);
    second.arg(folder.path().join("demo"));
    let second = Process::start("a second demo", second).finish(60);
    assert_eq!(second.code, Some(1));
    let why = "a demo runs in this folder. Wait for its end, or choose another folder with --out";
    assert!(second.stderr.contains(why), "{}", second.stderr);
    for camera in ["door", "hall"] {
        assert_eq!(metric(&said, &series("up", camera, "")), 1.0, "{said}");
    }
    process.terminate();
    let finished = process.finish(60);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn watch_shows_the_metrics_of_its_cameras_and_a_preview() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file, 0);
    let source = format!("door=file://{}", file.display());
    // Nobody answers there, and its login is in the list of processes.
    let with_login = "gate=rtsp://u:s3cret@127.0.0.1:1/main";
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch
        .args(["--listen", "127.0.0.1:0", "--preview", "door", "--out"])
        .arg(folder.path().join("out"))
        .args([&source, with_login]);
    let mut process = Process::start("demograph watch", watch);
    let (host, path) = place_of(&mut process);
    let said = counted(&mut process, &["door"]);
    assert!(
        metric(&said, "demograph_camera_queue_max_events") > 0.0,
        "{said}"
    );
    crate::tools::run("promtool", &["check", "metrics"], &said);
    assert!(!said.contains("s3cret"), "{said}");
    let head = Viewer::ask(&host, &host, &format!("{path}stream")).head();
    assert!(head.contains(" 200 "), "{head}");
    process.terminate();
    let finished = process.finish(60);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let warned = "rtsp://***@127.0.0.1:1/main: everybody on this machine can read this address";
    assert!(finished.stderr.contains(warned), "{}", finished.stderr);
    assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
    assert!(
        finished.stdout.contains("gate: unreachable"),
        "{}",
        finished.stdout
    );
}
