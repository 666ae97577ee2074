//! `demograph top` over the API of a running instance: in a terminal, and without one.

use serde_json::Value;

use super::{
    tools,
    world::{Process, Service, demograph},
};

fn finished(url: &str, more: &[&str]) -> String {
    let arguments = [&["top", "--url", url], more].concat();
    let ended = Process::start("demograph top", demograph(&arguments)).finish(30);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

/// For the test of the page, whose sources are before the cameras.
pub fn shows_what_the_api_says(service: &Service, sources: [&str; 2]) {
    let url = &service.url;
    // Without a terminal: one snapshot.
    let said = finished(url, &[]);
    for source in sources {
        assert!(said.contains(&format!("{source}: last 1h")), "{said}");
    }
    assert!(said.contains("ready   lag 0"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let live = super::page::json(url, "/api/v1/live?source=lobby&attribute=gender");
    let views = live["sources"][0]["views"].as_array().unwrap();
    let hour = views.iter().find(|view| view["view"] == "1h").unwrap();
    for one in hour["attributes"][0]["categories"].as_array().unwrap() {
        let percent = |key: &str| format!("{:.0}", one[key].as_f64().unwrap() * 100.0);
        let words = format!(
            "{} {} % ({}-{})",
            one["category"].as_str().unwrap(),
            percent("share"),
            percent("share_low"),
            percent("share_high")
        );
        assert!(said.contains(&words), "{words}\n{said}");
    }
    let only = finished(url, &["--once", "--search", "lob"]);
    assert!(!only.contains("café") && only.contains("lobby"), "{only}");
    let json: Value = serde_json::from_str(&finished(url, &["--json"])).unwrap();
    assert_eq!(json["live"]["sources"][1]["source"], "lobby");
    assert_eq!(json["health"]["lag"], 0);
    let program = env!("CARGO_BIN_EXE_demograph");
    let arguments = ["tests/tools/top.py", program, url, sources[0], sources[1]];
    tools::run(tools::python(), &arguments, "");
}

#[test]
fn an_address_that_is_none_is_refused_with_its_fix() {
    for (url, named) in [
        ("gate:9464", "write http://host:9464"),
        ("ftp://gate", "write http://host:9464"),
        ("https://127.0.0.1:9", "127.0.0.1:9"),
        ("http://127.0.0.1:9", "127.0.0.1:9"),
    ] {
        let top = demograph(&["top", "--once", "--url", url]);
        let ended = Process::start("demograph top", top).finish(30);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
    }
}
