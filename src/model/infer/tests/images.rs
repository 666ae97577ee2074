//! Every image that viewers show is read as they show it: `tests/data/images`, whose pixels Pillow says, and the same
//! face stored in different ways. Needs no Python: `make.py` there wrote what Pillow shows.

use demograph_core::reject::Reject;

use super::*;
use crate::prepare::pixels;

/// Pillow's decoder rounds at other places; a wrong turn or a shifted plane is off by far more.
const LEVELS_MAX: u8 = 5;
const LEVELS_MEAN: f64 = 1.0;

fn read(name: &str) -> Result<Crop, Reject> {
    let path = repository("tests/data/images").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    decode::image(&bytes, &LIMITS, all())
}

fn index() -> Vec<serde_json::Value> {
    let index = std::fs::read_to_string(repository("tests/data/images/index.json")).unwrap();
    serde_json::from_str(&index).unwrap()
}

#[test]
fn images_are_read_as_pillow_shows_them() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in index() {
        let (file, Some(shown)) = (entry["file"].as_str().unwrap(), entry["shown"].as_str()) else {
            continue;
        };
        seen += 1;
        let expected = image::open(repository("tests/data/images").join(shown)).unwrap();
        let crop = match read(file) {
            Ok(crop) if (crop.width, crop.height) == (expected.width(), expected.height()) => crop,
            other => {
                wrong.push(format!("{file}: {other:?}"));
                continue;
            }
        };
        let (ours, theirs) = (pixels(&crop), expected.to_rgb8());
        let apart: Vec<u8> = ours
            .iter()
            .zip(theirs.as_raw())
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let most = apart.iter().copied().max().unwrap();
        let mean = apart.iter().map(|&level| f64::from(level)).sum::<f64>() / apart.len() as f64;
        let exact = !file.ends_with("jpg") && !file.ends_with("jpeg");
        if most > LEVELS_MAX || mean > LEVELS_MEAN || exact && most > 1 {
            wrong.push(format!(
                "{file}: {most} levels apart, {mean:.3} in the mean"
            ));
        }
    }
    assert!(seen >= 100, "{seen} images");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn damaged_cut_and_small_images_are_rejected_for_their_reason() {
    let mut wrong = Vec::new();
    for entry in index() {
        if let Some(reason) = entry["reason"].as_str() {
            let file = entry["file"].as_str().unwrap();
            let found = read(file).map(drop).map_err(Reject::name);
            if found != Err(reason) {
                wrong.push(format!("{file}: {found:?}, not {reason}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pictures_that_look_the_same_are_the_same_crop() {
    for kind in [".png", ".webp", "-grey.png", "-palette.png", "-key.png"] {
        let (start, end) = kind.split_at(kind.rfind('.').unwrap());
        let [red, blue] =
            ["red", "blue"].map(|colour| read(&format!("hidden{start}-{colour}{end}")).unwrap());
        assert_eq!(pixels(&red), pixels(&blue), "{kind}");
    }
}

#[test]
fn a_face_stored_in_another_way_has_the_same_estimate() {
    let mut model = load("research-small", &InferenceSettings::default()).unwrap();
    let mut estimate = |name: &str| {
        let crop = read(name).unwrap_or_else(|reason| panic!("{name}: {reason:?}"));
        answers(&mut model, &[crop]).remove(0)
    };
    let upright = estimate("upright.png");
    for name in [
        "exif-orientation-3.jpg",
        "exif-orientation-6.jpg",
        "exif-orientation-8.jpg",
        "jpeg-extra-bytes-before-rst.jpg",
        "jpeg-odd-sos-parameters.jpg",
        "jpeg-restart-markers.jpg",
        "mjpeg-frame-without-huffman-tables.jpg",
    ] {
        let stored = estimate(name);
        let years = [&stored, &upright].map(|one| one.age.as_ref().unwrap().mean());
        assert!((years[0] - years[1]).abs() < 1.0, "{name}: {years:?}");
        for (ours, theirs) in [
            (&stored.gender, &upright.gender),
            (&stored.ethnicity, &upright.ethnicity),
        ] {
            let pairs = ours
                .as_ref()
                .unwrap()
                .0
                .iter()
                .zip(&theirs.as_ref().unwrap().0);
            for (a, b) in pairs {
                assert!((a - b).abs() < 0.01, "{name}: {stored:?}, not {upright:?}");
            }
        }
    }
    for (name, reason) in [
        ("jpeg-cut-with-exif-thumbnail.jpg", Reject::Truncated),
        ("one-pixel.jpg", Reject::TooFewPixels),
    ] {
        assert_eq!(read(name).err(), Some(reason), "{name}");
    }
}
