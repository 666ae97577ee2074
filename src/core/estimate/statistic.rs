//! g: the few numbers that a face shows, chosen by the method. It depends on the face's cell alone.

use super::{
    Calibration, Method,
    em::{maximise, occupied},
    linear::{add, dot},
};

/// How far EMQ's shares are drawn towards equal ones before they choose the score, which has no value at 0.
const DRAWN: f64 = 0.05;
/// Rounds of EMQ for that; a better start would change g, not what is estimated.
const ROUNDS: usize = 30;

/// g of each cell.
pub(super) struct Statistic<'a> {
    calibration: &'a Calibration,
    method: Method,
    prior: Vec<f64>,
    /// The shares at which the score is taken.
    at: Vec<f64>,
}

impl<'a> Statistic<'a> {
    pub(super) fn new(calibration: &'a Calibration, counts: &[f64], method: Method) -> Self {
        let prior = calibration.prior();
        let mut statistic = Self {
            calibration,
            method,
            at: prior.clone(),
            prior,
        };
        if method == Method::Score {
            let total: f64 = counts.iter().sum();
            let rows: Vec<(f64, Vec<f64>)> = occupied(counts)
                .map(|(cell, n)| (n / total, statistic.ratios(cell)))
                .collect();
            let shares = maximise(&statistic.prior, &rows, 0.0, ROUNDS);
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
    pub(super) fn shown(&self, counts: &[f64]) -> Vec<f64> {
        let total: f64 = counts.iter().sum();
        let mut shown = vec![0.0; self.prior.len()];
        for (cell, n) in occupied(counts) {
            add(&mut shown, &self.of(cell), n / total);
        }
        shown
    }

    /// Of PACC the mean in the cell: what is left out is how faces of one cell differ, which is little beside how cells
    /// do. So it serves for the covariance only.
    pub(super) fn of(&self, cell: usize) -> Vec<f64> {
        match self.method {
            Method::Pacc => self.calibration.mean_posterior(cell),
            Method::Acc => {
                let mut g = vec![0.0; self.prior.len()];
                g[self.calibration.grid().predicted(cell)] = 1.0;
                g
            }
            Method::Score => {
                let mut g = self.ratios(cell);
                let sum = dot(&g, &self.at);
                g.iter_mut().for_each(|ratio| *ratio /= sum);
                g
            }
        }
    }
}
