//! The methods by which shares can be estimated, and their names.

/// How shares are estimated. Tables and metrics have the default; the others are there to compare it with: they win no
/// measured case (docs/adr/0007), and are linear in the votes, which a reader of many views can use (docs/adr/0019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The score of the mixture likelihood at the shares of EMQ, then one step with the calibration's measured rates.
    #[default]
    Score,
    /// Adjusted count of predicted labels.
    Acc,
    /// Adjusted mean of posteriors.
    Pacc,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 3] = [Self::Score, Self::Acc, Self::Pacc];

    /// The name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Acc => "acc",
            Self::Pacc => "pacc",
        }
    }
}
