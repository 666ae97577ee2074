//! What a vote is, as the config says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a vote is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// One a track, and one a face without a track id.
    #[default]
    People,
    /// One a face.
    Dwell,
}

/// What a face without a track id does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Untracked {
    /// It casts no vote.
    #[default]
    Ignore,
    /// It votes for itself.
    Count,
}
