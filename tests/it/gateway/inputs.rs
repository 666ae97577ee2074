//! `demograph watch` before one camera that gives pictures and one that nobody reaches: the API, the page and `top` say which is
//! down, since when and why.

use serde_json::{Value, json};

use super::{
    film,
    servers::{Server, ffmpeg},
};
use crate::{
    page, tools,
    world::{Process, demograph},
};

const REASON: &str = "Nobody answers. Check power, address and network.";

#[test]
fn a_camera_that_is_down_stands_on_the_page_and_in_top_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    film(&folder.path().join("film.mkv"), 1);
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let cut = ["-i", "film.mkv", "-q:v", "3", "pictures/%03d.jpg"];
    ffmpeg(folder.path(), &cut);
    let server = Server::mjpeg(&pictures);
    let login = "admin:s3cret%2Fand%40more";
    let door = format!("door=http://{login}@127.0.0.1:{}/video", server.port);
    let mut watch = demograph(&["--log", "warn", "watch", "--model", "models/research-small"]);
    watch
        .args(["--listen", "127.0.0.1:0", "--out"])
        .arg(folder.path().join("out"))
        .args([door.as_str(), "gate=rtsp://127.0.0.1:1/main"]);
    let mut process = Process::start("demograph watch", watch);
    let stdout = process.stdout_file();
    let url = process.wait_for("it says where it is", 120, || {
        let text = std::fs::read_to_string(&stdout).ok()?;
        let (_, rest) = text.split_once("look at ")?;
        Some(rest.split_once("/\n")?.0.to_owned())
    });
    let health: Value = process.wait_for("one is up, one is down", 60, || {
        let health = page::json(&url, "/api/v1/health");
        let is = |at: usize, how: &str| health["inputs"][at]["condition"] == how;
        let has_frames = health["inputs"][0]["figures"][0]["number"].as_u64() > Some(2);
        (is(0, "up") && is(1, "down") && has_frames).then_some(health)
    });
    let gate = &health["inputs"][1];
    let said = [&gate["source"], &gate["state"], &gate["reason"]];
    assert_eq!(
        said.map(Value::clone),
        ["gate", "unreachable", REASON].map(|word| json!(word))
    );
    let live = page::json(&url, "/api/v1/live?source=gate");
    assert_eq!(live["inputs"][0]["reason"], REASON);
    assert_eq!(live["inputs"].as_array().map(Vec::len), Some(1), "{live}");
    let csv = page::ask(&url, "/api/v1/health?format=csv").body;
    assert!(csv.contains("input_is_down,gate,1\n"), "{csv}");
    let arguments = ["tests/tools/page_inputs.py", &url, "door", "gate", REASON];
    tools::run(tools::python(), &arguments, "");
    #[cfg(feature = "top")]
    {
        let top = demograph(&["top", "--once", "--url", &url]);
        let said = Process::start("demograph top", top).finish(30).stdout;
        for part in ["DOWN: gate (unreachable)", REASON] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
    process.terminate();
    assert_eq!(process.finish(60).code, Some(0));
}
