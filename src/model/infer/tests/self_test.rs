//! Variants, the self-test and age intervals, on models made of the nets of `age-gender-cc0`, which stay as they are.

use super::*;
use crate::infer::PrecisionChoice;

const MODEL: &str = "age-gender-cc0";

/// What ONNX Runtime 1.26.0 from Python gave for [`pattern`], resized by Pillow 13.0.0 (Image.BILINEAR). No JPEG:
/// decoders differ by a level here and there, which moves a probability by up to 0.002.
const SELF_TESTS: &str = r#"
[[self_test]]
image = "self-test/3.png"
[self_test.expected]
probabilities = [0.993181, 0.006819]

[[self_test]]
image = "self-test/5.png"
[self_test.expected]
probabilities = [0.079685, 0.920315]
"#;

const INTERVAL: &str = r#"
[net.head.interval]
level = 0.9
low = 0.05
high = 0.95
band_starts = [0, 30]
margin = [1.0, 2.5]
"#;

/// A field that ONNX ignores (doc_string = "x"): another file of the same net.
const DOC_STRING: [u8; 3] = [0x32, 1, b'x'];

/// 240 x 240 pixels: red repeats `times` from left to right, green from top to bottom, blue along the diagonal.
fn pattern(times: u32) -> image::RgbImage {
    image::RgbImage::from_fn(240, 240, |x, y| {
        let level = |value: u32| u8::try_from(value % 240).unwrap();
        image::Rgb([level(x * times), level(y * times), level((x + y) / 2)])
    })
}

/// The manifest with one of its nets only: 0 is age, 1 is gender.
fn alone(manifest: &str, net: usize) -> String {
    let parts: Vec<&str> = manifest.split("[[net]]").collect();
    format!("{}[[net]]{}", parts[0], parts[1 + net])
}

/// The net for gender, with self-tests and an "int8" variant (the same net in another file).
fn complete(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = changed(MODEL, |text| text);
    let images = folder.path().join("self-test");
    std::fs::create_dir(&images).unwrap();
    for times in [3, 5] {
        let image = images.join(format!("{times}.png"));
        pattern(times).save(image).unwrap();
    }
    let mut onnx = std::fs::read(folder.path().join("gender.onnx")).unwrap();
    onnx.extend(DOC_STRING);
    std::fs::write(folder.path().join("gender.int8.onnx"), &onnx).unwrap();
    let hash = sha256(&onnx);
    let variant = format!(
        "[[net.variant]]\nprecision = \"int8\"\nfile = \"gender.int8.onnx\"\nsha256 = \"{hash}\"\n\n[net.input]"
    );
    let manifest = folder.path().join("manifest.toml");
    let text = alone(&std::fs::read_to_string(&manifest).unwrap(), 1);
    let text = text.replacen("[net.input]", &variant, 1) + SELF_TESTS;
    std::fs::write(&manifest, change(text)).unwrap();
    folder
}

/// The net for age, with intervals. Its first class stands for 0.25 years: here it is 0, one year apart from the next.
fn with_interval(change: impl Fn(String) -> String) -> tempfile::TempDir {
    changed(MODEL, |text| {
        let text = alone(&text, 0).replace("    0.25, 1.0,", "    0.0, 1.0,");
        change(text + INTERVAL)
    })
}

fn open(folder: &Path, precision: PrecisionChoice) -> anyhow::Result<(ModelFiles, OnnxModel)> {
    let settings = InferenceSettings {
        precision,
        ..Default::default()
    };
    let files = ModelFiles::read(folder, &settings)?;
    let model = OnnxModel::load(&files, &settings)?;
    Ok((files, model))
}

#[test]
fn the_fp32_net_answers_as_it_does_from_python_through_pillow() {
    let folder = complete(|text| text);
    let (_, model) = open(folder.path(), PrecisionChoice::Fp32).unwrap();
    let passed = model.self_test();
    assert_eq!((passed.images, passed.tolerance), (2, 0.001));
    println!("largest difference {}", passed.largest_difference);
    assert!(passed.largest_difference > 0.0, "nothing was compared");
    assert!(model.engine().library.starts_with("ONNX Runtime 1."));
}

#[test]
fn a_session_that_answers_wrongly_is_refused_with_image_output_numbers_and_library() {
    let folder = complete(|text| text.replace("[0.079685, 0.920315]", "[0.099685, 0.900315]"));
    let error = open(folder.path(), PrecisionChoice::Fp32).err().unwrap();
    let error = format!("{error:#}");
    for part in [
        "self-test/5.png",
        "fp32 on cpu may differ by 0.001",
        "ONNX Runtime 1.",
        "26324",
        "setup/onnxruntime",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(
        !error.contains("inference.precision"),
        "fp32 already: {error}"
    );
    // The same difference is within what int8 may show.
    let (_, model) = open(folder.path(), PrecisionChoice::Int8).unwrap();
    assert!(model.self_test().largest_difference > 0.001);
}

#[test]
fn int8_that_answers_wrongly_is_told_to_try_fp32() {
    let folder = complete(|text| text.replace("[0.079685, 0.920315]", "[0.5, 0.5]"));
    let error = open(folder.path(), PrecisionChoice::Auto).err().unwrap();
    let error = format!("{error:#}");
    assert!(error.contains("int8 on cpu may differ by 0.08"), "{error}");
    assert!(
        error.contains("set inference.precision = \"fp32\""),
        "{error}"
    );
}

#[test]
fn the_tolerance_is_the_manifest_s() {
    let strict = "\n[self_test_tolerance]\nfp32 = 0.0\n";
    let folder = complete(|text| text + strict);
    let error = open(folder.path(), PrecisionChoice::Fp32).err().unwrap();
    assert!(
        format!("{error:#}").contains("may differ by 0 "),
        "{error:#}"
    );
}

#[test]
fn the_precision_decides_which_file_runs_and_the_id_tells() {
    let folder = complete(|text| text);
    let id = |precision| {
        let (files, _) = open(folder.path(), precision).unwrap();
        (files.precision.name(), files.facts.id)
    };
    let (fp32, int8) = (id(PrecisionChoice::Fp32), id(PrecisionChoice::Int8));
    assert_eq!((fp32.0, int8.0), ("fp32", "int8"));
    assert_ne!(fp32.1, int8.1);
    assert_eq!(id(PrecisionChoice::Auto), int8, "int8 on the CPU");
    let gpu = InferenceSettings {
        provider: Provider::Cuda,
        ..Default::default()
    };
    let files = ModelFiles::read(folder.path(), &gpu).unwrap();
    assert_eq!(files.precision, Precision::Fp32, "fp32 elsewhere");
}

#[test]
fn int8_that_the_manifest_does_not_have_is_an_error_and_auto_takes_fp32() {
    let folder = repository("models").join("age-gender-cc0");
    let error = open(&folder, PrecisionChoice::Int8).err().unwrap();
    assert!(
        format!("{error:#}").contains("age.onnx has no int8 variant"),
        "{error:#}"
    );
    let (files, model) = open(&folder, PrecisionChoice::Auto).unwrap();
    assert_eq!(files.precision, Precision::Fp32);
    assert_eq!(model.self_test().images, 0);
}

#[test]
fn a_variant_is_refused_by_its_hash() {
    let folder = complete(|text| text);
    let variant = folder.path().join("gender.int8.onnx");
    let mut bytes = std::fs::read(&variant).unwrap();
    *bytes.last_mut().unwrap() = b'y';
    std::fs::write(&variant, bytes).unwrap();
    let error = open(folder.path(), PrecisionChoice::Auto).err().unwrap();
    let error = format!("{error:#}");
    assert!(
        error.contains("gender.int8.onnx: its SHA-256 is"),
        "{error}"
    );
    assert!(open(folder.path(), PrecisionChoice::Fp32).is_ok());
}

#[test]
fn ages_come_with_the_interval_that_the_manifest_describes() {
    let folder = with_interval(|text| text);
    let (files, mut model) = open(folder.path(), PrecisionChoice::Auto).unwrap();
    let interval = files.age_interval().unwrap();
    // A grown-up: the interval reaches neither end of life.
    let (crop, _) = composites(all())
        .into_iter()
        .find(|(_, labels)| labels[0] == "35-44")
        .unwrap();
    let age = answers(&mut model, &[crop])[0].age.clone().unwrap();
    let (low, high) = interval.of(&age);
    assert!(
        0.0 < low && low < age.mean() && age.mean() < high,
        "{low} {high}"
    );
    let margin = if age.mean() < 30.0 { 1.0 } else { 2.5 };
    let bare = age.quantile(0.95) - age.quantile(0.05);
    assert!(
        (high - low - bare - 2.0 * margin).abs() < 1e-3,
        "{low} {high}"
    );
}

#[test]
fn faults_of_intervals_name_the_field_and_the_fix() {
    for (from, to, expected) in [
        (
            "margin = [1.0, 2.5]",
            "margin = [1.0]",
            "net[0].head[0].interval.margin = 1 numbers: give one for each of the 2 band_starts",
        ),
        (
            "band_starts = [0, 30]",
            "band_starts = [30, 0]",
            "interval.band_starts = [30.0, 0.0]: begin with 0",
        ),
        ("low = 0.05", "low = 0.97", "needs 0 < low < high < 1"),
        ("level = 0.9", "level = 90", "interval.level = 90"),
        ("    0.0, 1.0,", "    0.25, 1.0,", "one year apart"),
    ] {
        let folder = with_interval(|text| text.replace(from, to));
        let fault = fault(folder.path());
        assert!(fault.contains(expected), "{from} -> {to}: {fault}");
    }
}

#[test]
fn faults_of_variants_and_self_tests_name_the_field_and_the_fix() {
    for (from, to, expected) in [
        (
            "probabilities = [0.993181, 0.006819]",
            "sex = [0.993181, 0.006819]",
            "self_test[0].expected.sex: no head has this output; the heads' outputs are [\"probabilities\"]",
        ),
        (
            "probabilities = [0.993181, 0.006819]",
            "probabilities = [0.993181]",
            "self_test[0].expected.probabilities = 1 numbers: the heads of this output need 2 numbers",
        ),
        (
            "image = \"self-test/3.png\"",
            "image = \"../3.png\"",
            "self_test[0].image = ../3.png: name an image in the model's own folder",
        ),
        (
            "precision = \"int8\"",
            "precision = \"fp32\"",
            "net[0].variant[0].precision = fp32: has a file already",
        ),
        (
            "image = \"self-test/3.png\"",
            "image = \"self-test/9.png\"",
            "read the self-test's image",
        ),
        (
            "image = \"self-test/3.png\"",
            "image = \"manifest.toml\"",
            "not_an_image",
        ),
    ] {
        let folder = complete(|text| text.replace(from, to));
        let fault = fault(folder.path());
        assert!(fault.contains(expected), "{from} -> {to}: {fault}");
    }
}

#[test]
fn an_output_that_two_nets_have_cannot_be_named_by_a_self_test() {
    let test =
        "\n[[self_test]]\nimage = \"x.png\"\n[self_test.expected]\nprobabilities = [0.5, 0.5]\n";
    let folder = changed("age-gender-cc0", |text| text + test);
    let fault = fault(folder.path());
    assert!(
        fault.contains("several heads have an output of this name"),
        "{fault}"
    );
}
