//! The self-test: images with known answers, run by every session on the very provider, library and processor that
//! it is about to use. A kernel that computes wrongly (it has happened: ONNX Runtime issue 26324) is found before it
//! serves. Knows no file: the images come in decoded.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Answer,
    heads::Reader,
    manifest::{Head, Precision, stays_inside},
};
use crate::{
    checked::Fault,
    infer::Provider,
    record::{Attribute, Crop, Estimate},
};

/// The years that count as a difference of 1 where a head gives the age as one number.
const REGRESSION_YEARS: f32 = 100.0;

/// One image and what the fp32 net answers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// The image, by its path from this file; decoded and resized like any crop.
    #[schemars(length(min = 1))]
    pub image: String,
    /// The raw numbers of the fp32 net, by the name of the ONNX output.
    #[schemars(length(min = 1))]
    pub expected: BTreeMap<String, Vec<f32>>,
}

/// The largest difference of a probability (after temperature) from the expected one.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tolerance {
    pub fp32: f32,
    /// These two for providers that compute fp32 files in 16 bits.
    pub bf16: f32,
    pub fp16: f32,
    pub int8: f32,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            fp32: 0.001,
            bf16: 0.05,
            fp16: 0.02,
            int8: 0.08,
        }
    }
}

impl Tolerance {
    pub(super) fn of(&self, precision: Precision) -> f32 {
        match precision {
            Precision::Fp32 => self.fp32,
            Precision::Bf16 => self.bf16,
            Precision::Fp16 => self.fp16,
            Precision::Int8 => self.int8,
        }
    }
}

impl SelfTest {
    pub(super) fn contradictions(&self, at: &str, heads: &[&Head]) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !stays_inside(&self.image) {
            let fix = "name an image in the model's own folder";
            faults.push(Fault::new(&format!("{at}.image"), &self.image, fix));
        }
        for (output, numbers) in &self.expected {
            let field = format!("{at}.expected.{output}");
            let named: Vec<_> = heads.iter().filter(|head| head.output == *output).collect();
            match named.as_slice() {
                [] => {
                    let known: Vec<_> = heads.iter().map(|head| head.output.as_str()).collect();
                    let fix = format!("no head has this output; the heads' outputs are {known:?}");
                    faults.push(Fault::new(&field, "", fix));
                }
                // Several nets may have an output of this name.
                [_, _, ..] if named.iter().any(|head| head.first.is_none()) => {
                    let fix = "several heads have an output of this name: which one is meant?";
                    faults.push(Fault::new(&field, "", fix));
                }
                heads if !heads.iter().all(|head| fits(head, numbers.len())) => {
                    let fix = format!("the heads of this output need {} numbers", needed(heads));
                    let value = format!("{} numbers", numbers.len());
                    faults.push(Fault::new(&field, value, fix));
                }
                _ if numbers.iter().any(|number| !number.is_finite()) => {
                    faults.push(Fault::new(&field, "", "every number must be finite"));
                }
                _ => {}
            }
        }
        faults
    }
}

/// Whether a row of so many numbers has the head's.
fn fits(head: &Head, numbers: usize) -> bool {
    match head.first {
        None => head.numbers() == numbers,
        Some(first) => first + head.numbers() <= numbers,
    }
}

/// The least numbers of a row that has the numbers of each head.
fn needed(heads: &[&&Head]) -> usize {
    let ends = heads
        .iter()
        .map(|head| head.first.unwrap_or(0) + head.numbers());
    ends.max().unwrap_or(0)
}

/// A self-test that can be run: the crop, and what the model must say of it.
#[derive(Debug)]
pub(super) struct Case {
    image: String,
    /// One, kept in a list as a model takes it.
    crop: [Crop; 1],
    expected: Estimate,
    labels: BTreeMap<Attribute, Vec<String>>,
}

impl Case {
    pub(super) fn new(test: &SelfTest, crop: Crop, heads: &[&Head]) -> anyhow::Result<Self> {
        let mut expected = Estimate::default();
        let mut labels = BTreeMap::new();
        for (output, row) in &test.expected {
            for head in heads.iter().filter(|head| head.output == *output) {
                Reader::new(head).read(row, &mut expected)?;
                let years = head.ages.iter().map(|age| format!("{age} years"));
                labels.insert(
                    head.attribute,
                    years.chain(head.labels.iter().cloned()).collect(),
                );
            }
        }
        Ok(Self {
            image: test.image.clone(),
            crop: [crop],
            expected,
            labels,
        })
    }

    fn differences(&self, got: &Estimate) -> Vec<Difference<'_>> {
        Attribute::ALL
            .into_iter()
            .filter_map(|attribute| {
                let expected = numbers(&self.expected, attribute)?;
                let got = numbers(got, attribute).unwrap_or_default();
                let labels = self.labels.get(&attribute);
                (0..expected.len())
                    .map(|class| Difference {
                        image: &self.image,
                        attribute,
                        class: labels
                            .and_then(|labels| labels.get(class))
                            .map_or("years / 100", String::as_str),
                        expected: expected[class],
                        got: got.get(class).copied().unwrap_or(f32::NAN),
                    })
                    .max_by(|a, b| a.size().total_cmp(&b.size()))
            })
            .collect()
    }
}

/// The probabilities of an attribute; the age in centuries where it is one number.
pub(super) fn numbers(estimate: &Estimate, attribute: Attribute) -> Option<Vec<f32>> {
    match attribute {
        Attribute::Age => estimate.age.as_ref().map(|age| match *age.ages {
            [years] => vec![years / REGRESSION_YEARS],
            _ => age.probabilities.clone(),
        }),
        Attribute::Gender => estimate.gender.as_ref().map(|gender| gender.0.clone()),
        Attribute::Ethnicity => estimate.ethnicity.as_ref().map(|e| e.0.clone()),
    }
}

/// The class of one output that differs most.
#[derive(Debug)]
struct Difference<'a> {
    image: &'a str,
    attribute: Attribute,
    class: &'a str,
    expected: f32,
    got: f32,
}

impl Difference<'_> {
    /// What is no number differs without bound.
    fn size(&self) -> f32 {
        let size = (self.expected - self.got).abs();
        if size.is_nan() { f32::INFINITY } else { size }
    }
}

/// On what a session computes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Engine {
    pub precision: Precision,
    pub provider: Provider,
    /// Name and version.
    pub library: String,
}

/// A self-test that was passed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passed {
    /// 0 where the manifest has no self-test.
    pub images: usize,
    pub largest_difference: f32,
    pub tolerance: f32,
}

impl Passed {
    /// None was run yet.
    pub(super) fn before(tolerance: f32) -> Self {
        Self {
            images: 0,
            largest_difference: 0.0,
            tolerance,
        }
    }
}

/// Gives every crop to the model, and compares. The first answer that is not within the tolerance is an error.
pub(super) fn run(
    cases: &[Case],
    (tolerance, engine): (f32, &Engine),
    mut estimate: impl FnMut(&[Crop]) -> anyhow::Result<Vec<Answer>>,
) -> anyhow::Result<Passed> {
    let mut passed = Passed {
        images: cases.len(),
        ..Passed::before(tolerance)
    };
    for case in cases {
        let got = estimate(&case.crop)?.pop();
        let got = got.unwrap_or(Err(super::NoAnswer));
        let got = got.with_context(|| format!("the self-test fails on {}", case.image))?;
        for difference in case.differences(&got) {
            if difference.size() > tolerance {
                bail!("{}", mismatch(&difference, (tolerance, engine)));
            }
            passed.largest_difference = passed.largest_difference.max(difference.size());
        }
    }
    Ok(passed)
}

fn mismatch(difference: &Difference<'_>, (tolerance, engine): (f32, &Engine)) -> String {
    let Difference {
        image,
        attribute,
        class,
        expected,
        got,
    } = difference;
    let another_file = match engine.precision {
        Precision::Fp32 => "",
        Precision::Bf16 | Precision::Fp16 | Precision::Int8 => {
            "set inference.precision = \"fp32\", or "
        }
    };
    format!(
        "the self-test fails on {image}: {attribute} {class:?} should be {expected:.4} and is {got:.4}; {} on {} may \
         differ by {tolerance} ({}). Its answers cannot be trusted here: kernels have computed wrongly on some \
         processors (ONNX Runtime issue 26324). To go on, {another_file}use the library that setup/onnxruntime pins, or \
         correct the manifest's self_test if the net was changed",
        engine.precision.name(),
        format!("{:?}", engine.provider).to_lowercase(),
        engine.library,
    )
}
