//! What stands behind every row: the terms of its chain and the calibrations of the model.

use std::sync::Arc;

use demograph_core::{estimate::Calibrations, state::Terms};

/// What stands behind every row.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub terms: Arc<Terms>,
    pub calibrations: Arc<Calibrations>,
}
