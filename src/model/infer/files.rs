//! A model folder, read once: the manifest, the ONNX bytes with their hashes checked, the images of the self-test.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use demograph_core::{facts::ModelFacts, record::Attribute};
use sha2::{Digest, Sha256};

use super::{InferenceSettings, self_test::Case};
use crate::{
    decode::{self, Limits},
    infer::{PrecisionChoice, Provider},
    manifest::{AgeInterval, Front, Manifest, ModelProto, Net, Precision, SelfTest, denormals},
};

/// An image of a self-test may not be wider or higher.
const SELF_TEST_SIDE_MAX: u32 = 4096;

/// What a file begins with that Git LFS has not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// What a model folder holds; sessions are made from it.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub manifest: Manifest,
    pub facts: ModelFacts,
    pub nets: Vec<NetFile>,
    /// int8 as soon as one net is; bf16 where the provider is to round.
    pub precision: Precision,
    pub(super) self_tests: Arc<[Case]>,
}

/// One net: what the manifest says of the file that runs, and the very bytes that had the right hash, behind the operators
/// that prepare their input.
#[derive(Debug, Clone)]
pub struct NetFile {
    pub net: Net,
    pub(super) front: Front,
    /// Whether a crop's answer depends a little on its batch, by how the net is quantised.
    pub(super) scales_by_batch: bool,
}

impl ModelFiles {
    pub fn read(folder: &Path, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let path = folder.join("manifest.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "read the model manifest {}; model.dir names the folder",
                path.display()
            )
        })?;
        let mut manifest = Manifest::parse(&text).with_context(|| path.display().to_string())?;
        if folder.ends_with("models/utkface-small") && manifest.name != "utkface-small" {
            tracing::warn!(
                model = manifest.name,
                "models/utkface-small is now models/research-small. Write the new name: the old one goes with the next release"
            );
        }
        if let Some(name) = &settings.ethnicity {
            manifest
                .choose(Attribute::Ethnicity, name)
                .map_err(|fault| anyhow!("{fault}"))
                .with_context(|| path.display().to_string())?;
        }
        let chosen = manifest
            .nets
            .iter()
            .map(|net| choose(net, settings))
            .collect::<anyhow::Result<Vec<_>>>()
            .with_context(|| path.display().to_string())?;
        let is_int8 = chosen
            .iter()
            .any(|(_, precision)| *precision == Precision::Int8);
        let precision = match settings.precision {
            PrecisionChoice::Bf16 => Precision::Bf16,
            PrecisionChoice::Fp16 => Precision::Fp16,
            _ if is_int8 => Precision::Int8,
            _ => Precision::Fp32,
        };
        let nets = chosen
            .into_iter()
            .map(|(net, _)| read_net(folder, net, settings))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let self_tests = manifest
            .self_tests
            .iter()
            .map(|test| read_case(folder, test, &manifest))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            facts: facts(&manifest, &nets),
            manifest,
            nets,
            precision,
            self_tests,
        })
    }

    /// How to make intervals of ages, where the manifest says it.
    pub fn age_interval(&self) -> Option<&AgeInterval> {
        self.manifest.head(Attribute::Age)?.interval.as_ref()
    }
}

/// The net as it will run: with the file of the precision that was asked for.
fn choose(net: &Net, settings: &InferenceSettings) -> anyhow::Result<(Net, Precision)> {
    let of = |precision| {
        let mut variants = net.variants.iter();
        variants.find(|variant| variant.precision == precision)
    };
    let int8 = of(Precision::Int8);
    let variant = match settings.precision {
        PrecisionChoice::Fp32 => None,
        PrecisionChoice::Bf16 => {
            ensure!(
                matches!(settings.provider, Provider::Openvino | Provider::Auto),
                "inference.precision = \"bf16\" needs inference.provider = \"openvino\": no other provider computes in this precision"
            );
            None
        }
        // It rounds the fp32 file itself.
        PrecisionChoice::Fp16 if settings.provider == Provider::Tensorrt => None,
        PrecisionChoice::Fp16 => Some(of(Precision::Fp16).with_context(|| {
            format!(
                "inference.precision = \"fp16\", but {} has no fp16 variant: make one with `python3 models/train/half.py \
                 --model FOLDER`, or write \"fp32\"",
                net.file
            )
        })?),
        // A graphics card has no fast path for this form of 8-bit net.
        PrecisionChoice::Auto => int8.filter(|_| settings.provider.is_on_processor()),
        PrecisionChoice::Int8 => Some(int8.with_context(|| {
            format!(
                "inference.precision = \"int8\", but {} has no int8 variant: write \"auto\" or \"fp32\"",
                net.file
            )
        })?),
    };
    Ok(match variant {
        None => (net.clone(), Precision::Fp32),
        Some(variant) => {
            let (file, sha256) = (variant.file.clone(), variant.sha256.clone());
            let net = Net {
                file,
                sha256,
                ..net.clone()
            };
            (net, variant.precision)
        }
    })
}

/// The image of a self-test, decoded as a crop is.
fn read_case(folder: &Path, test: &SelfTest, manifest: &Manifest) -> anyhow::Result<Case> {
    let path = folder.join(&test.image);
    let bytes = std::fs::read(&path)
        .with_context(|| format!("read the self-test's image {}", path.display()))?;
    let limits = Limits {
        payload_bytes_max: usize::MAX,
        image_side_max: SELF_TEST_SIDE_MAX,
        ..Limits::default()
    };
    let crop =
        decode::image(&bytes, &limits, Attribute::ALL.into_iter().collect()).map_err(|reason| {
            anyhow!(
                "the self-test's image {}: {}",
                path.display(),
                reason.name()
            )
        })?;
    Case::new(test, crop, &manifest.heads().collect::<Vec<_>>())
}

fn facts(manifest: &Manifest, nets: &[NetFile]) -> ModelFacts {
    let labels = |attribute| {
        manifest
            .head(attribute)
            .map_or_else(Vec::new, |head| head.categories().to_vec())
    };
    ModelFacts {
        id: format!("{}@{}", manifest.name, &hash_of_all(nets)[..12]),
        has_age: manifest.head(Attribute::Age).is_some(),
        gender: labels(Attribute::Gender),
        ethnicity: labels(Attribute::Ethnicity),
    }
}

/// The hash of the only file that runs, else the hash over the files' hashes.
fn hash_of_all(nets: &[NetFile]) -> String {
    match nets {
        [file] => file.net.sha256.clone(),
        files => sha256(
            files
                .iter()
                .map(|file| file.net.sha256.as_str())
                .collect::<String>()
                .as_bytes(),
        ),
    }
}

/// The SHA-256 of bytes, as manifests write it.
pub fn sha256(bytes: &[u8]) -> String {
    demograph_core::hex(Sha256::digest(bytes))
}

fn read_net(folder: &Path, net: Net, settings: &InferenceSettings) -> anyhow::Result<NetFile> {
    let path = folder.join(&net.file);
    let mut onnx: Bytes = std::fs::read(&path)
        .with_context(|| format!("read the net {}", path.display()))?
        .into();
    if onnx.starts_with(LFS_POINTER) {
        bail!(
            "{}: is a pointer of Git LFS and not the file itself: run `git lfs pull`",
            path.display()
        );
    }
    let hash = sha256(&onnx);
    if hash != net.sha256 {
        bail!(
            "{}: its SHA-256 is {hash}, but the manifest says {}; it was changed or damaged: \
             restore it, or correct the manifest if the change was yours",
            path.display(),
            net.sha256
        );
    }
    let model = ModelProto::read(&onnx);
    let model = model.with_context(|| format!("{}: not an ONNX file", path.display()))?;
    if let Some(other) = model.external_file() {
        bail!(
            "{}: keeps weights in another file ({other:?}), which the manifest's sha256 does not cover, so it is not \
             loaded. Put them into one file: python3 -c 'import onnx; onnx.save(onnx.load({:?}), \"one.onnx\")', then \
             name that file and its sha256",
            path.display(),
            net.file
        );
    }
    let denormals = denormals::find(&model, &onnx);
    if !denormals.is_empty() {
        if settings.flush_denormals {
            onnx = denormals::flush(&onnx, &denormals);
            tracing::info!(
                net = net.file,
                count = denormals.len(),
                "denormal weights were set to zero"
            );
        } else {
            tracing::warn!(
                net = net.file,
                count = denormals.len(),
                "denormal weights can make this net ten times slower: set model.flush_denormals = true"
            );
        }
    }
    Ok(NetFile {
        front: Front::of(&model, &onnx, &net.input),
        net,
        scales_by_batch: model.scales_by_batch(),
    })
}
