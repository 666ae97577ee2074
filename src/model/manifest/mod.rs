//! `manifest.toml`, version 1: what a model folder says of its nets. Pure.

pub(crate) mod denormals;
pub mod draft;
mod expected;
mod groups;
mod head;
mod interval;
mod levels;
pub(crate) mod onnx_file;

pub use expected::{SelfTest, Tolerance};
pub use groups::Groups;
pub use head::{Activation, Head, Kind};
pub use interval::AgeInterval;
pub(crate) use levels::Front;
pub(crate) use onnx_file::ModelProto;
#[cfg(test)]
pub(crate) use onnx_file::output_names;

use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

use demograph_core::{
    checked::{Fault, Faults, read_checked},
    record::Attribute,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The smallest usable crop, in pixels a side: how it was found stands in the card.
    #[serde(default)]
    #[schemars(range(min = 1, max = 4096))]
    pub min_face: Option<u32>,
    #[serde(rename = "net")]
    #[schemars(length(min = 1, max = 16))]
    pub nets: Vec<Net>,
    /// Images with known answers, which every session must give before it serves.
    #[serde(default, rename = "self_test")]
    #[schemars(length(max = 64))]
    pub self_tests: Vec<SelfTest>,
    /// How far a probability may be from the self-test's, by what the session computes in.
    #[serde(default)]
    pub self_test_tolerance: Tolerance,
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
    /// The same net in other numbers: same input, same outputs.
    #[serde(default, rename = "variant")]
    #[schemars(length(max = 4))]
    pub variants: Vec<Variant>,
    pub input: Input,
    #[serde(rename = "head")]
    #[schemars(length(min = 1, max = 3))]
    pub heads: Vec<Head>,
}

/// Another file of the same net.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it computes in; fp32 is the net's own file.
    pub precision: Precision,
    /// The ONNX file beside this one.
    #[schemars(length(min = 1))]
    pub file: String,
    /// Its SHA-256, 64 lowercase hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// The numbers that a net computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Fp32,
    /// The fp32 file, rounded by the provider: no file of its own, so no manifest can name it.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    Bf16,
    /// Half precision, for a GPU. TensorRT needs no such file: it rounds the fp32 file.
    Fp16,
    Int8,
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
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

    /// What is allowed and likely a mistake.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.self_tests.is_empty() {
            said.push(
                "no self_test: wrong answers of a kernel on this processor would not be noticed"
                    .to_owned(),
            );
        }
        for (n, net) in self.nets.iter().enumerate() {
            let Input { mean, std, .. } = &net.input;
            let are_fractions = mean.iter().all(|mean| (-1.0..=1.0).contains(mean))
                && std.iter().all(|std| std.abs() <= 1.0)
                && (*mean, *std) != ([0.0; 3], [1.0; 3]);
            if are_fractions {
                said.push(format!(
                    "net[{n}].input: mean {mean:?} and std {std:?} look as if pixels were 0 to 1; here they are 0 to 255: \
                     multiply both by 255"
                ));
            }
            said.extend(net.heads.iter().flat_map(Head::warnings));
        }
        said
    }

    /// The head of an attribute.
    pub fn head(&self, attribute: Attribute) -> Option<&Head> {
        self.heads().find(|head| head.attribute == attribute)
    }

    fn contradictions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.version != VERSION {
            let fix = format!("this demograph reads version {VERSION}");
            faults.push(Fault::new("version", self.version, fix));
        }
        let mut seen = BTreeSet::new();
        for (n, net) in self.nets.iter().enumerate() {
            faults.extend(net.contradictions(&format!("net[{n}]")));
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
        let heads: Vec<&Head> = self.heads().collect();
        for (n, test) in self.self_tests.iter().enumerate() {
            faults.extend(test.contradictions(&format!("self_test[{n}]"), &heads));
        }
        faults
    }

    /// Chooses a coarser set of an attribute's categories by its name.
    pub fn choose(&mut self, attribute: Attribute, name: &str) -> Result<(), Fault> {
        let mut heads = self.nets.iter_mut().flat_map(|net| &mut net.heads);
        match heads.find(|head| head.attribute == attribute) {
            Some(head) => head.choose(name),
            None => {
                let fix = "the model does not estimate it: remove the key";
                Err(Fault::new(
                    &format!("model.{attribute}"),
                    format!("{name:?}"),
                    fix,
                ))
            }
        }
    }

    pub(crate) fn heads(&self) -> impl Iterator<Item = &Head> {
        self.nets.iter().flat_map(|net| &net.heads)
    }
}

/// Whether a path stays below the model's folder.
pub(crate) fn stays_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.contains('\\') && parts.all(|part| matches!(part, Component::Normal(_)))
}

impl Net {
    fn contradictions(&self, at: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let files = std::iter::once((format!("{at}.file"), &self.file)).chain(
            self.variants
                .iter()
                .enumerate()
                .map(|(n, variant)| (format!("{at}.variant[{n}].file"), &variant.file)),
        );
        for (field, file) in files.filter(|(_, file)| file.contains(['/', '\\'])) {
            let fix = "name a file in the model's own folder";
            faults.push(Fault::new(&field, file, fix));
        }
        if self.input.std.contains(&0.0) {
            faults.push(Fault::new(
                &format!("{at}.input.std"),
                "",
                "divides by 0: write 1.0 to leave pixels as they are",
            ));
        }
        let mut seen = BTreeSet::from([Precision::Fp32.name()]);
        for (n, variant) in self.variants.iter().enumerate() {
            if !seen.insert(variant.precision.name()) {
                faults.push(Fault::new(
                    &format!("{at}.variant[{n}].precision"),
                    variant.precision.name(),
                    "has a file already: the net's own is fp32, and each precision stands once",
                ));
            }
        }
        faults
    }
}
