//! What a model says of single images, decoded as the service decodes a payload.

use std::path::{Path, PathBuf};

use anyhow::Context;
use demograph_core::{
    record::{Attributes, Crop, Estimate},
    reject::Reject,
};
use demograph_model::{
    decode::{self, Limits},
    infer::Model,
};

/// One image and what came of it.
pub struct Prediction {
    pub file: String,
    pub result: Result<Estimate, Reject>,
}

/// A named crop, or the reason why there is none.
pub struct Named {
    pub name: String,
    pub crop: Result<Crop, Reject>,
}

/// One answer a file, in order. The files are one batch.
pub fn predict(
    files: &[PathBuf],
    model: &mut impl Model,
    attributes: Attributes,
) -> anyhow::Result<Vec<Prediction>> {
    let crops = files.iter().map(|file| {
        Ok(Named {
            name: file.display().to_string(),
            crop: open(file, attributes)?,
        })
    });
    predict_crops(crops.collect::<anyhow::Result<_>>()?, model)
}

/// One answer a crop, in order. The crops are one batch.
pub fn predict_crops(named: Vec<Named>, model: &mut impl Model) -> anyhow::Result<Vec<Prediction>> {
    let mut crops = Vec::new();
    let mut decoded = Vec::new();
    for Named { name, crop } in named {
        decoded.push((name, crop.map(|crop| crops.push(crop))));
    }
    let mut answers = model.estimate(&crops)?.into_iter();
    Ok(decoded
        .into_iter()
        .map(|(file, result)| Prediction {
            file,
            result: result.and_then(|()| {
                let answer = answers.next().expect("the model gives one answer a crop");
                answer.map_err(|_no_answer| Reject::NoAnswer)
            }),
        })
        .collect())
}

fn open(file: &Path, attributes: Attributes) -> anyhow::Result<Result<Crop, Reject>> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    Ok(crop(&bytes, attributes))
}

/// Decodes a file as the service does a payload.
pub fn crop(bytes: &[u8], attributes: Attributes) -> Result<Crop, Reject> {
    let limits = Limits::default();
    if bytes.len() > limits.payload_bytes_max {
        return Err(Reject::TooManyBytes);
    }
    decode::image(bytes, &limits, attributes)
}
