//! Estimated shares, shown no finer than the counts beside them.
//!
//! Shares depend on the votes of all categories. Where a window hides any, its share is hidden with it, the others are
//! estimated from the votes of the hidden ones as a whole, and rounded (intervals outward) to whole steps of `k_cell`
//! votes. The same holds for sums of windows, each behind its own mask. Why: docs/adr/0008.

use super::Cells;
use crate::estimate::{CellCounts, Estimator, MaskedCounts, Share};

/// What may be shown of the estimated shares of one attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShownShares {
    /// By category.
    pub shares: Vec<ShownShare>,
    /// Small where no shares explain what the model says.
    pub shift_p: Option<f64>,
    /// So many votes count as an independent one.
    pub design_effect: Option<f64>,
}

/// Of one category; all `None` where it is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ShownShare {
    /// `None` too where the interval is so wide that the data do not say.
    pub share: Option<f64>,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// `None` too where another category is hidden.
    pub effective_n: Option<f64>,
}

/// The shares of one window: estimates from the votes' cells, and shows what the counts shown allow; nothing without an
/// estimator.
pub fn show_shares(
    shown: &Cells,
    votes: &CellCounts,
    estimator: Option<Estimator<'_>>,
    k_cell: u64,
) -> ShownShares {
    show_summed_shares(shown, &masked(shown, votes), estimator, k_cell)
}

/// What shares may be estimated from: the votes of a window behind the mask of its counts. Nothing of a window that shows
/// no category.
pub fn masked(shown: &Cells, votes: &CellCounts) -> MaskedCounts {
    match shown {
        Cells::Shown { counts, .. } if counts.iter().any(Option::is_some) => {
            let hidden: Vec<bool> = counts.iter().map(Option::is_none).collect();
            MaskedCounts::of(votes, &hidden)
        }
        _ => MaskedCounts::default(),
    }
}

/// The same of windows added up: the counts of categories are those of the windows that showed them, the votes those of
/// [`masked`].
pub fn show_summed_shares(
    shown: &Cells,
    votes: &MaskedCounts,
    estimator: Option<Estimator<'_>>,
    k_cell: u64,
) -> ShownShares {
    let Cells::Shown { counts, .. } = shown else {
        return ShownShares::default();
    };
    if counts.iter().all(Option::is_none) {
        return ShownShares::default();
    }
    let Some(estimated) = estimator.and_then(|estimator| estimator.estimate(votes)) else {
        return ShownShares::default();
    };
    let is_whole = votes.is_whole();
    let step = k_cell as f64 / votes.votes();
    let one = |(count, share): (&Option<u64>, &Share)| match (count, is_whole) {
        (None, _) => ShownShare::default(),
        (Some(_), true) => exact(share),
        (Some(_), false) => rounded(share, step),
    };
    ShownShares {
        shares: counts.iter().zip(&estimated.shares).map(one).collect(),
        shift_p: estimated
            .shift_p
            .map(|p| if is_whole { p } else { one_digit(p) }),
        design_effect: Some(estimated.design_effect),
    }
}

fn exact(share: &Share) -> ShownShare {
    ShownShare {
        share: share.is_sufficient().then_some(share.share),
        low: Some(share.low),
        high: Some(share.high),
        effective_n: Some(share.effective_n),
    }
}

/// Outward, so that the interval still holds what it promises.
fn rounded(share: &Share, step: f64) -> ShownShare {
    ShownShare {
        share: share
            .is_sufficient()
            .then(|| ((share.share / step).round() * step).min(1.0)),
        low: Some((share.low / step).floor() * step),
        high: Some(((share.high / step).ceil() * step).min(1.0)),
        effective_n: None,
    }
}

fn one_digit(p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    let scale = 10f64.powf(p.log10().floor());
    (p / scale).round() * scale
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        estimate::{Calibration, CalibrationFile, Calibrations, Crops, Grid, Method, quantise},
        record::{Attribute, SourceId},
    };

    /// A model of three classes that is right in four faces of five.
    fn calibrations() -> Calibrations {
        let labels = ["a", "b", "c"].map(str::to_owned);
        let posterior = |class: usize| {
            let mut p = [0.1f32; 3];
            p[class] = 0.8;
            p
        };
        let faces: Vec<(usize, [f32; 3])> = (0..300)
            .map(|n| {
                (
                    n % 3,
                    posterior(if n % 5 == 0 { (n + 1) % 3 } else { n % 3 }),
                )
            })
            .collect();
        let known = faces.iter().map(|(class, p)| (*class, &p[..]));
        let calibration = Calibration::new(&labels, known).unwrap();
        let attributes = [(Attribute::Ethnicity, calibration)].into();
        let file = CalibrationFile::new("m@1".into(), vec![0], attributes);
        Calibrations::new(Method::Score, Some(file), [])
    }

    /// Votes for each class at the posteriors above.
    fn votes(of: [u64; 3]) -> CellCounts {
        let grid = Grid::new(3).unwrap();
        let mut votes = CellCounts::default();
        for (class, n) in of.into_iter().enumerate() {
            let mut p = [0.1f32; 3];
            p[class] = 0.8;
            let mut one = Crops::default();
            one.add(&quantise(&p));
            let cell = BTreeMap::from([(grid.cell(&p) as u32, one)]);
            (0..n).for_each(|_| votes.vote(&cell));
        }
        votes
    }

    fn shown(counts: [Option<u64>; 3], of: [u64; 3]) -> ShownShares {
        let calibrations = calibrations();
        let estimator = calibrations.estimator(&SourceId::new("cam"), Attribute::Ethnicity);
        let cells = Cells::Shown {
            total: of.iter().sum(),
            counts: counts.to_vec(),
        };
        show_shares(&cells, &votes(of), estimator, 5)
    }

    #[test]
    fn a_hidden_category_has_no_share_and_its_votes_move_no_other() {
        let counts = [Some(900), None, None];
        let first = shown(counts, [900, 60, 40]);
        assert_eq!(first.shares[1], ShownShare::default());
        assert_eq!(first, shown(counts, [900, 96, 4]));
        let ShownShare {
            share, low, high, ..
        } = first.shares[0];
        for number in [share, low, high] {
            let steps = number.unwrap() / (5.0 / 1000.0);
            assert!((steps - steps.round()).abs() < 1e-9, "{number:?}");
        }
    }

    #[test]
    fn beside_hidden_categories_an_interval_is_wider_and_holds_the_same() {
        let of = [700, 200, 100];
        let exact = shown([Some(700), Some(200), Some(100)], of).shares[0];
        let coarse = shown([Some(700), None, None], of).shares[0];
        assert!(coarse.low.unwrap() <= exact.low.unwrap());
        assert!(coarse.high.unwrap() >= exact.high.unwrap());
        let share = exact.share.unwrap();
        assert!(coarse.low.unwrap() <= share && share <= coarse.high.unwrap());
        assert_eq!(coarse.effective_n, None);
    }

    #[test]
    fn a_suppressed_attribute_and_one_with_nothing_shown_say_nothing() {
        assert_eq!(shown([None; 3], [10, 3, 2]), ShownShares::default());
        let calibrations = calibrations();
        let estimator = calibrations.estimator(&SourceId::new("cam"), Attribute::Ethnicity);
        let nothing = show_shares(&Cells::Suppressed, &votes([3, 2, 1]), estimator, 5);
        assert_eq!(nothing, ShownShares::default());
    }
}
