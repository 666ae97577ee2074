//! Possible shares: none is below 0, and they sum to 1. Which are the most likely, where the raw ones were estimated
//! without these limits.

use super::linear::{Matrix, add, dot, inverse, part, times};

/// Below 0 by so little is rounding.
const ROUNDED: f64 = 1e-9;
/// Half a vote for each class: what Jeffreys' prior adds to counts.
const PRIOR_VOTES: f64 = 0.5;
/// Steps towards the most probable shares; few are needed.
const STEPS: usize = 50;
/// A step this small is the last.
const STEP_MIN: f64 = 1e-7;
/// Of the way to a share of 0, which no step may reach.
const STEP_MAX: f64 = 0.9;
/// Each class is held and set free once or twice.
const ROUNDS_A_CLASS: usize = 4;

/// A normal distribution of raw shares, which sum to 1.
#[derive(Clone, Copy)]
pub(super) struct Normal<'a> {
    pub(super) mean: &'a [f64],
    pub(super) covariance: &'a Matrix,
}

/// A class whose share is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) class: usize,
    pub(super) share: f64,
}

/// Shares, and how far they are from the raw ones.
pub(super) struct Fit {
    pub(super) shares: Vec<f64>,
    /// Squared, by their covariance.
    pub(super) misfit: f64,
    /// How much less it would be, a share more of each one held.
    pull: Vec<f64>,
}

impl Normal<'_> {
    /// The possible shares that are most likely, among those with the share `held`: a quadratic program by its active
    /// set, in which the most negative share becomes 0 and is set free again where that fits better. `None` where the
    /// covariance has no inverse.
    pub(super) fn most_likely(self, held: Option<Held>) -> Option<Fit> {
        let classes = self.mean.len();
        let fixed = usize::from(held.is_some());
        let mut held: Vec<Held> = held.into_iter().collect();
        let mut fit = self.conditional(&held)?;
        for _ in 0..ROUNDS_A_CLASS * classes {
            let free = (0..classes).filter(|&k| held.iter().all(|held| held.class != k));
            let lowest = free.min_by(|&a, &b| fit.shares[a].total_cmp(&fit.shares[b]));
            let pulled = (fixed..held.len()).max_by(|&a, &b| fit.pull[a].total_cmp(&fit.pull[b]));
            // The last class has what the others leave.
            match (lowest, pulled) {
                (Some(class), _) if fit.shares[class] < -ROUNDED && held.len() + 1 < classes => {
                    held.push(Held { class, share: 0.0 });
                }
                (_, Some(place)) if fit.pull[place] > ROUNDED => {
                    held.remove(place);
                }
                _ => break,
            }
            fit = self.conditional(&held)?;
        }
        fit.shares = normalised(&fit.shares);
        Some(fit)
    }

    /// The most probable shares if half a vote for each class was seen before: where the raw ones are known well, this is
    /// next to nothing; where they are not, they are drawn towards each other instead of to 0. `covariance` is that of
    /// one vote. Newton's method on a convex function, from shares between `start` and equal ones. `None` where the
    /// covariance has no inverse.
    pub(super) fn most_probable(self, votes: f64, start: &[f64]) -> Option<Vec<f64>> {
        let classes = start.len();
        let even = 1.0 / classes as f64;
        // The last share is what the others leave.
        let free: Vec<usize> = (0..classes - 1).collect();
        let precision = inverse(&part(self.covariance, &free, &free))?;
        let mut shares: Vec<f64> = start.iter().map(|s| f64::midpoint(*s, even)).collect();
        for _ in 0..STEPS {
            let gap: Vec<f64> = free.iter().map(|&k| shares[k] - self.mean[k]).collect();
            let last = shares[classes - 1];
            let mut slope = times(&precision, &gap);
            let mut curvature = precision.clone();
            for &k in &free {
                slope[k] = votes * slope[k] - PRIOR_VOTES / shares[k] + PRIOR_VOTES / last;
                curvature[k].iter_mut().for_each(|entry| {
                    *entry = votes * *entry + PRIOR_VOTES / (last * last);
                });
                curvature[k][k] += PRIOR_VOTES / (shares[k] * shares[k]);
            }
            let mut step = times(&inverse(&curvature)?, &slope);
            step.push(-step.iter().sum::<f64>());
            let falls = shares.iter().zip(&step).filter(|(_, down)| **down > 0.0);
            let reach = falls.map(|(share, down)| STEP_MAX * share / down);
            let length = reach.fold(1.0, f64::min);
            add(&mut shares, &step, -length);
            if length == 1.0 && step.iter().all(|step| step.abs() < STEP_MIN) {
                break;
            }
        }
        Some(normalised(&shares))
    }

    /// What the raw shares become if some are known: the mean of a normal distribution, given some of its parts.
    fn conditional(self, held: &[Held]) -> Option<Fit> {
        let (raw, covariance) = (self.mean, self.covariance);
        let places: Vec<usize> = held.iter().map(|held| held.class).collect();
        let excess: Vec<f64> = held
            .iter()
            .map(|held| raw[held.class] - held.share)
            .collect();
        let pull = times(&inverse(&part(covariance, &places, &places))?, &excess);
        let moved = |(k, &raw): (usize, &f64)| {
            let with = places.iter().map(|&h| covariance[k][h]);
            raw - with.zip(&pull).map(|(c, p)| c * p).sum::<f64>()
        };
        let mut shares: Vec<f64> = raw.iter().enumerate().map(moved).collect();
        held.iter().for_each(|held| shares[held.class] = held.share);
        Some(Fit {
            shares,
            misfit: dot(&excess, &pull),
            pull,
        })
    }
}

/// Without negative shares, summing to 1.
pub(super) fn normalised(shares: &[f64]) -> Vec<f64> {
    let positive: Vec<f64> = shares.iter().map(|share| share.max(0.0)).collect();
    let sum: f64 = positive.iter().sum();
    positive.iter().map(|share| share / sum).collect()
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

#[cfg(test)]
#[path = "possible_tests.rs"]
mod tests;
