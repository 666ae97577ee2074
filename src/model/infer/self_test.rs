//! The self-test: images with known answers, run by every session on the very provider, library and processor that
//! it is about to use. A kernel that computes wrongly (it has happened: ONNX Runtime issue 26324) is found before it
//! serves. Knows no file: the images come in decoded.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, bail};
use demograph_core::record::{Attribute, Crop, Estimate};
use serde::Serialize;

use super::{Answer, heads::Reader};
use crate::{
    infer::Provider,
    manifest::{Head, Precision, SelfTest},
};

/// The years that count as a difference of 1 where a head gives the age as one number.
const REGRESSION_YEARS: f32 = 100.0;

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
                    years.chain(head.categories().iter().cloned()).collect(),
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

/// In words, for people.
impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.images {
            0 => f.write_str("none in the manifest"),
            images => write!(
                f,
                "{images} images, largest difference {:.5} of {} allowed",
                self.largest_difference, self.tolerance
            ),
        }
    }
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
    tolerance: f32,
    engine: &Engine,
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
                bail!("{}", mismatch(&difference, tolerance, engine));
            }
            passed.largest_difference = passed.largest_difference.max(difference.size());
        }
    }
    Ok(passed)
}

fn mismatch(difference: &Difference<'_>, tolerance: f32, engine: &Engine) -> String {
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
