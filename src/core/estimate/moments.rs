//! What the faces of a window and of the calibration show: the moments from which shares are estimated.
//!
//! A face shows a vector g, one number a class (`statistic.rs`). In the window its mean is `shown`; over calibration
//! faces of class k it is column k of `rates`. Whatever g is, shown = rates × shares, so shares = rates⁻¹ × shown without
//! bias from a model that errs or is too sure of itself; g decides only how much noise there is.
//!
//! Each calibration face and each face of the window moves the solution by rates⁻¹ g over their number: so its
//! covariance at any hypothetical shares is known, and the interval holds those that it does not rule out
//! (`interval.rs`).

use super::{
    Calibration, CellVotes, Method,
    linear::{Matrix, add, inverse, times},
    possible::{Normal, normalised},
    statistic::Statistic,
};

/// Of one vote; see [`Moments::covariance`].
const VARIANCE_MIN: f64 = 1e-8;

/// What the window and the calibration show.
pub(super) struct Moments {
    /// Votes in the window.
    pub(super) votes: f64,
    /// So many of them count as an independent one.
    pub(super) design_effect: f64,
    /// Of how much crops of one class differ, this part is left between people, whose crops differ among themselves.
    mix: f64,
    /// Calibration faces by class, as many as it stands for.
    pub(super) faces: Vec<f64>,
    /// g of each cell of the calibration, and how often each class falls into it.
    pub(super) cells: Vec<CellMoment>,
    pub(super) shown: Vec<f64>,
    pub(super) rates: Matrix,
    /// rates⁻¹ × shown: unbiased, may lie outside [0, 1].
    pub(super) raw: Vec<f64>,
    /// Of the influence among calibration faces of each class.
    within: Vec<Matrix>,
}

/// One cell of the calibration.
pub(super) struct CellMoment {
    pub(super) cell: usize,
    /// By true class.
    pub(super) likelihood: Vec<f64>,
    /// rates⁻¹ × g.
    pub(super) influence: Vec<f64>,
}

/// What a cell of the calibration shows before the solution is known.
struct Seen {
    cell: usize,
    likelihood: Vec<f64>,
    g: Vec<f64>,
}

impl Moments {
    pub(super) fn new(
        calibration: &Calibration,
        votes: &CellVotes,
        method: Method,
    ) -> Option<Self> {
        let total: f64 = votes.counts.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let statistic = Statistic::new(calibration, &votes.counts, method);
        let faces = calibration.effective_faces();
        let parts = calibration.parts as f64;
        let classes = faces.len();
        let seen: Vec<Seen> = calibration
            .cells
            .iter()
            .map(|row| {
                let likelihood = row.faces.iter().zip(&faces);
                let likelihood = likelihood.map(|(&n, m)| n as f64 / parts / m);
                Seen {
                    cell: row.cell,
                    likelihood: likelihood.collect(),
                    g: statistic.of(row.cell),
                }
            })
            .collect();
        let (shown, rates) = match method {
            Method::Pacc => (votes.mean_posterior()?, calibration.mean_posteriors()?),
            Method::Acc | Method::Score => (statistic.shown(&votes.counts), rates(&seen, classes)),
        };
        let inverse = inverse(&rates)?;
        let cells = seen.into_iter().map(|seen| CellMoment {
            cell: seen.cell,
            likelihood: seen.likelihood,
            influence: times(&inverse, &seen.g),
        });
        let mut moments = Self {
            votes: total,
            design_effect: votes.design_effect,
            mix: 1.0,
            cells: cells.collect(),
            raw: times(&inverse, &shown),
            within: Vec::new(),
            faces,
            shown,
            rates,
        };
        moments.within = (0..classes).map(|class| moments.within(class)).collect();
        moments.mix = mix(calibration, votes, &normalised(&moments.raw));
        Some(moments)
    }

    /// The influence of a face on share k has the mean 1 in class k and 0 in the others.
    fn within(&self, class: usize) -> Matrix {
        let classes = self.faces.len();
        let mut sum = vec![vec![0.0; classes]; classes];
        let unbiased = self.faces[class] / (self.faces[class] - 1.0);
        for cell in self
            .cells
            .iter()
            .filter(|cell| cell.likelihood[class] > 0.0)
        {
            let mut gap = cell.influence.clone();
            gap[class] -= 1.0;
            for (row, a) in sum.iter_mut().zip(&gap) {
                add(row, &gap, cell.likelihood[class] * unbiased * a);
            }
        }
        sum
    }

    /// The most likely shares within [0, 1], were the raw ones normal: negative ones become 0, and what is known of
    /// their errors corrects the rest.
    pub(super) fn within_reach(&self) -> Vec<f64> {
        if self.raw.iter().all(|&share| share >= 0.0) {
            return self.raw.clone();
        }
        let start = normalised(&self.raw);
        let covariance = self.covariance(&start);
        let raw = Normal {
            mean: &self.raw,
            covariance: &covariance,
        };
        raw.most_likely(None).map_or(start, |best| best.shares)
    }

    /// So many independent votes tell as much of the window's shares.
    pub(super) fn independent(&self) -> f64 {
        self.votes / self.design_effect
    }

    /// The most probable shares: those within reach, drawn a little towards each other where the data say little.
    pub(super) fn probable(&self) -> Vec<f64> {
        let within = self.within_reach();
        let covariance = self.covariance(&within);
        let raw = Normal {
            mean: &self.raw,
            covariance: &covariance,
        };
        raw.most_probable(self.votes, &within).unwrap_or(within)
    }

    /// Of the raw shares were the true ones those given, times the votes.
    pub(super) fn covariance(&self, shares: &[f64]) -> Matrix {
        let classes = shares.len();
        let mut sum = vec![vec![0.0; classes]; classes];
        for (class, within) in self.within.iter().enumerate() {
            let weight = self.weight(class, shares, self.mix) * self.votes;
            sum.iter_mut()
                .zip(within)
                .for_each(|(row, within)| add(row, within, weight));
        }
        for (k, row) in sum.iter_mut().enumerate() {
            for (l, entry) in row.iter_mut().enumerate() {
                *entry -= self.design_effect * shares[k] * shares[l];
            }
            // Of classes that are never confused nothing varies at a share of 0: the least keeps an inverse.
            row[k] += self.design_effect * shares[k] + VARIANCE_MIN;
        }
        sum
    }

    /// How much the variance within a class counts: faces of the window and of the calibration.
    /// `mix` is how much the window's is less than that of single crops.
    pub(super) fn weight(&self, class: usize, shares: &[f64], mix: f64) -> f64 {
        shares[class] * mix / self.independent() + shares[class] * shares[class] / self.faces[class]
    }
}

/// See [`Moments::mix`]. What a person's crops say together varies less than what a single one says: by how much, the
/// posteriors themselves tell. The square of a mean posterior is that of its class, and what crops differ by beyond it.
/// 1, as if a person's crops were all alike, where nothing is known of it or the calibration's classes do not fit.
fn mix(calibration: &Calibration, votes: &CellVotes, shares: &[f64]) -> f64 {
    let known = (
        votes.square(),
        votes.square_of_crops(),
        calibration.mean_posteriors(),
    );
    let (Some(of_people), Some(of_crops), Some(means)) = known else {
        return 1.0;
    };
    let of_classes: f64 = means
        .iter()
        .flat_map(|row| row.iter().zip(shares))
        .map(|(mean, share)| share * mean * mean)
        .sum();
    let mix = (of_people - of_classes) / (of_crops - of_classes);
    if mix > 0.0 && mix < 1.0 { mix } else { 1.0 }
}

/// The mean of g in each true class, from each cell's likelihoods and g.
fn rates(seen: &[Seen], classes: usize) -> Matrix {
    let mut rates = vec![vec![0.0; classes]; classes];
    for cell in seen {
        for (row, g) in rates.iter_mut().zip(&cell.g) {
            add(row, &cell.likelihood, *g);
        }
    }
    rates
}
