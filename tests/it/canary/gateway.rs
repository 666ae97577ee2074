//! Canaries of the gateway: no byte of a face that it sends or shows, no track id, no password is in its log at its most
//! talkative, in /metrics, in a file. Also while somebody looks at the preview.

use std::{
    io::BufRead,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use demograph_core::event;

use super::{files, forms_of_text};
use crate::{
    preview::{Viewer, place},
    world::{Broker, Film, Process, Service, Walker, command, composites},
};

const PASSWORD: &str = "canary-Rb6password";
/// So many bytes of a face in a row are one.
const RUN: usize = 12;

/// What is found of these secrets, as they are or as text.
fn hits<'a>(haystack: &[u8], secrets: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<String> {
    let holds = |needle: &[u8]| {
        haystack
            .windows(needle.len())
            .any(|window| window == needle)
    };
    let secrets = secrets.into_iter();
    let found = secrets.filter(|secret| {
        let mut texts = forms_of_text(secret).into_iter();
        holds(secret) || texts.any(|text| holds(text.as_bytes()))
    });
    found.map(demograph_core::hex).collect()
}

/// Pieces of the compressed pixels of a JPEG. The tables before them are those of every JPEG.
fn pieces(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let scan = jpeg.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap() + 20;
    let pixels = &jpeg[scan..jpeg.len() - 2];
    let places = [0, pixels.len() / 3, pixels.len() / 2];
    let pieces = places.map(|place| pixels[place..place + RUN].to_vec());
    // A piece of one ground is in many pictures, and says nothing of a face.
    let is_varied = |piece: &Vec<u8>| piece.iter().any(|byte| *byte != piece[0]);
    pieces.into_iter().filter(is_varied).collect()
}

/// The positive control: a file that a program holds open to write is seen.
#[test]
fn a_file_that_is_written_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leak").display().to_string();
    let mut shell = command("sh");
    shell.args(["-c", "exec 7>\"$1\"; exec sleep 1000", "sh", &file]);
    let mut process = Process::start("sh", shell);
    let leak = std::path::Path::new(&file);
    process.wait_for("the file is there", 10, || leak.exists().then_some(()));
    assert_eq!(process.writes_to(), [file]);
}

#[test]
fn no_byte_of_a_face_no_track_and_no_password_leaves_the_gateway_but_to_kafka_and_to_who_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (film, own) = (folder.path().join("film.mkv"), folder.path().join("own"));
    std::fs::create_dir(&own).unwrap();
    let walkers = (0..3).map(|number| Walker {
        composite: composites()[17 * number].clone(),
        side: 110,
        enters: number as f64,
        speed: 200.0,
        height: 100 * number as u32,
    });
    Film {
        size: (640, 360),
        fps: 10,
        seconds: 6,
        walkers: walkers.collect(),
    }
    .write(&film);
    let topic = Broker::shared().topic("camera-canary", 1);
    let config = format!(
        "[kafka]\nbrokers='{}'\ntopic='{}'\n[http]\nlisten='127.0.0.1:0'\n[presence]\ntopic='{}'\n\
         [[camera]]\nid='lobby'\naddress='file://{}'\noptions=['-re','-stream_loop','-1']\n\
         [[camera]]\nid='gate'\naddress='rtsp://127.0.0.1:1/main'\nuser='admin'\npassword={{env='SECRET'}}\n",
        topic.brokers,
        topic.name,
        topic.name,
        film.display()
    );
    let own_place = own.display().to_string();
    let environment = [
        ("SECRET", PASSWORD),
        ("TMPDIR", &own_place),
        ("HOME", &own_place),
        ("XDG_CACHE_HOME", &own_place),
    ];
    let arguments = ["--log", "trace", "--preview", "lobby"];
    let mut service = Service::camera_with_arguments(&config, &environment, &arguments);
    let (host, path) = place(&mut service);
    let (shown, is_over) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(AtomicBool::new(false)),
    );
    let looking = {
        let (shown, is_over) = (shown.clone(), is_over.clone());
        thread::spawn(move || {
            let mut viewer = Viewer::ask(&host, &host, &format!("{path}stream"));
            viewer.head();
            while !is_over.load(Ordering::Relaxed) {
                let mut boundary = String::new();
                viewer.0.read_line(&mut boundary).unwrap();
                let picture = viewer.picture();
                shown.lock().unwrap().push(picture);
            }
        })
    };
    service.await_metric(
        "demograph_camera_presences_total{camera=\"lobby\",outcome=\"sent\"}",
        3.0,
        90,
    );
    service.await_metric("demograph_camera_restarts_total{camera=\"gate\"", 1.0, 60);
    assert_eq!(service.process.writes_to(), [""; 0]);
    is_over.store(true, Ordering::Relaxed);
    looking.join().unwrap();
    let metrics = service.metrics();
    let finished = service.stop();
    assert!(finished.stderr.contains("TRACE"), "{}", finished.stderr);

    let records = topic.records();
    let mut secrets = vec![PASSWORD.as_bytes().to_vec()];
    for record in &records {
        let read = event::open(record, 1 << 20);
        secrets.push(read.track.unwrap().unwrap().into_bytes());
        if !event::is_presence(record) {
            secrets.extend(pieces(&record.payload));
        }
    }
    let shown = shown.lock().unwrap();
    assert!(
        shown.len() > 20 && records.len() > 9,
        "{} {}",
        shown.len(),
        records.len()
    );
    secrets.extend(shown.iter().step_by(7).flat_map(|picture| pieces(picture)));
    secrets.sort();
    secrets.dedup();
    // The positive control: each is found where it is, as it is and as text.
    let leak = secrets.concat();
    assert_eq!(hits(&leak, &secrets).len(), secrets.len());
    let text = format!("{:?}", secrets[0]);
    assert_eq!(hits(text.as_bytes(), &secrets).len(), 1);

    for (place, bytes) in [
        ("metrics", &metrics),
        ("log", &finished.stderr),
        ("answers", &finished.stdout),
    ] {
        assert_eq!(hits(bytes.as_bytes(), &secrets), [""; 0], "{place}");
    }
    assert_eq!(files(&own), [""; 0].map(std::path::PathBuf::from));
}
