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
    /// A name for this policy. Every row carries it, with a hash of the policy's content.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What to do with crops of sources that are not configured: "deny" (reject and count them) or "allow" (estimate age
    /// and gender, for a demo).
    pub unknown_sources: UnknownSources,
    /// A window with fewer people is suppressed: it shows no count by category.
    #[schemars(range(min = 1))]
    pub k_total: u64,
    /// A category with fewer people is hidden, and other categories so that it cannot be computed.
    #[schemars(range(min = 1))]
    pub k_cell: u64,
    /// What a face without a track id does. "ignore": it is counted in `faces` and casts no vote, because the number of
    /// people behind such faces is unknown; a source without track ids then shows nothing. "count": each face votes, and
    /// the thresholds are multiplied by `detections_factor`.
    pub untracked: Untracked,
    /// Faces per person, assumed where faces vote for themselves (untracked = "count"): both thresholds are multiplied by
    /// it. A guess, not a guarantee: most detectors send 10 to 100 crops of a person, and more of one who stays. Intervals
    /// assume it too, until the source is known (some hours).
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
    /// The source id: the Kafka key, or `ce_source`.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
    /// What is estimated of its faces.
    #[serde(default = "default_attributes")]
    #[schemars(length(min = 1))]
    pub attributes: Vec<Attribute>,
    /// The legal basis for processing ethnicity here, such as consent. Required for ethnicity; kept in the files' metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// A calibration made from faces of this camera or similar ones. Replaces `estimates.calibration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
    /// The time zone of the camera, such as "Asia/Kolkata". Replaces `windows.time_zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

fn default_attributes() -> Vec<Attribute> {
    vec![Attribute::Age, Attribute::Gender]
}
