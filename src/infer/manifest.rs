//! `manifest.toml`, version 1: what a model folder says of its nets. Pure.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    config::{Fault, Faults, read_checked},
    record::Attribute,
};

/// The version of the format that this program reads.
const VERSION: u32 = 1;

/// A model: one net or several, each with its own input and heads.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format: 1.
    pub version: u32,
    /// The model's name; with a hash it stands in every row.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Under which terms the weights may be used.
    #[schemars(length(min = 1))]
    pub licence: String,
    /// Whether those terms allow commercial use.
    pub commercial_use: bool,
    /// The model card beside this file.
    #[schemars(length(min = 1))]
    pub card: String,
    #[serde(rename = "net")]
    #[schemars(length(min = 1, max = 16))]
    pub nets: Vec<Net>,
}

/// One ONNX file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Net {
    /// The ONNX file beside this one.
    #[schemars(length(min = 1))]
    pub file: String,
    /// Its SHA-256, 64 lowercase hexadecimal digits; `sha256sum FILE` prints it.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    pub input: Input,
    #[serde(rename = "head")]
    #[schemars(length(min = 1, max = 3))]
    pub heads: Vec<Head>,
}

/// How a crop becomes the net's input: resized, then `(pixel - mean) / std` for pixels of 0..255.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name of the ONNX input.
    #[schemars(length(min = 1))]
    pub name: String,
    pub layout: Layout,
    #[schemars(range(min = 1, max = 4096))]
    pub width: u32,
    #[schemars(range(min = 1, max = 4096))]
    pub height: u32,
    pub colour: Colour,
    pub resize: Resize,
    /// For each channel in the order of `colour`.
    pub mean: [f32; 3],
    /// For each channel in the order of `colour`; not 0.
    pub std: [f32; 3],
}

/// The order of the input's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    Nchw,
    Nhwc,
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    Rgb,
    Bgr,
}

/// How crops of another size are resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Bilinear over all pixels that an output pixel covers: Pillow's, torchvision's with antialias.
    Antialias,
    /// Bilinear between the four nearest pixels: OpenCV's.
    Bilinear,
}

/// One output and what it means.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub attribute: Attribute,
    pub kind: Kind,
    /// The name of the ONNX output.
    #[schemars(length(min = 1))]
    pub output: String,
    /// Whether the output is logits, or already sums to 1; not for a regression.
    pub activation: Option<Activation>,
    /// softmax: the name of each class.
    #[serde(default)]
    pub labels: Vec<String>,
    /// age_distribution: the age in years of each class.
    #[serde(default)]
    pub ages: Vec<f32>,
    /// Divides the logits before the softmax; fitted on validation data, 1 leaves them as they are.
    #[serde(default = "one")]
    pub temperature: f32,
}

fn one() -> f32 {
    1.0
}

/// What kind of answer a head gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of `labels`.
    Softmax,
    /// A distribution over `ages`.
    AgeDistribution,
    /// The age in years, one number.
    Regression,
}

/// What the numbers of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    Logits,
    Probabilities,
}

impl Manifest {
    /// Reads the text; all faults at once.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let manifest: Self = read_checked(text, &Self::schema())?;
        let faults = manifest.contradictions();
        if faults.is_empty() {
            Ok(manifest)
        } else {
            Err(Faults(faults))
        }
    }

    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(Self).to_value();
        schema["title"] = "demograph model manifest, version 1".into();
        schema
    }

    /// The head of an attribute.
    pub fn head(&self, attribute: Attribute) -> Option<&Head> {
        self.nets
            .iter()
            .flat_map(|net| &net.heads)
            .find(|head| head.attribute == attribute)
    }

    fn contradictions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.version != VERSION {
            let fix = format!("this demograph reads version {VERSION}");
            faults.push(Fault::new("version", self.version, fix));
        }
        let mut seen = BTreeSet::new();
        for (n, net) in self.nets.iter().enumerate() {
            if net.file.contains(['/', '\\']) {
                faults.push(Fault::new(
                    &format!("net[{n}].file"),
                    &net.file,
                    "name a file in the model's own folder",
                ));
            }
            if net.input.std.contains(&0.0) {
                faults.push(Fault::new(
                    &format!("net[{n}].input.std"),
                    "",
                    "divides by 0: write 1.0 to leave pixels as they are",
                ));
            }
            for (m, head) in net.heads.iter().enumerate() {
                let field = |name: &str| format!("net[{n}].head[{m}].{name}");
                if !seen.insert(head.attribute) {
                    faults.push(Fault::new(
                        &field("attribute"),
                        head.attribute,
                        "stands twice: keep one head an attribute",
                    ));
                }
                faults.extend(head.contradictions(&field));
            }
        }
        faults
    }
}

impl Head {
    fn contradictions(&self, field: &impl Fn(&str) -> String) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, fix: &str| faults.push(Fault::new(&field(name), "", fix));
        match self.kind {
            Kind::Softmax if self.attribute == Attribute::Age => {
                fault("kind", "age is an age_distribution or a regression");
            }
            Kind::Softmax if self.labels.len() < 2 => {
                fault("labels", "name each class, at least 2")
            }
            Kind::AgeDistribution | Kind::Regression if self.attribute != Attribute::Age => {
                fault("kind", "only age has years: write softmax with labels");
            }
            Kind::AgeDistribution if self.ages.len() < 2 => {
                fault("ages", "give the age in years of each class, at least 2");
            }
            Kind::Softmax | Kind::AgeDistribution | Kind::Regression => {}
        }
        if self.kind != Kind::Regression && self.activation.is_none() {
            fault(
                "activation",
                "say whether the output is logits or probabilities",
            );
        }
        let is_age = self.kind == Kind::AgeDistribution;
        if !is_age && !self.ages.is_empty() {
            fault("ages", "only an age_distribution has ages: remove them");
        }
        if self.kind != Kind::Softmax && !self.labels.is_empty() {
            fault("labels", "only a softmax has labels: remove them");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            fault("temperature", "must be above 0; 1.0 changes nothing");
        }
        faults
    }
}
