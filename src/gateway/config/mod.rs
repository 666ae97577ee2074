//! What the user wrote, checked: TOML -> [`Config`], or every fault at once, each with field, value and fix.
//!
//! Promises: no address and no password is printed. To add a key: a documented field in `sections.rs`, the same key in
//! `deploy/camera.toml` (a test compares them); the JSON Schema in `schemas/` is derived.

mod check;
mod sections;

pub use sections::{Camera, Crops, Detector, Http, Kafka, Limits, Presence, Region, TimesOf};

use std::path::Path;

use demograph_core::checked::{Faults, read_checked};
use demograph_service::config::{Text, text_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address;

/// The configuration of `demograph camera`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub kafka: Kafka,
    /// The cameras, one `[[camera]]` each.
    #[serde(rename = "camera")]
    #[schemars(length(min = 1))]
    pub cameras: Vec<Camera>,
    #[serde(default)]
    pub crops: Crops,
    #[serde(default)]
    pub presence: Presence,
    #[serde(default)]
    pub detector: Detector,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub limits: Limits,
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        Self::parse(&text_of(path, "deploy/camera.toml")?)
    }

    /// Checks the text against the schema, then the values against one another.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let config: Self = read_checked(text, &Self::schema())?;
        let faults = check::contradictions(&config);
        match faults.is_empty() {
            true => Ok(config),
            false => Err(Faults(faults)),
        }
    }

    /// The JSON Schema that editors and [`Config::parse`] check with.
    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(Self).to_value();
        schema["title"] = "demograph camera configuration".into();
        schema
    }

    /// What is accepted and has a consequence that its author may not know.
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    /// Everything in effect, defaults included, secrets hidden.
    pub fn redacted_toml(&self) -> String {
        let mut shown = self.clone();
        for (key, value) in &mut shown.kafka.properties {
            *value = value.redacted(key);
        }
        for camera in &mut shown.cameras {
            if let Some(plain) = camera.address.plain() {
                camera.address = Text::Plain(address::shown(&plain));
            }
        }
        toml::to_string(&shown).expect("the config came out of TOML, so it goes back into it")
    }
}

#[cfg(test)]
mod tests;
