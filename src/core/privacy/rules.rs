//! The sections `[policy]` and `[[source]]`: what may be estimated of whom, and what may be shown.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{record::Attribute, window::Untracked};

/// What may be estimated and what may be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Policy")]
pub struct PolicyRules {
    /// A name for this policy; stands in every row, with a hash of what the policy says.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What to do with crops of sources that are not configured: "deny" (rejected and counted) or "allow"
    /// (age and gender, for a demo).
    pub unknown_sources: UnknownSources,
    /// A window with fewer people shows nothing of them but that it is suppressed.
    #[schemars(range(min = 1))]
    pub k_total: u64,
    /// A category with fewer people is hidden, and others with it so that it cannot be computed.
    #[schemars(range(min = 1))]
    pub k_cell: u64,
    /// What a face without a track id does: "ignore" (it is counted in `faces` and casts no vote, because nobody knows
    /// how many people such faces are, so a source without track ids shows nothing) or "count" (each one votes, judged
    /// with `detections_factor`).
    pub untracked: Untracked,
    /// With untracked = "count", both thresholds are multiplied by this where faces vote for themselves. A guess, not a
    /// guarantee: one person is 10 to 100 crops to most detectors, and somebody who stays is more.
    #[schemars(range(min = 1))]
    pub detections_factor: u64,
    /// Allow age bands that divide the years below 18.
    pub minors_detail: bool,
}

impl Default for PolicyRules {
    fn default() -> Self {
        Self {
            name: "default".into(),
            unknown_sources: UnknownSources::Deny,
            k_total: 10,
            k_cell: 5,
            untracked: Untracked::Ignore,
            detections_factor: 10,
            minors_detail: false,
        }
    }
}

/// What to do with crops of sources that are not configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSources {
    #[default]
    Deny,
    Allow,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source")]
pub struct SourceRules {
    /// Its name: the Kafka key, or `ce_source`.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
    /// What is estimated of its faces.
    #[serde(default = "default_attributes")]
    #[schemars(length(min = 1))]
    pub attributes: Vec<Attribute>,
    /// Why ethnicity may be processed here (consent, audit, ...); required for it, kept in the files' metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// A calibration from faces of this camera, or of cameras like it, instead of `estimates.calibration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
}

fn default_attributes() -> Vec<Attribute> {
    vec![Attribute::Age, Attribute::Gender]
}
