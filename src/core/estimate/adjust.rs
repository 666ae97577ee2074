//! Shares with intervals: a few numbers of each face, their means in the window, and their means in each true class.
//!
//! A face shows a vector g, one number a class. In the window its mean is `shown`; over calibration faces of class k
//! it is column k of `rates`. Whatever g is, shown = rates × shares, so shares = rates⁻¹ × shown without bias from a
//! model that errs or is too sure of itself; g decides only how much noise there is. ACC takes the predicted label
//! for g, PACC the posterior itself, whose mean is known exactly on both sides. The default, "emq", takes the score of the mixture likelihood at EMQ's shares: the
//! choice with the least variance where the posteriors are right, and still unbiased where they are not.
//!
//! Each calibration face and each face of the window moves the solution by rates⁻¹ g over their number: so its
//! covariance at any hypothetical shares is known, and the interval holds those that it does not rule out
//! (`interval.rs`).

use serde::{Deserialize, Serialize};

use super::{
    Calibration, CellVotes,
    em::{maximise, occupied},
    interval::{interval, most_likely},
    linear::{Matrix, inverse, times},
    simplex::solve_rates,
};

/// How far EMQ's shares are drawn towards equal ones before they choose the score, which has no value at 0.
const DRAWN: f64 = 0.05;
/// Rounds of EMQ for that; a better start would change g, not what is estimated.
const ROUNDS: usize = 30;
/// Of one vote; see [`Moments::covariance`].
const VARIANCE_MIN: f64 = 1e-8;
/// An interval wider than this says nothing.
const WIDTH_MAX: f64 = 0.5;

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
    pub const ALL: [Self; 3] = [Self::Emq, Self::Acc, Self::Pacc];

    pub fn name(self) -> &'static str {
        match self {
            Self::Emq => "emq",
            Self::Acc => "acc",
            Self::Pacc => "pacc",
        }
    }
}

/// The estimated share of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    pub share: f64,
    /// The 95 % interval; holds the share.
    pub low: f64,
    pub high: f64,
    /// Effective sample size: this many error-free labels would give the same precision.
    pub effective_n: f64,
}

impl Share {
    /// Whether the data say anything worth showing of the class.
    pub fn is_sufficient(&self) -> bool {
        self.high - self.low <= WIDTH_MAX
    }
}

/// The shares of the classes from votes by cell; a vote may be spread over cells. `None` of no vote, or where the
/// calibration cannot tell the classes apart. PACC needs to know the posteriors of the votes, the others only cells.
pub fn estimate(
    calibration: &Calibration,
    votes: &CellVotes,
    method: Method,
) -> Option<Vec<Share>> {
    Moments::new(calibration, votes, method)?.estimate(method)
}

/// What the window and the calibration show.
pub(super) struct Moments {
    /// Votes in the window.
    pub(super) votes: f64,
    /// Calibration faces by class.
    pub(super) faces: Vec<f64>,
    /// g of each cell of the calibration, and how often each class falls into it.
    pub(super) cells: Vec<CellMoment>,
    shown: Vec<f64>,
    rates: Matrix,
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
        let faces: Vec<f64> = calibration.faces().iter().map(|&n| n as f64).collect();
        let classes = faces.len();
        let seen: Vec<(usize, Vec<f64>, Vec<f64>)> = calibration
            .cells
            .iter()
            .map(|row| {
                let likelihood = row.faces.iter().zip(&faces).map(|(&n, m)| n as f64 / m);
                (row.cell, likelihood.collect(), statistic.of(row.cell))
            })
            .collect();
        let (shown, rates) = match method {
            Method::Pacc => (votes.mean_posterior()?, calibration.mean_posteriors()?),
            Method::Acc | Method::Emq => (statistic.shown(&votes.counts), rates(&seen, classes)),
        };
        let inverse = inverse(&rates)?;
        let cells = seen.into_iter().map(|(cell, likelihood, g)| CellMoment {
            cell,
            likelihood,
            influence: times(&inverse, &g),
        });
        let mut moments = Self {
            votes: total,
            cells: cells.collect(),
            raw: times(&inverse, &shown),
            within: Vec::new(),
            faces,
            shown,
            rates,
        };
        moments.within = (0..classes).map(|class| moments.within(class)).collect();
        Some(moments)
    }

    pub(super) fn estimate(&self, method: Method) -> Option<Vec<Share>> {
        let shares = match method {
            Method::Emq => self.within_reach(),
            Method::Acc | Method::Pacc => solve_rates(&self.rates, &self.shown)?,
        };
        Some((0..shares.len()).map(|k| self.share(k, &shares)).collect())
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
        most_likely((&self.raw, &self.covariance(&start)), None).map_or(start, |best| best.shares)
    }

    /// Of the raw shares were the true ones those given, times the votes.
    pub(super) fn covariance(&self, shares: &[f64]) -> Matrix {
        let classes = shares.len();
        let mut sum = vec![vec![0.0; classes]; classes];
        for (class, within) in self.within.iter().enumerate() {
            let weight = self.weight(class, shares) * self.votes;
            sum.iter_mut()
                .zip(within)
                .for_each(|(row, within)| add(row, within, weight));
        }
        for (k, row) in sum.iter_mut().enumerate() {
            for (l, entry) in row.iter_mut().enumerate() {
                *entry -= shares[k] * shares[l];
            }
            // Of classes that are never confused nothing varies at a share of 0: the least keeps an inverse.
            row[k] += shares[k] + VARIANCE_MIN;
        }
        sum
    }

    /// How much the variance within a class counts: faces of the window and of the calibration.
    pub(super) fn weight(&self, class: usize, shares: &[f64]) -> f64 {
        shares[class] / self.votes + shares[class] * shares[class] / self.faces[class]
    }

    /// Share k with its interval.
    fn share(&self, k: usize, shares: &[f64]) -> Share {
        let share = shares[k].clamp(0.0, 1.0);
        let (low, high) = interval(self, k, shares);
        // A share of 0 or 1 has no binomial variance to compare with.
        let inner = share.clamp(0.5 / self.votes, 1.0 - 0.5 / self.votes);
        let variance = self.covariance(&with_share(shares, k, inner))[k][k] / self.votes;
        Share {
            share,
            low: low.min(share),
            high: high.max(share),
            effective_n: inner * (1.0 - inner) / variance,
        }
    }
}

/// The mean of g in each true class, from each cell's likelihoods and g.
fn rates(seen: &[(usize, Vec<f64>, Vec<f64>)], classes: usize) -> Matrix {
    let mut rates = vec![vec![0.0; classes]; classes];
    for (_, likelihood, g) in seen {
        for (row, g) in rates.iter_mut().zip(g) {
            add(row, likelihood, *g);
        }
    }
    rates
}

/// The shares if that of class k were `share`, and the others kept their proportions.
pub(super) fn with_share(shares: &[f64], k: usize, share: f64) -> Vec<f64> {
    let rest = 1.0 - shares[k];
    let even = 1.0 / (shares.len() - 1) as f64;
    let proportion = |other: f64| if rest > 1e-9 { other / rest } else { even };
    let mut all: Vec<f64> = shares
        .iter()
        .map(|&other| proportion(other) * (1.0 - share))
        .collect();
    all[k] = share;
    all
}

/// g of each cell.
struct Statistic<'a> {
    calibration: &'a Calibration,
    method: Method,
    prior: Vec<f64>,
    /// The shares at which the score is taken.
    at: Vec<f64>,
}

impl<'a> Statistic<'a> {
    fn new(calibration: &'a Calibration, counts: &[f64], method: Method) -> Self {
        let prior = calibration.prior();
        let mut statistic = Self {
            calibration,
            method,
            at: prior.clone(),
            prior,
        };
        if method == Method::Emq {
            let total: f64 = counts.iter().sum();
            let rows: Vec<(f64, Vec<f64>)> = occupied(counts)
                .map(|(cell, n)| (n / total, statistic.ratios(cell)))
                .collect();
            let shares = maximise(&statistic.prior, &rows, (0.0, ROUNDS));
            let even = DRAWN / shares.len() as f64;
            statistic.at = shares.iter().map(|s| (1.0 - DRAWN) * s + even).collect();
        }
        statistic
    }

    /// How much likelier the cell is in each class than overall.
    fn ratios(&self, cell: usize) -> Vec<f64> {
        let posterior = self.calibration.posterior(cell);
        posterior
            .iter()
            .zip(&self.prior)
            .map(|(p, q)| p / q)
            .collect()
    }

    /// The mean of g over votes.
    fn shown(&self, counts: &[f64]) -> Vec<f64> {
        let total: f64 = counts.iter().sum();
        let mut shown = vec![0.0; self.prior.len()];
        for (cell, n) in occupied(counts) {
            add(&mut shown, &self.of(cell), n / total);
        }
        shown
    }

    /// Of PACC the mean in the cell: what is left out is how faces of one cell differ, which is little beside how cells
    /// do. So it serves for the covariance only.
    fn of(&self, cell: usize) -> Vec<f64> {
        match self.method {
            Method::Pacc => self.calibration.mean_posterior(cell),
            Method::Acc => {
                let mut g = vec![0.0; self.prior.len()];
                g[self.calibration.grid().predicted(cell)] = 1.0;
                g
            }
            Method::Emq => {
                let mut g = self.ratios(cell);
                let sum = super::linear::dot(&g, &self.at);
                g.iter_mut().for_each(|ratio| *ratio /= sum);
                g
            }
        }
    }
}

fn add(sum: &mut [f64], more: &[f64], scale: f64) {
    sum.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more * scale);
}

/// Without negative shares, summing to 1.
fn normalised(shares: &[f64]) -> Vec<f64> {
    let positive: Vec<f64> = shares.iter().map(|share| share.max(0.0)).collect();
    let sum: f64 = positive.iter().sum();
    positive.iter().map(|share| share / sum).collect()
}

#[cfg(test)]
#[path = "adjust_tests.rs"]
mod tests;
