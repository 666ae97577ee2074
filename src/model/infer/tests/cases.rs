//! Small models as they are exported, each with one thing that is usual or wrong: what runs gives the right answer, what
//! computes nonsense is refused or warned of. All of them look at nothing but colours.

use super::*;

fn folder(name: &str) -> PathBuf {
    repository("tests/data/models").join(name)
}

/// The model, its manifest changed.
fn open(name: &str, change: impl Fn(String) -> String) -> anyhow::Result<OnnxModel> {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder(name)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let manifest = copy.path().join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(manifest, change(text)).unwrap();
    let settings = InferenceSettings::default();
    OnnxModel::load(&ModelFiles::read(copy.path(), &settings)?, &settings)
}

fn as_it_is(name: &str) -> anyhow::Result<OnnxModel> {
    open(name, |manifest| manifest)
}

fn refusal(name: &str) -> String {
    format!("{:#}", as_it_is(name).err().expect(name))
}

fn crop(name: &str) -> Crop {
    let bytes = std::fs::read(folder(name)).unwrap();
    decode::image(&bytes, &LIMITS, all()).unwrap()
}

fn grey(level: u8) -> Crop {
    Crop::from_rgb((16, 16), &[level; 3 * 256], all())
}

/// The probability of the second gender, by crop.
fn second(model: &mut OnnxModel, crops: &[Crop]) -> Vec<f32> {
    let genders = answers(model, crops)
        .into_iter()
        .map(|estimate| estimate.gender);
    genders.map(|gender| gender.unwrap().0[1]).collect()
}

#[test]
fn a_crop_whose_answer_is_not_finite_has_none_and_the_others_have_theirs() {
    let mut model = as_it_is("nan-on-black").unwrap();
    let crops = [
        crop("upright.png"),
        crop("black.png"),
        crop("upright.png"),
        grey(0),
    ];
    let got = model.estimate(&crops).unwrap();
    assert_eq!((&got[1], &got[3]), (&Err(NoAnswer), &Err(NoAnswer)));
    assert!(got[0].is_ok() && got[0] == got[2]);
    // A covered camera: not one crop of a batch has an answer, and the next batch has.
    let black: Vec<Crop> = (0..5).map(|_| crop("black.png")).collect();
    assert!(model.estimate(&black).unwrap().iter().all(Result::is_err));
    assert!(model.estimate(&crops[..1]).unwrap()[0].is_ok());
}

#[test]
fn a_crop_that_cannot_be_prepared_has_no_answer_and_its_neighbour_has() {
    let mut model = as_it_is("fp16-out").unwrap();
    let mut broken = grey(200);
    broken.samples.truncate(10);
    let got = model.estimate(&[broken, grey(90)]).unwrap();
    assert_eq!(got[0], Err(NoAnswer));
    assert_eq!(got[1], model.estimate(&[grey(90)]).unwrap()[0]);
}

#[test]
fn outputs_that_are_laid_out_otherwise_or_mix_the_batch_are_refused() {
    for name in ["transposed-out", "batch-mean"] {
        let said = refusal(name);
        assert!(
            said.contains("first dimension must be the batch"),
            "{name}: {said}"
        );
    }
    let said = refusal("reshape-1");
    assert!(
        said.contains("export the net with a free batch dimension"),
        "{said}"
    );
}

#[test]
fn weights_outside_of_the_file_are_refused_with_what_to_do() {
    let said = refusal("external-matmul");
    assert!(
        said.contains("m.onnx.data") && said.contains("onnx.save"),
        "{said}"
    );
}

#[test]
fn what_looks_like_a_mistake_is_said_and_names_its_field() {
    for (name, expected) in [
        ("imagenet-mean-in-0-1", "net[0].input: mean"),
        (
            "logits-said-probabilities",
            "activation = \"probabilities\"",
        ),
        ("softmax-said-logits", "applied twice"),
        ("age-per-100", "write scale = 100"),
        ("uint8-in", "mean and std are not used"),
        ("fp16-in", "no self_test"),
    ] {
        let warnings = as_it_is(name).unwrap().warnings().join("\n");
        assert!(warnings.contains(expected), "{name}: {warnings}");
    }
    for name in ["research-small", "age-gender-cc0"] {
        let model = load(name, &InferenceSettings::default()).unwrap();
        let odd: Vec<_> = model
            .warnings()
            .iter()
            .filter(|said| !said.starts_with("no self_test"))
            .collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
    }
}

#[test]
fn a_scale_turns_hundredths_into_years() {
    let mut model = open("age-per-100", |text| {
        text.replace("output = \"age\"", "output = \"age\"\nscale = 100.0")
    })
    .unwrap();
    let ages: Vec<f32> = answers(&mut model, &[grey(30), grey(200)])
        .into_iter()
        .map(|estimate| estimate.age.unwrap().mean())
        .collect();
    assert!(
        ages.iter().all(|age| (1.0..=110.0).contains(age)),
        "{ages:?}"
    );
    assert!(!model.warnings().iter().any(|said| said.contains("ages")));
}

#[test]
fn a_sigmoid_and_slices_of_one_output_can_be_described() {
    let sigmoid = |text: String| text.replace("\"softmax\"", "\"sigmoid\"");
    let mut model = open("sigmoid", sigmoid).unwrap();
    let said = second(&mut model, &[grey(30), grey(220)]);
    assert!(
        said.iter().all(|p| (0.0..=1.0).contains(p)) && said[0] != said[1],
        "{said:?}"
    );

    let sliced = |text: String| {
        let [gender, age] = ["labels = [\"female\", \"male\"]", "kind = \"regression\""];
        text.replace(gender, &format!("{gender}\nfirst = 0"))
            .replace(age, &format!("{age}\nfirst = 2\nscale = 100.0"))
    };
    let estimate = &answers(
        &mut open("genderage-one-output", sliced).unwrap(),
        &[grey(120)],
    )[0];
    assert!(estimate.gender.is_some() && estimate.age.is_some());
    let said = refusal("genderage-one-output");
    assert!(said.contains("say where each begins: first = 0"), "{said}");
}

#[test]
fn halves_and_bytes_go_in_and_halves_come_out() {
    // The graph that takes bytes multiplies the levels as they are, so that only the darkest do not saturate it.
    for (name, levels) in [
        ("fp16-in", [10, 240]),
        ("fp16-out", [10, 240]),
        ("uint8-in", [0, 2]),
    ] {
        let mut model = as_it_is(name).expect(name);
        let said = second(&mut model, &levels.map(grey));
        assert!((said[0] - said[1]).abs() > 1e-3, "{name}: {said:?}");
    }
}
