//! Real servers of streams, RTSP (GStreamer's) and MJPEG over HTTP: stopped, started again, with a wrong password, a wrong path,
//! behind a connection that is half-open. Each camera ends in a state that says why, and comes back.

use std::path::{Path, PathBuf};

use demograph_core::event;

use super::{await_sums, film, sections, series};
use crate::{
    tools,
    world::{Broker, Process, Relay, Service, command, free_port, metric, repository},
};

const USER: &str = "admin";
const PASSWORD: &str = "s3cret/and@more";

/// A server, and where it is.
pub(super) struct Server {
    pub port: u16,
    arguments: Vec<String>,
    python: PathBuf,
    process: Process,
}

impl Server {
    /// A camera that speaks RTSP: /main.
    fn rtsp(film: &Path) -> Self {
        // Debian's modules are those of Debian's Python.
        Self::start("tests/tools/rtsp.py", "/usr/bin/python3".into(), film)
    }

    /// A camera that sends JPEGs over HTTP: /video.
    pub fn mjpeg(pictures: &Path) -> Self {
        Self::start("tests/tools/mjpeg.py", tools::python(), pictures)
    }

    fn start(script: &str, python: PathBuf, shown: &Path) -> Self {
        let port = free_port();
        let script = repository(script).display().to_string();
        let shown = shown.display().to_string();
        let arguments = vec![
            script,
            port.to_string(),
            shown,
            USER.into(),
            PASSWORD.into(),
        ];
        let process = launch(&python, &arguments);
        Self {
            port,
            arguments,
            python,
            process,
        }
    }

    /// Pulls the plug, and puts it in again after `meanwhile`.
    fn restart(&mut self, meanwhile: impl FnOnce()) {
        self.process.signal("KILL");
        meanwhile();
        self.process = launch(&self.python, &self.arguments);
    }
}

fn launch(python: &Path, arguments: &[String]) -> Process {
    let mut server = command(python);
    server.args(arguments);
    let mut process = Process::start("the camera (setup/system-packages test)", server);
    let log = process.stdout_file();
    process.wait_for("it listens", 30, || {
        let said = std::fs::read_to_string(&log).ok()?;
        said.contains("ready").then_some(())
    });
    process
}

/// ffmpeg on files; `{film}` is the folder's film.
pub(super) fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let mut ffmpeg = command("ffmpeg");
    ffmpeg
        .current_dir(folder)
        .args(["-hide_banner", "-v", "error", "-nostdin"])
        .args(arguments);
    let said = Process::start("ffmpeg", ffmpeg).finish(60);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

fn camera(id: &str, address: &str, password: &str) -> String {
    format!(
        "[[camera]]\nid='{id}'\naddress='{address}'\nuser='{USER}'\npassword={{env='{password}'}}\n"
    )
}

/// Waits until the camera is in this state.
fn await_state(service: &mut Service, camera: &str, state: &str) {
    let more = format!(",state=\"{state}\"");
    service.await_metric(&series("state", camera, &more), 1.0, 90);
}

/// Waits for so many more faces of the camera.
fn await_faces(service: &mut Service, camera: &str) {
    let sent = series("faces_total", camera, ",outcome=\"sent\"");
    let now = metric(&service.metrics(), &sent);
    service.await_metric(&sent, now + 3.0, 90);
}

#[test]
fn cameras_with_every_fault_end_in_a_state_that_says_why_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    film(&folder.join("film.mkv"), 1);
    // Long enough for the whole test.
    ffmpeg(
        folder,
        &[
            "-stream_loop",
            "60",
            "-i",
            "film.mkv",
            "-c",
            "copy",
            "long.mkv",
        ],
    );
    std::fs::create_dir(folder.join("pictures")).unwrap();
    ffmpeg(
        folder,
        &["-i", "film.mkv", "-q:v", "3", "pictures/%03d.jpg"],
    );
    let mut rtsp = Server::rtsp(&folder.join("long.mkv"));
    let mut mjpeg = Server::mjpeg(&folder.join("pictures"));
    let relays = [&rtsp, &mjpeg].map(|server| Relay::before(server.port));
    let topic = Broker::shared().topic("camera-servers", 1);
    let rtsp_at = |port: u16, path: &str| format!("rtsp://127.0.0.1:{port}/{path}");
    let http_at = |port: u16, path: &str| format!("http://127.0.0.1:{port}/{path}");
    let nobody = free_port();
    let config = [
        sections(&topic),
        "[limits]\nsilence_max='5s'\ngrace='1s'\n".into(),
        camera("rtsp", &rtsp_at(rtsp.port, "main"), "RIGHT"),
        camera("rtsp-relayed", &rtsp_at(relays[0].port, "main"), "RIGHT"),
        camera("rtsp-login", &rtsp_at(rtsp.port, "main"), "WRONG"),
        camera("rtsp-path", &rtsp_at(rtsp.port, "other"), "RIGHT"),
        camera("rtsp-nobody", &rtsp_at(nobody, "main"), "RIGHT"),
        camera("http", &http_at(mjpeg.port, "video"), "RIGHT"),
        camera("http-relayed", &http_at(relays[1].port, "video"), "RIGHT"),
        camera("http-login", &http_at(mjpeg.port, "video"), "WRONG"),
        camera("http-path", &http_at(mjpeg.port, "other"), "RIGHT"),
        camera("http-nobody", &http_at(nobody, "video"), "RIGHT"),
    ];
    let began = demograph_service::clock::now();
    let secrets = [("RIGHT", PASSWORD), ("WRONG", "wr0ng-w0rd")];
    let mut service = Service::camera(&config.concat(), &secrets);
    let working = ["rtsp", "rtsp-relayed", "http", "http-relayed"];
    for camera in working {
        await_faces(&mut service, camera);
    }
    for kind in ["rtsp", "http"] {
        for (what, state) in [
            ("login", "unauthorized"),
            ("path", "not_found"),
            ("nobody", "unreachable"),
        ] {
            await_state(&mut service, &format!("{kind}-{what}"), state);
        }
    }

    // The connections stay open, and nothing comes any more.
    let relayed = ["rtsp-relayed", "http-relayed"];
    let silent = relayed.map(|camera| {
        let silent = series("restarts_total", camera, ",reason=\"silent\"");
        let before = metric(&service.metrics(), &silent);
        (camera, silent, before)
    });
    for relay in &relays {
        relay.stall();
    }
    for (camera, silent, before) in silent {
        service.await_metric(&silent, before + 1.0, 60);
        await_state(&mut service, camera, "silent");
    }
    for relay in &relays {
        relay.go_on();
    }
    for camera in relayed {
        await_state(&mut service, camera, "up");
        await_faces(&mut service, camera);
    }

    rtsp.restart(|| await_state(&mut service, "rtsp", "unreachable"));
    mjpeg.restart(|| await_state(&mut service, "http", "unreachable"));
    for camera in working {
        await_state(&mut service, camera, "up");
        await_faces(&mut service, camera);
    }
    await_sums(&mut service);
    let said = service.metrics();
    let finished = service.stop();
    // Also of MJPEG, which has no time stamps, and of streams that began anew.
    let ended = demograph_service::clock::now();
    for record in topic.records() {
        let time = event::open(&record, 1 << 20).time.unwrap();
        assert!(
            began <= time && time <= ended,
            "{began:?} {time:?} {ended:?}"
        );
    }
    for (_, secret) in secrets {
        assert!(!said.contains(secret) && !finished.stderr.contains(secret));
    }
}
