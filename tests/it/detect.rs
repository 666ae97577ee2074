//! `demograph detect` and `predict --detect` on pictures with several composites in them.

use std::path::Path;

use image::{RgbImage, imageops::FilterType};
use serde_json::Value;

use super::world::{Finished, Process, demograph, repository};

/// The composites of a picture: name, side, left upper corner.
const PLACES: [(&str, u32, (u32, u32)); 3] = [
    ("black-female-25-34-a", 130, (40, 30)),
    ("white-male-65-up-a", 180, (420, 90)),
    ("asian-male-35-44-b", 90, (250, 330)),
];

/// A picture that shows them, and one face of 24 pixels.
fn picture(file: &Path) {
    let mut picture = RgbImage::from_fn(700, 460, |x, y| {
        image::Rgb([100 + (x / 11 % 20) as u8, 120, 90 + (y / 13 % 25) as u8])
    });
    let small = ("white-female-25-34-a", 28, (620, 400));
    for (name, side, (x, y)) in PLACES.into_iter().chain([small]) {
        let composite = repository("tests/data/composites").join(format!("{name}.jpg"));
        let rgb = jpeg(&std::fs::read(composite).unwrap());
        let face = image::imageops::resize(&rgb, side, side, FilterType::Triangle);
        image::imageops::replace(&mut picture, &face, x.into(), y.into());
    }
    picture.save(file).unwrap();
}

fn jpeg(bytes: &[u8]) -> RgbImage {
    let picture: turbojpeg::Image<Vec<u8>> =
        turbojpeg::decompress(bytes, turbojpeg::PixelFormat::RGB).unwrap();
    RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.pixels).unwrap()
}

fn run(arguments: &[&str]) -> Finished {
    let name = format!("demograph {}", arguments[0]);
    Process::start(&name, demograph(arguments)).finish(120)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn faces_of_a_photograph_become_crops_that_predict_knows_and_a_list_that_publish_reads() {
    let folder = tempfile::tempdir().unwrap();
    let photograph = folder.path().join("party.png");
    picture(&photograph);
    let out = folder.path().join("crops");
    let detect = ["detect", "--json", text(&photograph), "--out", text(&out)];
    let said = run(&detect);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&found["width"], &found["height"]),
        (&700.into(), &460.into())
    );
    let faces = found["faces"].as_array().unwrap();
    assert_eq!(faces.len(), PLACES.len(), "{found}");
    for (name, side, (x, y)) in PLACES {
        let middle = |face: &Value, from: &str, length: &str| {
            face[from].as_f64().unwrap() + face[length].as_f64().unwrap() / 2.0
        };
        let near = |face: &&Value| {
            let (across, down) = (middle(face, "x", "width"), middle(face, "y", "height"));
            let half = f64::from(side) / 2.0;
            (across - f64::from(x) - half).hypot(down - f64::from(y) - half) < 0.2 * half
        };
        let face = faces
            .iter()
            .find(near)
            .unwrap_or_else(|| panic!("{name}: {found}"));
        let crop = jpeg(&std::fs::read(out.join(face["crop"].as_str().unwrap())).unwrap());
        assert_eq!(crop.dimensions(), (160, 160));
    }

    let list = std::fs::read_to_string(out.join("crops.csv")).unwrap();
    assert!(
        list.starts_with("file,image,face,x,y,width,height,score,quality,seconds,trackid\n"),
        "{list}"
    );
    assert_eq!(list.lines().count(), 1 + PLACES.len());

    // What `detect` writes and `predict` reads is what `predict --detect` estimates.
    let answers = |arguments: &[&str]| {
        let said = run(arguments);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let lines = said.stdout.lines().map(|line| {
            let mut answer: Value = serde_json::from_str(line).unwrap();
            let file = answer["file"].take();
            (file.as_str().unwrap().to_owned(), answer)
        });
        lines.collect::<Vec<_>>()
    };
    let of_crops = answers(&["predict", "--json", text(&out)]);
    let at_once = answers(&["predict", "--json", "--detect", text(&photograph)]);
    assert_eq!(at_once.len(), PLACES.len());
    for (number, ((_, crop), (name, face))) in of_crops.iter().zip(&at_once).enumerate() {
        assert_eq!(*name, format!("{}#{}", text(&photograph), number + 1));
        assert_eq!(crop, face);
    }

    // A list is not overwritten.
    let again = run(&detect);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("is there already"),
        "{}",
        again.stderr
    );
}

#[test]
fn small_faces_are_counted_pictures_without_a_face_are_no_fault_and_files_that_are_none_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    picture(&path("a-party.png"));
    RgbImage::from_pixel(64, 48, image::Rgb([90, 90, 90]))
        .save(path("b-wall.png"))
        .unwrap();
    let finer = run(&["detect", text(folder.path()), "--min-face", "20"]);
    assert_eq!(finer.code, Some(0), "{}", finer.stderr);
    assert_eq!(
        finer.stdout.matches("a-party.png").count(),
        4,
        "{}",
        finer.stdout
    );
    assert!(finer.stdout.contains("none"), "{}", finer.stdout);

    std::fs::write(path("c-broken.jpg"), "not a picture").unwrap();
    // Faces of 110 pixels can be looked for in so many pixels, faces of 40 cannot. The others are looked at all the same.
    RgbImage::new(16_000, 15_000)
        .save(path("d-large.png"))
        .unwrap();
    let usual = run(&["detect", text(folder.path())]);
    assert_eq!(usual.code, Some(1));
    assert_eq!(
        usual.stdout.matches("a-party.png").count(),
        3,
        "{}",
        usual.stdout
    );
    assert!(
        usual.stdout.contains("rejected: too_many_pixels"),
        "{}",
        usual.stdout
    );
    assert!(
        usual.stderr.contains("set min_face (--min-face) to "),
        "{}",
        usual.stderr
    );
    std::fs::remove_file(path("d-large.png")).unwrap();
    let coarser = run(&["detect", text(folder.path()), "--min-face", "110"]);
    assert_eq!(coarser.code, Some(1));
    assert_eq!(
        coarser.stdout.matches("a-party.png").count(),
        1,
        "{}",
        coarser.stdout
    );
    for part in ["more below 110 pixels", "rejected: not_an_image"] {
        assert!(coarser.stdout.contains(part), "{part}: {}", coarser.stdout);
    }
}

#[test]
fn a_detector_s_folder_that_is_not_there_is_named() {
    let said = run(&["detect", "x.jpg", "--detector", "nowhere"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("nowhere/detector.toml"),
        "{}",
        said.stderr
    );
}

/// A video of ten seconds that ffmpeg renders: composites cross the picture, and the camera sees 25 frames a second.
fn video(file: &Path) {
    let composite = |name: &str| {
        let file = repository("tests/data/composites").join(format!("{name}.jpg"));
        file.to_str().unwrap().to_owned()
    };
    // One from the left, one from the right, both at three faces a second; one stands still and is passed by nobody.
    let places = [
        ("black-female-25-34-a", "t*170-60", "60"),
        ("white-male-25-34-a", "700-t*170", "330"),
        ("asian-female-18-24-b", "300", "200"),
    ];
    let mut command = std::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i"]);
    command.arg("color=c=0x708078:size=640x480:rate=25:duration=5");
    let mut filters = String::new();
    for (number, (name, x, y)) in places.into_iter().enumerate() {
        command.args(["-i", &composite(name)]);
        let (input, before) = (
            number + 1,
            if number == 0 {
                "0:v".into()
            } else {
                format!("v{number}")
            },
        );
        filters += &format!(
            "[{input}:v]scale=64:64[f{input}];[{before}][f{input}]overlay=x='{x}':y={y}[v{input}];"
        );
    }
    command.args([
        "-filter_complex",
        filters.trim_end_matches(';'),
        "-map",
        "[v3]",
    ]);
    let made = command
        .args(["-c:v", "libx264", "-crf", "18", "-y"])
        .arg(file)
        .status();
    assert!(
        made.expect("ffmpeg is installed: run setup/system-packages")
            .success()
    );
}

#[test]
fn people_in_a_video_are_counted_once_each_and_their_crops_carry_the_track() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("entrance.mp4");
    video(&clip);
    let out = folder.path().join("crops");
    let said = run(&["detect", "--json", text(&clip), "--out", text(&out)]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let seen: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(seen["frames"], 25);
    let tracks = seen["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 3, "{seen}");

    let mut list = csv::Reader::from_path(out.join("crops.csv")).unwrap();
    let mut places: std::collections::BTreeMap<String, Vec<(f64, f64)>> = Default::default();
    for row in list.records() {
        let row = row.unwrap();
        assert!(out.join(&row[0]).is_file());
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        places
            .entry(row[10].to_owned())
            .or_default()
            .push((number(9), number(3)));
    }
    assert_eq!(places.len(), 3);
    // Of each track the pixels a second: every one of its faces is the same person's.
    let mut speeds: Vec<f64> = places
        .values()
        .map(|seen| {
            let speed = |pair: &[(f64, f64)]| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0);
            let speeds: Vec<f64> = seen.windows(2).map(speed).collect();
            let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
            assert!(
                speeds.iter().all(|speed| (speed - mean).abs() < 60.0),
                "{speeds:?}"
            );
            mean
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    for (speed, expected) in speeds.into_iter().zip([-170.0, 0.0, 170.0]) {
        assert!((speed - expected).abs() < 8.0, "{speed}, not {expected}");
    }
}

#[test]
fn a_video_that_is_none_is_an_error_with_the_words_of_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.mp4");
    std::fs::write(&file, "not a video").unwrap();
    let said = run(&["detect", text(&file)]);
    assert_eq!(said.code, Some(1));
    for part in [
        "notes.mp4: ffmpeg could not read all of it (refused)",
        "Invalid data",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
}
