//! Labelled faces -> how a model errs on them.

use anyhow::Context;
use demograph_core::{estimate::Calibration, record::Attribute};

use crate::measure::Answered;

/// How the model errs in an attribute, and from how many faces; none where no face has both a label and an answer.
pub fn calibrate(
    answered: &Answered,
    attribute: Attribute,
) -> anyhow::Result<Option<(Calibration, usize)>> {
    let pairs = answered.pairs(attribute);
    if pairs.is_empty() {
        return Ok(None);
    }
    let calibration = Calibration::new(answered.labels(attribute), pairs.iter().copied());
    let calibration = calibration.with_context(|| attribute.to_string())?;
    Ok(Some((calibration, pairs.len())))
}
