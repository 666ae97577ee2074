//! The calibration files that the config names, read and compared with the model.

use std::path::Path;

use anyhow::{Context, bail};
use demograph_core::{
    estimate::{CalibrationFile, Calibrations, Method},
    facts::ModelFacts,
    record::{Attribute, SourceId},
    window::Categories,
};
use demograph_model::manifest::Precision;

use crate::config::Config;

/// The file in a model's folder that is used unless the config names another: one for each precision, since each answers a
/// little differently, and for each choice of the categories of ethnicity.
pub fn in_model_folder(precision: Precision, ethnicity: Option<&str>) -> String {
    match ethnicity {
        None => format!("calibration.{}.json", precision.name()),
        Some(groups) => format!("calibration.{}.{groups}.json", precision.name()),
    }
}

/// All that the config names, and the model's own.
pub fn load(
    config: &Config,
    facts: &ModelFacts,
    precision: Precision,
) -> anyhow::Result<Calibrations> {
    let categories = Categories::new(&config.windows.age_bands, facts);
    let fitting = |path: &Path| -> anyhow::Result<CalibrationFile> {
        let file = read(path)?;
        fit(file, facts, &categories).with_context(|| path.display().to_string())
    };
    let in_folder = config.model.dir.join(in_model_folder(
        precision,
        config.model.ethnicity.as_deref(),
    ));
    let default = match &config.estimates.calibration {
        Some(path) => Some(fitting(path).context("estimates.calibration")?),
        None if in_folder.exists() => Some(fitting(&in_folder)?),
        None => None,
    };
    let mut own = Vec::new();
    for source in &config.sources {
        if let Some(path) = &source.calibration {
            let file = fitting(path)
                .with_context(|| format!("calibration of the source {:?}", source.id))?;
            own.push((SourceId::new(&source.id), file));
        }
    }
    Ok(Calibrations::new(Method::default(), default, own))
}

pub fn read(path: &Path) -> anyhow::Result<CalibrationFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    CalibrationFile::parse(&text).with_context(|| path.display().to_string())
}

/// Refuses another model's file. Age is left out, with a warning, where the file was made with other bands.
fn fit(
    mut file: CalibrationFile,
    facts: &ModelFacts,
    categories: &Categories,
) -> anyhow::Result<CalibrationFile> {
    if file.model != facts.id {
        bail!(
            "made with the model {}, and {} runs: make one with `demograph calibrate`",
            file.model,
            facts.id
        );
    }
    for attribute in Attribute::ALL {
        let Some(calibration) = file.attributes.get(&attribute) else {
            continue;
        };
        let labels = categories.labels(attribute);
        if calibration.labels == labels {
            continue;
        }
        if attribute != Attribute::Age {
            bail!(
                "{attribute} has the labels {:?} there and {labels:?} in the model: calibrate again",
                calibration.labels
            );
        }
        tracing::warn!(
            calibrated = ?file.age_bands,
            "the calibration has other age bands than windows.age_bands, so shares of ages are not estimated: \
             calibrate again with --age-bands"
        );
        file.attributes.remove(&Attribute::Age);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use demograph_model::infer::{InferenceSettings, ModelFiles, PrecisionChoice, Provider};

    use super::*;
    use crate::config::Windows;

    #[test]
    fn the_shipped_models_have_a_calibration_for_every_precision_and_choice_of_ethnicities() {
        for model in ["models/fairface-small", "models/research-small"] {
            for ethnicity in [None, Some("five")] {
                has_every_calibration(model, ethnicity);
            }
        }
    }

    fn has_every_calibration(model: &str, ethnicity: Option<&str>) {
        let folder = demograph_core::golden::repository(model);
        let half = (PrecisionChoice::Fp16, Provider::Cuda);
        // The other model has no such file.
        let half = model.contains("fairface").then_some(half);
        for (precision, provider) in half.into_iter().chain([
            (PrecisionChoice::Int8, Provider::Cpu),
            (PrecisionChoice::Fp32, Provider::Cpu),
            (PrecisionChoice::Bf16, Provider::Openvino),
        ]) {
            let settings = InferenceSettings {
                precision,
                provider,
                ethnicity: ethnicity.map(str::to_owned),
                ..Default::default()
            };
            let files = ModelFiles::read(&folder, &settings).unwrap();
            let categories = Categories::new(&Windows::default().age_bands, &files.facts);
            let file = in_model_folder(files.precision, ethnicity);
            let file = read(&folder.join(file)).unwrap();
            let file = fit(file, &files.facts, &categories).unwrap();
            for attribute in Attribute::ALL {
                assert!(
                    file.attributes.contains_key(&attribute),
                    "{model}, {precision:?}: {attribute}"
                );
            }
        }
    }
}
