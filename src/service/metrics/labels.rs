//! The values of labels that have a closed set of them.

/// What became of a record; the values of the label `outcome`.
pub mod outcome {
    pub const FACE: &str = "face";
    /// Its track has enough crops: it was not decoded.
    pub const SPARED: &str = "spared";
    pub const LATE: &str = "late";
    pub const REJECTED: &str = "rejected";
    pub const REPLAYED: &str = "replayed";
    pub const ALL: [&str; 5] = [FACE, SPARED, LATE, REJECTED, REPLAYED];
}

/// What happened to the assignment; the values of the label `kind`.
pub mod rebalance {
    pub const ASSIGNED: &str = "assigned";
    pub const REVOKED: &str = "revoked";
    pub const LOST: &str = "lost";
    /// Another instance wrote the next checkpoint: this one joins the group anew.
    pub const FENCED: &str = "fenced";
    pub const ALL: [&str; 4] = [ASSIGNED, REVOKED, LOST, FENCED];
}

/// The limit on sources with series of their own; a value of the label `limit`.
pub const SOURCE_SERIES_LIMIT: &str = "http.source_series_max";

/// The stages of the path; the values of the label `stage`.
pub mod stage {
    pub const POLL: &str = "poll";
    pub const DECODE: &str = "decode";
    pub const INFER: &str = "infer";
    pub const FOLD: &str = "fold";
    pub const WRITE: &str = "write";
}
