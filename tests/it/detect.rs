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
        list.starts_with("file,image,face,x,y,width,height,score,quality\n"),
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
