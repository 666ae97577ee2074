//! Which calibration holds for which source, and how shares are estimated from it.

use std::collections::HashMap;

use super::{Calibration, CalibrationFile, MaskedCounts, Method, Share, beside, shift_p};
use crate::record::{Attribute, SourceId};

/// A calibration file and the name that rows know it by.
#[derive(Debug, Clone)]
struct Named {
    id: String,
    file: CalibrationFile,
}

impl From<CalibrationFile> for Named {
    fn from(file: CalibrationFile) -> Self {
        let id = file.id();
        Self { id, file }
    }
}

/// The calibrations in effect.
#[derive(Debug, Clone, Default)]
pub struct Calibrations {
    method: Method,
    default: Option<Named>,
    own: HashMap<SourceId, Named>,
}

/// How the shares of one attribute of one source are estimated.
#[derive(Debug, Clone, Copy)]
pub struct Estimator<'a> {
    /// How shares are estimated.
    pub method: Method,
    /// How the model errs.
    pub calibration: &'a Calibration,
    /// The id of the calibration's file.
    pub id: &'a str,
}

/// What an estimator makes of some votes.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimated {
    /// In the order of the calibration's labels.
    pub shares: Vec<Share>,
    /// Small where no shares explain the cells (see [`shift_p`]).
    pub shift_p: Option<f64>,
    /// So many votes count as an independent one.
    pub design_effect: f64,
}

impl Calibrations {
    /// `default` is for every source without one of its own.
    pub fn new(
        method: Method,
        default: Option<CalibrationFile>,
        own: impl IntoIterator<Item = (SourceId, CalibrationFile)>,
    ) -> Self {
        Self {
            method,
            default: default.map(Named::from),
            own: own
                .into_iter()
                .map(|(source, file)| (source, file.into()))
                .collect(),
        }
    }

    /// The id of the default calibration.
    pub fn id(&self) -> Option<&str> {
        self.default.as_ref().map(|named| named.id.as_str())
    }

    /// `None` where nothing is known of how the model errs there: so too for the sum of several sources, unless one
    /// calibration holds for all.
    pub fn estimator(&self, source: &SourceId, attribute: Attribute) -> Option<Estimator<'_>> {
        if source.as_str() == SourceId::OTHER && !self.own.is_empty() {
            return None;
        }
        let named = self.own.get(source).or(self.default.as_ref())?;
        Some(Estimator {
            method: self.method,
            calibration: named.file.attributes.get(&attribute)?,
            id: &named.id,
        })
    }
}

impl Estimator<'_> {
    /// Where windows hid classes, votes that move among these change nothing: they count as a whole. `None` without votes,
    /// where the calibration cannot tell the classes apart, or where it saw no face in a cell of hidden classes, and votes
    /// did.
    pub fn estimate(&self, votes: &MaskedCounts) -> Option<Estimated> {
        let pooled = beside::pooled(self.calibration, votes)?;
        Some(Estimated {
            shares: beside::estimate_beside(self.calibration, &pooled, self.method)?,
            shift_p: shift_p(self.calibration, &pooled.votes),
            design_effect: pooled.votes.design_effect,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bands: Vec<u32>) -> CalibrationFile {
        let labels = ["a".to_owned(), "b".to_owned()];
        let posterior = [[0.9f32, 0.1], [0.2, 0.8]];
        let faces = (0..40).map(|n| (n % 2, &posterior[n % 2][..]));
        let gender = Calibration::new(&labels, faces).unwrap();
        CalibrationFile::new("m@1".into(), bands, [(Attribute::Gender, gender)].into())
    }

    #[test]
    fn a_source_with_a_calibration_of_its_own_does_not_use_the_default() {
        let (default, own) = (file(vec![0]), file(vec![0, 18]));
        let gate = SourceId::new("gate");
        let all = Calibrations::new(
            Method::Score,
            Some(default.clone()),
            [(gate.clone(), own.clone())],
        );
        let id = |source| all.estimator(source, Attribute::Gender).unwrap().id;
        assert_eq!(id(&gate), own.id());
        assert_eq!(id(&SourceId::new("lobby")), default.id());
        assert!(all.estimator(&gate, Attribute::Age).is_none());
    }

    #[test]
    fn the_sum_of_several_sources_has_an_estimate_only_where_they_share_a_calibration() {
        let other = SourceId::new(SourceId::OTHER);
        let default = file(vec![0]);
        let shared = Calibrations::new(Method::Score, Some(default.clone()), []);
        assert!(shared.estimator(&other, Attribute::Gender).is_some());
        let own = [(SourceId::new("gate"), file(vec![0, 18]))];
        let several = Calibrations::new(Method::Score, Some(default), own);
        assert!(several.estimator(&other, Attribute::Gender).is_none());
    }
}
