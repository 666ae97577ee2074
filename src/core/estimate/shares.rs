//! Shares with their 95 % intervals, from votes by cell.
//!
//! ACC takes the predicted label for what a face shows, PACC the posterior itself, whose mean is known exactly on both
//! sides. The default, "score", takes the score of the mixture likelihood at EMQ's shares: the choice with the least
//! variance where the posteriors are right, and still unbiased where they are not. It is a one-step estimator (Le Cam
//! 1956): EMQ is where it begins, not what it answers.

use super::{
    Calibration, CellVotes, Method, interval::interval, moments::Moments, possible::with_share,
    simplex::solve_rates,
};

/// An interval wider than this says nothing.
const WIDTH_MAX: f64 = 0.5;

/// The estimated share of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The estimate.
    pub share: f64,
    /// The 95 % interval; holds the share.
    pub low: f64,
    /// Its upper end.
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
    from_moments(&Moments::new(calibration, votes, method)?, method)
}

/// The same from moments that are known.
pub(super) fn from_moments(moments: &Moments, method: Method) -> Option<Vec<Share>> {
    let shares = match method {
        Method::Score => moments.probable(),
        Method::Acc | Method::Pacc => solve_rates(&moments.rates, &moments.shown)?,
    };
    let shares_of = (0..shares.len()).map(|k| share(moments, k, &shares));
    Some(shares_of.collect())
}

/// Share k with its interval.
fn share(moments: &Moments, k: usize, shares: &[f64]) -> Share {
    let share = shares[k].clamp(0.0, 1.0);
    let (low, high) = interval(moments, k, shares);
    // A share of 0 or 1 has no binomial variance to compare with.
    let least = (0.5 / moments.independent()).min(0.5);
    let inner = share.clamp(least, 1.0 - least);
    let variance = moments.covariance(&with_share(shares, k, inner))[k][k] / moments.votes;
    Share {
        share,
        low: low.min(share),
        high: high.max(share),
        effective_n: inner * (1.0 - inner) / variance,
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
