//! `demograph watch` shows the metrics of its cameras beside its own, and a preview where it is asked for.

use super::film;
use crate::{
    preview::{Viewer, place_of},
    world::{Process, demograph, metric},
};

#[test]
fn watch_shows_the_metrics_of_its_cameras_and_a_preview() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file, 0);
    let source = format!("door=file://{}", file.display());
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch
        .args(["--listen", "127.0.0.1:0", "--preview", "door", "--out"])
        .arg(folder.path().join("out"))
        .arg(source);
    let mut process = Process::start("demograph watch", watch);
    let (host, path) = place_of(&mut process);
    let stdout = process.stdout_file();
    let url = process.wait_for("it says where it is", 60, || {
        let text = std::fs::read_to_string(&stdout).ok()?;
        let (_, rest) = text.split_once("look at ")?;
        Some(rest.split_once("/\n")?.0.to_owned())
    });
    let read = "demograph_camera_frames_total{camera=\"door\",outcome=\"read\"}";
    let said = process.wait_for("frames and records are counted", 60, || {
        let mut answer = ureq::get(format!("{url}/metrics")).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let counts = [
            read,
            "demograph_records_total",
            "demograph_camera_events_total",
        ];
        counts
            .iter()
            .all(|one| metric(&text, one) > 2.0)
            .then_some(text)
    });
    assert!(
        metric(&said, "demograph_camera_queue_max_events") > 0.0,
        "{said}"
    );
    crate::tools::run("promtool", &["check", "metrics"], &said);
    let head = Viewer::ask(&host, &host, &format!("{path}stream")).head();
    assert!(head.contains(" 200 "), "{head}");
    process.terminate();
    let finished = process.finish(60);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}
