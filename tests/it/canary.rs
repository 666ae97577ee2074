//! Canaries: bytes that stand for a face, a track, a header go in, and must come out nowhere: not in the tables, not in
//! the checkpoints, not in the log at its most talkative, not in /metrics.

#[cfg(feature = "gateway")]
mod gateway;

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use demograph_core::{event::Event, record::TrackId};

use super::world::{Broker, LOBBY_AND_CAFE, Service, composites, duckdb};

/// In a comment inside the image, after its end, in track ids, in a time that cannot be read.
const MARKERS: [&str; 4] = [
    "canary-Xq7comment",
    "canary-Zv3trailer",
    "canary-Kp9track-id",
    "canary-Wd5a-time",
];
const CROPS: usize = 60;

/// Every form in which a marker may show: as it is, and as text.
fn forms(marker: &str) -> Vec<String> {
    let mut forms = forms_of_text(marker.as_bytes());
    forms.push(marker.to_owned());
    forms
}

/// Every text that bytes may become: hex, a list of numbers, base64 at any of three places.
fn forms_of_text(bytes: &[u8]) -> Vec<String> {
    let hex = demograph_core::hex(bytes);
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let mut forms = vec![hex.to_uppercase(), hex, numbers.join(", ")];
    for before in 0..3 {
        let text = BASE64_STANDARD.encode([&vec![0; before], bytes].concat());
        // The first and the last letters depend on the neighbours.
        let inner = text.trim_end_matches('=');
        forms.push(inner[if before == 0 { 0 } else { 4 }..inner.len() - 2].to_owned());
    }
    forms
}

/// The markers that are found, each with its form.
fn hits(haystack: &[u8]) -> Vec<String> {
    let holds = |form: &String| {
        haystack
            .windows(form.len())
            .any(|window| window == form.as_bytes())
    };
    MARKERS.into_iter().flat_map(forms).filter(holds).collect()
}

/// The names of all tracks that go in, as they are hashed.
fn tracks() -> impl Iterator<Item = String> {
    let names = (0..CROPS.div_ceil(3)).map(|n| format!("{}-{n}", MARKERS[2]));
    names.flat_map(|name| ["lobby", "cafe"].map(|source| format!("{source}\0{name}")))
}

/// The forms of a track's hash without a key: as bytes of either order, as a checkpoint writes numbers, as text.
fn unkeyed(track: &str) -> Vec<Vec<u8>> {
    let hash = TrackId::of(track.as_bytes()).hash();
    vec![
        hash.to_le_bytes().to_vec(),
        hash.to_be_bytes().to_vec(),
        postcard::to_stdvec(&hash).unwrap(),
        hash.to_string().into_bytes(),
        format!("{hash:016x}").into_bytes(),
        format!("{:016x}", hash.swap_bytes()).into_bytes(),
    ]
}

/// How many tracks are found by their hash without a key.
fn found_unkeyed(haystack: &[u8], tracks: impl Iterator<Item = String>) -> usize {
    let holds = |form: &Vec<u8>| {
        haystack
            .windows(form.len())
            .any(|window| window == form.as_slice())
    };
    tracks
        .filter(|track| unkeyed(track).iter().any(holds))
        .count()
}

/// The JPEG with a comment after its first marker and bytes after its last one.
fn marked(jpeg: &[u8]) -> Vec<u8> {
    let comment = MARKERS[0].as_bytes();
    let length = u16::try_from(comment.len() + 2).unwrap().to_be_bytes();
    let segment = [&[0xFF, 0xFE], &length[..], comment].concat();
    [&jpeg[..2], &segment, &jpeg[2..], MARKERS[1].as_bytes()].concat()
}

/// Crops in both modes of the event, and some that are refused at each stage.
fn events() -> Vec<Event> {
    let images = composites();
    let image = |n: usize| marked(&std::fs::read(&images[n % images.len()]).unwrap());
    let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
    let track = |n: usize| format!("{}-{}", MARKERS[2], n / 3);
    let binary = |n: usize| Event {
        key: "lobby".into(),
        headers: vec![header("ce_trackid", track(n)), header("ce_id", track(n))],
        payload: image(n),
    };
    let structured = |n: usize| {
        Event {
        key: "cafe".into(),
        headers: vec![header("content-type", "application/cloudevents+json".into())],
        payload: serde_json::json!({
            "specversion": "1.0", "type": "org.demograph.face-crop.v1", "id": track(n), "source": "cafe",
            "trackid": track(n), "data_base64": BASE64_STANDARD.encode(image(n))
        })
        .to_string()
        .into_bytes(),
    }
    };
    let mut events: Vec<Event> = (0..CROPS)
        .map(binary)
        .chain((0..CROPS).map(structured))
        .collect();
    let refused = |headers, payload| Event {
        key: "lobby".into(),
        headers,
        payload,
    };
    events.push(refused(
        vec![header("ce_time", MARKERS[3].into())],
        image(0),
    ));
    events.push(refused(vec![header("content-type", track(0))], image(0)));
    // Cut within the pixels, and corrupt behind the comment.
    events.push(refused(
        vec![header("ce_trackid", track(0))],
        image(0)[..700].to_vec(),
    ));
    let broken = [
        &image(0)[..40],
        MARKERS[0].as_bytes(),
        MARKERS[1].as_bytes(),
    ]
    .concat();
    events.push(refused(Vec::new(), broken));
    events.push(Event {
        key: "stranger".into(),
        ..binary(0)
    });
    events
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn no_byte_of_a_face_and_no_track_id_leaves_the_service() {
    let topic = Broker::shared().topic("canary", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, LOBBY_AND_CAFE)
        .replace("publish_interval", "cells = true\npublish_interval")
        .replace("on_stop = \"close\"", "on_stop = \"keep\"");
    let mut service = Service::start_with_arguments(&config, &["--log", "trace"]);
    let events = events();
    the_search_finds_what_goes_in(&events);
    let sent = events.len() as f64;
    topic.send(&events);
    service.await_metric("demograph_files_written_total", 1.0, 60);
    // Again, so that the last checkpoint holds open panes with their tracks.
    topic.send(events);
    service.await_metric("demograph_records_total", 2.0 * sent, 60);
    assert_eq!(hits(service.metrics().as_bytes()), [""; 0]);
    let finished = service.stop();
    assert!(finished.stderr.contains("TRACE"), "{}", finished.stderr);
    assert_eq!(hits(finished.stderr.as_bytes()), [""; 0]);
    assert_eq!(hits(finished.stdout.as_bytes()), [""; 0]);

    let written = files(folder.path());
    for ending in ["parquet", "ckpt", "json"] {
        let some = written
            .iter()
            .any(|path| path.extension().is_some_and(|own| own == ending));
        assert!(some, "no {ending} in {written:?}");
    }
    the_key_is_in_its_file_only(&written, &finished.stderr);
    for path in written {
        assert_eq!(hits(path.display().to_string().as_bytes()), [""; 0]);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(hits(&bytes), [""; 0], "{}", path.display());
        let unkeyed = found_unkeyed(&bytes, tracks());
        assert_eq!(unkeyed, 0, "{}", path.display());
    }
    // The tables are compressed: what a reader sees.
    for table in ["demographics", "windows", "cells"] {
        let place = if table == "cells" { "out-cells" } else { "out" };
        let rows = duckdb(&format!(
            "SELECT r::VARCHAR AS r FROM read_parquet('{}/{table}/*/*.parquet') AS r",
            folder.path().join(place).display()
        ));
        assert!(!rows.is_empty(), "{table}");
        assert_eq!(
            hits(serde_json::to_string(&rows).unwrap().as_bytes()),
            [""; 0],
            "{table}"
        );
    }
}

/// The positive control: each form of each hash is found among other bytes, and only where it is.
#[test]
fn a_hash_without_a_key_is_found_in_each_form() {
    for form in tracks().flat_map(|track| unkeyed(&track)) {
        let leak = [b"DGCKPT", form.as_slice(), b"\0\0"].concat();
        assert_eq!(found_unkeyed(&leak, tracks()), 1, "{form:?}");
    }
    assert_eq!(found_unkeyed(b"DGCKPT\0\0", tracks()), 0);
}

fn the_key_is_in_its_file_only(written: &[PathBuf], log: &str) {
    let holds_key = |path: &&PathBuf| path.ends_with("track-key.json");
    let file = written.iter().find(holds_key).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let key = file["track_key"].as_str().unwrap();
    assert!(key.len() >= 64 && !log.contains(key));
    for path in written.iter().filter(|path| !holds_key(path)) {
        let bytes = std::fs::read(path).unwrap();
        let holds = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        assert!(!holds, "{}", path.display());
    }
}

/// The positive control: the same search, on the input and on the forms that a leak could take.
fn the_search_finds_what_goes_in(events: &[Event]) {
    let all: Vec<u8> = events
        .iter()
        .flat_map(|event| {
            let headers = event.headers.iter().flat_map(|(_, value)| value.clone());
            headers.chain(event.payload.clone()).collect::<Vec<u8>>()
        })
        .collect();
    let found = hits(&all);
    for marker in MARKERS {
        assert!(found.contains(&marker.to_owned()), "{marker}");
        let bytes = [b"\xFF\xD8", marker.as_bytes(), b"\0\0"].concat();
        let hex = demograph_core::hex(&bytes);
        for leak in [hex.to_uppercase(), hex, format!("{bytes:?}")] {
            assert_eq!(hits(leak.as_bytes()).len(), 1, "{leak}");
        }
        for before in 0..3 {
            let leak = BASE64_STANDARD.encode([&b"abc"[..before], &bytes].concat());
            assert_eq!(hits(leak.as_bytes()).len(), 1, "{leak}");
        }
    }
    // The structured events hold their image as base64.
    assert!(found.len() > MARKERS.len(), "{found:?}");
}
