//! Several cameras in one gateway: each is counted, one that hangs holds up no other, all children end with it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::{camera, film, sections, series};
use crate::{
    dashboards::{self, Values},
    world::{Broker, Prometheus, Service, metric},
};

const CAMERAS: [&str; 3] = ["door", "hall", "shop"];

/// ffmpeg, which notes its number first.
fn noting(folder: &Path) -> String {
    let file = folder.join("ffmpeg");
    let pids = folder.join("pids");
    let script = format!(
        "#!/bin/sh\necho $$ >> {}\nexec ffmpeg \"$@\"\n",
        pids.display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

/// The programs among those noted that still run.
fn running(folder: &Path) -> Vec<String> {
    let pids = fs::read_to_string(folder.join("pids")).unwrap();
    let runs = |pid: &&str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status.is_ok_and(|status| !status.contains("State:\tZ"))
    };
    pids.lines().filter(runs).map(str::to_owned).collect()
}

#[test]
fn four_cameras_are_counted_each_one_that_hangs_holds_up_no_other_and_all_end_together() {
    let folder = tempfile::tempdir().unwrap();
    let topic = Broker::shared().topic("camera-several", 1);
    let presence = Broker::shared().topic("camera-several-presence", 1);
    // A pipe that nobody writes to: who opens it waits.
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut config = format!(
        "{}[presence]\ntopic='{}'\n[detector]\nffmpeg='{}'\n[limits]\nsilence_max='5s'\ngrace='1s'\n",
        sections(&topic),
        presence.name,
        noting(folder.path())
    );
    for (number, id) in CAMERAS.into_iter().enumerate() {
        let file = folder.path().join(format!("{id}.mkv"));
        film(&file, number);
        config += &camera(id, &file, "");
    }
    config += &camera("stuck", &pipe, "");
    let mut service = Service::camera(&config, &[]);
    let mut prometheus = Prometheus::scrape(&service.url);
    service.await_metric(
        &series("restarts_total", "stuck", ",reason=\"silent\""),
        1.0,
        60,
    );
    // The others went on meanwhile, and go on.
    for id in CAMERAS {
        service.await_metric(&series("presences_total", id, ",outcome=\"sent\""), 3.0, 60);
    }
    let said = service.metrics();
    for id in CAMERAS {
        let of = |name: &str, more: &str| metric(&said, &series(name, id, more));
        assert_eq!(of("up", ""), 1.0, "{said}");
        assert!(of("faces_total", ",outcome=\"sent\"") >= 3.0, "{said}");
        let restarts = format!("demograph_camera_restarts_total{{camera=\"{id}\"");
        assert_eq!(metric(&said, &restarts), 0.0, "{said}");
    }
    assert_eq!(metric(&said, &series("up", "stuck", "")), 0.0, "{said}");
    every_panel_of_the_cameras_has_data(&mut prometheus);
    assert!(!running(folder.path()).is_empty());
    let finished = service.stop();
    assert_eq!(running(folder.path()), [""; 0], "{}", finished.stderr);
    let of = |id: &str| {
        let key = Some(id.as_bytes().to_vec());
        topic
            .records()
            .iter()
            .filter(|record| record.key == key)
            .count()
    };
    for id in CAMERAS {
        assert!(of(id) as f64 >= metric(&said, &series("faces_total", id, ",outcome=\"sent\"")));
    }
    assert_eq!(of("stuck"), 0);
}

fn every_panel_of_the_cameras_has_data(prometheus: &mut Prometheus) {
    let values = Values {
        source: ".*",
        window: "10s",
        instance: ".*",
        camera: ".*",
        rate_interval: "10s",
    };
    let queries = dashboards::queries(&values);
    let of_cameras = queries
        .iter()
        .filter(|query| query.expr.contains("demograph_camera_"));
    assert!(of_cameras.clone().count() >= 15);
    for query in of_cameras {
        prometheus.await_data(&query.expr, 30);
    }
}
