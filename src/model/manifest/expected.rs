//! The manifest's self-tests: images, and what the net says of them.

use std::collections::BTreeMap;

use demograph_core::checked::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Head, Precision, stays_inside};

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
    /// For OpenVINO, which computes the fp32 file in 16 bits.
    pub bf16: f32,
    /// For the fp16 file, and for TensorRT, which computes the fp32 file in 16 bits.
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
    pub(crate) fn of(&self, precision: Precision) -> f32 {
        match precision {
            Precision::Fp32 => self.fp32,
            Precision::Bf16 => self.bf16,
            Precision::Fp16 => self.fp16,
            Precision::Int8 => self.int8,
        }
    }
}

impl SelfTest {
    pub(crate) fn contradictions(&self, at: &str, heads: &[&Head]) -> Vec<Fault> {
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
