//! A model folder, read once: the manifest, and the ONNX bytes with their hashes checked.

use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    InferenceSettings, ModelFacts, denormals,
    manifest::{Manifest, Net},
};
use crate::record::Attribute;

/// What a model folder holds; sessions are made from it.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub manifest: Manifest,
    pub facts: ModelFacts,
    pub nets: Vec<NetFile>,
}

/// One net: what the manifest says of it, and the very bytes that had the right hash.
#[derive(Debug, Clone)]
pub struct NetFile {
    pub net: Net,
    pub onnx: Bytes,
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
        let manifest = Manifest::parse(&text).with_context(|| path.display().to_string())?;
        let nets = manifest
            .nets
            .iter()
            .map(|net| read_net(folder, net, settings))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let facts = facts(&manifest);
        Ok(Self {
            manifest,
            facts,
            nets,
        })
    }
}

fn facts(manifest: &Manifest) -> ModelFacts {
    let labels = |attribute| {
        manifest
            .head(attribute)
            .map_or_else(Vec::new, |head| head.labels.clone())
    };
    ModelFacts {
        id: format!("{}@{}", manifest.name, &hash_of_all(manifest)[..12]),
        has_age: manifest.head(Attribute::Age).is_some(),
        gender: labels(Attribute::Gender),
        ethnicity: labels(Attribute::Ethnicity),
    }
}

/// The hash of the only net, else the hash over the nets' hashes.
fn hash_of_all(manifest: &Manifest) -> String {
    match manifest.nets.as_slice() {
        [net] => net.sha256.clone(),
        nets => hex(nets
            .iter()
            .map(|net| net.sha256.as_str())
            .collect::<String>()
            .as_bytes()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_net(folder: &Path, net: &Net, settings: &InferenceSettings) -> anyhow::Result<NetFile> {
    let path = folder.join(&net.file);
    let mut onnx: Bytes = std::fs::read(&path)
        .with_context(|| format!("read the net {}", path.display()))?
        .into();
    let hash = hex(&onnx);
    if hash != net.sha256 {
        bail!(
            "{}: its SHA-256 is {hash}, but the manifest says {}; it was changed or damaged: \
             restore it, or correct the manifest if the change was yours",
            path.display(),
            net.sha256
        );
    }
    let denormals =
        denormals::find(&onnx).with_context(|| format!("{}: not an ONNX file", path.display()))?;
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
        net: net.clone(),
        onnx,
    })
}
