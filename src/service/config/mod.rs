//! What the user wrote, checked: TOML -> [`Config`], or every fault at once, each with field, value and fix.
//!
//! Promises: a `Config` that was read holds no contradiction; unknown keys are faults; no secret is printed.
//! To add a key: add a documented field to a section below, and the same key to `deploy/demograph.toml`
//! (a test compares them); the JSON Schema in `schemas/` is derived.

mod check;
mod places;
pub mod properties;
mod sections;
mod values;
mod zones;

pub use check::listen;
pub use places::{cells_beside, is_same_place};
pub use sections::{
    Duplicates, Estimates, Http, Kafka, Limits, LostData, Model, OnStop, OtherTrackKey, Output,
    StartOffset, State, Windows,
};
pub use values::{Text, without_login};

use std::path::Path;

use demograph_core::{
    checked::{Fault, Faults, read_checked},
    choose::CropsMax,
    privacy::{PolicyRules, SourceRules},
    window::Weighting,
};
use demograph_model::infer::Inference;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The configuration of `demograph run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub kafka: Kafka,
    pub model: Model,
    #[serde(default)]
    pub inference: Inference,
    #[serde(default)]
    pub windows: Windows,
    #[serde(default)]
    pub estimates: Estimates,
    #[serde(default)]
    pub policy: PolicyRules,
    /// The cameras, one `[[source]]` each.
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRules>,
    pub output: Output,
    #[serde(default)]
    pub state: State,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub limits: Limits,
}

/// The text of a config file; `example` is one of its kind.
pub fn text_of(path: &Path, example: &str) -> Result<String, Faults> {
    std::fs::read_to_string(path).map_err(|error| {
        let fix = format!("{error}; give the path of a TOML file such as {example}");
        Faults::one(Fault::new("--config", path.display(), fix))
    })
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        Self::parse(&text_of(path, "deploy/demograph.toml")?)
    }

    /// Checks the text against the schema, then the values against one another.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let config: Self = read_checked(text, &Self::schema())?;
        let faults = check::contradictions(&config);
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(Faults(faults))
        }
    }

    /// So many crops of a track are taken in a span; none where all are.
    pub fn crops_max(&self) -> Option<CropsMax> {
        let unless_set = match self.windows.weighting {
            Weighting::People => Inference::CROPS_PER_TRACK,
            Weighting::Dwell => 0,
        };
        CropsMax::new(self.inference.crops_per_track.unwrap_or(unless_set))
    }

    /// The JSON Schema that editors and [`Config::parse`] check with.
    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(Self).to_value();
        schema["title"] = "demograph configuration".into();
        schema
    }

    /// What is accepted and has a consequence that its author may not know.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = properties::warnings(self);
        warnings.extend(places::warnings(self));
        warnings.extend(check::all_crops(self));
        warnings
    }

    /// Everything in effect, defaults included, secrets hidden.
    pub fn redacted_toml(&self) -> String {
        let mut shown = self.clone();
        shown.inference.crops_per_track = Some(self.crops_max().map_or(0, CropsMax::get));
        for (key, value) in &mut shown.kafka.properties {
            *value = value.redacted(key);
        }
        for (key, value) in &mut shown.output.options {
            *value = value.redacted(key);
        }
        shown.output.url = without_login(&shown.output.url);
        shown.output.cells_url = shown.output.cells_url.as_deref().map(without_login);
        shown.state.url = shown.state.url.as_deref().map(without_login);
        toml::to_string(&shown).expect("the config came out of TOML, so it goes back into it")
    }
}

#[cfg(test)]
mod tests;
