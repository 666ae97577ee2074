//! The methods by which shares can be estimated, and their names.

use serde::{Deserialize, Serialize};

/// How shares are estimated.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Expectation maximisation, then one step with the calibration's measured rates.
    #[default]
    Emq,
    /// Adjusted count of predicted labels.
    Acc,
    /// Adjusted mean of posteriors.
    Pacc,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 3] = [Self::Emq, Self::Acc, Self::Pacc];

    /// The name in tables and the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emq => "emq",
            Self::Acc => "acc",
            Self::Pacc => "pacc",
        }
    }
}
