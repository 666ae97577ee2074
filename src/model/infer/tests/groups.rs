//! Coarser categories of ethnicity, chosen by the config from the groups that the manifest names.

use super::*;

const GROUPS: &str = r#"[[net.head.groups]]
name = "three"
labels = ["a", "b", "c"]
of = ["b", "a", "a", "a", "c", "c", "c"]
"#;

/// The shipped model with a name for coarser categories, and another word of that table.
fn with_groups(change: impl Fn(String) -> String) -> tempfile::TempDir {
    changed("research-small", |text| {
        let first = "[[net.head.groups]]\n";
        assert!(text.contains(first));
        change(text.replace(first, &format!("{GROUPS}{first}")))
    })
}

fn three() -> InferenceSettings {
    InferenceSettings {
        precision: PrecisionChoice::Fp32,
        ethnicity: Some("three".into()),
        ..Default::default()
    }
}

#[test]
fn the_probability_of_a_group_is_the_sum_over_its_classes() {
    let folder = with_groups(|text| text);
    let (crop, _) = composites(all()).remove(0);
    let ethnicity = |settings: &InferenceSettings| {
        let files = ModelFiles::read(folder.path(), settings).unwrap();
        // The self-test holds with either choice.
        let mut model = OnnxModel::load(&files, settings).unwrap();
        let answer = answers(&mut model, std::slice::from_ref(&crop)).remove(0);
        (model.facts().ethnicity.clone(), answer.ethnicity.unwrap().0)
    };
    let (labels, fine) = ethnicity(&InferenceSettings {
        ethnicity: None,
        ..three()
    });
    assert_eq!(labels.len(), 7);
    let (labels, coarse) = ethnicity(&three());
    assert_eq!(labels, ["a", "b", "c"]);
    let sums = [
        fine[1] + fine[2] + fine[3],
        fine[0],
        fine[4] + fine[5] + fine[6],
    ];
    for (sum, group) in sums.iter().zip(&coarse) {
        assert!((sum - group).abs() < 1e-6, "{fine:?} {coarse:?}");
    }
}

#[test]
fn groups_that_do_not_fit_the_labels_are_refused_with_the_fix() {
    for (from, to, expected) in [
        (
            r#""c", "c"]"#,
            r#""c"]"#,
            "names 6 groups: name one for each of the 7 labels",
        ),
        (
            r#""c", "c"]"#,
            r#""c", "d"]"#,
            "\"d\" is not one of its labels",
        ),
        (
            r#"["a", "b", "c"]"#,
            r#"["a", "b", "c", "e"]"#,
            "\"e\" has no class",
        ),
    ] {
        let folder = with_groups(|text| text.replace(from, to));
        let said = fault(folder.path());
        assert!(said.contains(expected), "{said}");
    }
    let folder = with_groups(|text| text);
    let settings = InferenceSettings {
        ethnicity: Some("seven".into()),
        ..three()
    };
    let error = ModelFiles::read(folder.path(), &settings).unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.contains("model.ethnicity") && said.contains("[\"three\", \"five\"]"),
        "{said}"
    );
}
