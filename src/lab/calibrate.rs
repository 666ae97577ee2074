//! Labelled faces -> how a model errs on them.

use anyhow::Context;
use demograph_core::{
    estimate::{Calibration, adapt},
    record::Attribute,
};

use crate::measure::Answered;

/// How the model errs in an attribute, and from how many faces; none where no face has both a label and an answer. With a
/// base, the faces adapt it.
pub fn calibrate(
    answered: &Answered,
    attribute: Attribute,
    base: Option<&Calibration>,
) -> anyhow::Result<Option<(Calibration, usize)>> {
    let pairs = answered.pairs(attribute);
    if pairs.is_empty() {
        return Ok(None);
    }
    let (labels, faces) = (answered.labels(attribute), pairs.iter().copied());
    let calibration = match base {
        Some(base) => adapt(base, labels, faces),
        None => Calibration::new(labels, faces),
    };
    let calibration = calibration.with_context(|| attribute.to_string())?;
    Ok(Some((calibration, pairs.len())))
}
