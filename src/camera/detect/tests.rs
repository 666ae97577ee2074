//! The shipped detector on composites that are pasted into larger pictures.

use demograph_core::golden::repository;
use demograph_model::infer::InferenceSettings;

use super::*;
use crate::{
    align::{align, landmarks_of_crop},
    face::{Landmarks, Point},
    stage::Stage,
};

fn open(folder: &Path) -> anyhow::Result<Detector> {
    Detector::open(folder, &InferenceSettings::default())
}

fn shipped() -> Detector {
    open(&repository("models/yunet")).unwrap()
}

/// A copy of the shipped folder, with one text of its manifest changed.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["detector.toml", "yunet.onnx", "self-test.png"] {
        let file = repository("models/yunet").join(name);
        std::fs::copy(file, folder.path().join(name)).unwrap();
    }
    let manifest = folder.path().join("detector.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains(from));
    std::fs::write(manifest, text.replace(from, to)).unwrap();
    folder
}

#[test]
fn a_detector_that_errs_on_its_self_test_or_was_changed_does_not_serve() {
    for (from, to, said) in [
        ("[45.8, 58.5]", "[49.8, 58.5]", "no face was found at"),
        ("sha256 = \"5b", "sha256 = \"6b", "changed or damaged"),
        (
            "[[self_test.face]]\npoints = [[228.0",
            "[[self_test.face]]\npoints = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]]\n[[self_test.face]]\npoints = [[228.0",
            "4 faces were found, and the picture shows 5",
        ),
        ("version = 1", "version = 2", "knows version 1"),
        ("licence", "license", "unknown field"),
    ] {
        let folder = changed(from, to);
        let error = format!("{:#}", open(folder.path()).err().unwrap());
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn another_net_is_refused_by_the_name_of_what_it_lacks() {
    let files = repository("models/age-gender-cc0/gender.onnx");
    let folder = changed(
        "sha256 = \"5b9193a32191d0b8379d701033096950e2c71706b95fb5c31d76d32c372b632f\"",
        "sha256 = \"1ad9588120c4d70aa625653fad5a83745c3c89f8f250a40f0bd8ab00e760a94f\"",
    );
    std::fs::copy(files, folder.path().join("yunet.onnx")).unwrap();
    let error = format!("{:#}", open(folder.path()).err().unwrap());
    assert!(error.contains("no output \"cls_8\""), "{error}");
}

#[test]
fn faces_are_found_where_they_are_in_pictures_of_any_size_and_no_others() {
    let mut detector = shipped();
    // Neither side a multiple of 32; faces of 60 to 200 pixels.
    for (size, min_face) in [((1283, 717), 40.0), ((517, 901), 50.0), ((333, 257), 25.0)] {
        let (width, height) = size;
        let places = [
            ("black-female-25-34-a", 60, (7, 9)),
            ("white-male-65-up-a", 110, (width - 130, 20)),
            ("asian-female-18-24-b", 90, (30, height - 100)),
        ];
        let mut stage = Stage::new(size);
        for (name, side, corner) in places {
            stage.paste(name, side, corner);
        }
        let wanted = Wanted {
            min_face,
            ..Wanted::default()
        };
        let faces = detector.detect(&stage.frame(), wanted).unwrap();
        assert_eq!(faces.len(), places.len(), "{size:?}: {faces:?}");
        for (name, side, (x, y)) in places {
            let side = side as f32;
            let middle = Point {
                x: x as f32 + side / 2.0,
                y: y as f32 + side / 2.0,
            };
            let near = faces
                .iter()
                .filter(|face| face.rect.centre().distance(middle) < 0.1 * side);
            let [face] = near.collect::<Vec<_>>()[..] else {
                panic!("{name} in {size:?}: {faces:?}");
            };
            // Composites have their points at known places (models/train/composites.py).
            let template = [
                (0.31, 0.292),
                (0.69, 0.292),
                (0.5, 0.5),
                (0.337, 0.683),
                (0.663, 0.683),
            ];
            for ((across, down), found) in template.into_iter().zip(face.landmarks.points()) {
                let point = Point {
                    x: x as f32 + across * side,
                    y: y as f32 + down * side,
                };
                assert!(
                    point.distance(found) < 0.12 * side,
                    "{name}: {found:?}, not {point:?}"
                );
            }
        }
    }
}

#[test]
fn a_smaller_input_finds_the_same_faces_at_the_same_places() {
    let mut detector = shipped();
    let mut stage = Stage::new((1280, 720));
    stage.paste("white-female-25-34-a", 180, (300, 200));
    stage.paste("black-male-35-44-a", 140, (900, 400));
    let frame = stage.frame();
    let mut of = |min_face| {
        let wanted = Wanted {
            min_face,
            ..Wanted::default()
        };
        let mut faces = detector.detect(&frame, wanted).unwrap();
        faces.sort_by(|a, b| a.rect.corner.x.total_cmp(&b.rect.corner.x));
        faces
    };
    let (fine, coarse) = (of(25.0), of(90.0));
    assert_eq!((fine.len(), coarse.len()), (2, 2));
    for (fine, coarse) in fine.iter().zip(&coarse) {
        assert!(fine.rect.overlap(&coarse.rect) > 0.7, "{fine:?} {coarse:?}");
        let apart = mean_distance(&fine.landmarks, &coarse.landmarks);
        assert!(
            apart < 0.07 * fine.rect.width,
            "{apart}: {fine:?} {coarse:?}"
        );
    }
}

#[test]
fn an_aligned_face_has_its_points_where_the_models_know_them_however_it_was_turned() {
    let mut detector = shipped();
    for angle in [0.0f32, 0.3, -0.5] {
        let mut stage = Stage::new((640, 480));
        stage.paste_turned(
            "white-male-25-34-a",
            150.0,
            Point { x: 330.0, y: 250.0 },
            angle,
        );
        let faces = detector.detect(&stage.frame(), Wanted::default()).unwrap();
        assert_eq!(faces.len(), 1, "turned by {angle}");
        let aligned = align(&stage.frame(), &faces[0].landmarks, 160).unwrap();
        // The detector again, on the crop.
        let crop = Frame::of_rgb((160, 160), &aligned.rgb);
        let again = detector.detect(&crop, Wanted::default()).unwrap();
        let apart = mean_distance(&again[0].landmarks, &landmarks_of_crop(160));
        assert!(apart < 8.0, "turned by {angle}: {apart} pixels");
    }
}

fn mean_distance(a: &Landmarks, b: &Landmarks) -> f32 {
    let pairs = a.points().into_iter().zip(b.points());
    pairs.map(|(a, b)| a.distance(b)).sum::<f32>() / 5.0
}
