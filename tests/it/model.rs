//! `demograph model`: from an ONNX file to a folder that loads, and what is known of one.

use std::path::Path;

use super::world::{Finished, Process, demograph, repository};

fn model(arguments: &[&str]) -> Finished {
    let command = demograph(&[&["model"], arguments].concat());
    Process::start("demograph model", command).finish(60)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_drafted_folder_loads_and_nothing_is_overwritten() {
    let out = tempfile::tempdir().unwrap();
    for name in [
        "sigmoid",
        "genderage-one-output",
        "age-per-100",
        "fp16-in",
        "uint8-in",
        "fp16-out",
    ] {
        let onnx = repository("tests/data/models").join(name).join("m.onnx");
        let folder = out.path().join(name);
        let new = ["new", text(&onnx), "--out", text(&folder)];
        let drafted = model(&new);
        assert_eq!(drafted.code, Some(0), "{name}: {}", drafted.stderr);
        assert!(
            drafted.stdout.contains("lines are guessed"),
            "{}",
            drafted.stdout
        );
        let checked = model(&["check", text(&folder)]);
        assert_eq!(checked.code, Some(0), "{name}: {}", checked.stderr);
        assert!(
            checked.stdout.contains("warning    no self_test"),
            "{}",
            checked.stdout
        );
        let again = model(&new);
        assert_eq!(again.code, Some(1));
        assert!(
            again.stderr.contains("is there already"),
            "{}",
            again.stderr
        );
    }
}

#[test]
fn a_check_says_what_the_model_answers_for_faces_and_why_a_folder_does_not_load() {
    let shipped = repository("models/research-small");
    let faces = repository("tests/data/composites");
    let checked = model(&["check", text(&shipped), "--faces", text(&faces)]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for part in [
        "licence",
        "self-test  4 images",
        "age        mean",
        "gender     female",
        "surer than",
    ] {
        assert!(checked.stdout.contains(part), "{part}: {}", checked.stdout);
    }
    let wrong = repository("tests/data/models/transposed-out");
    let refused = model(&["check", text(&wrong)]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("first dimension"),
        "{}",
        refused.stderr
    );
}
