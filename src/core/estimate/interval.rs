//! The 95 % interval of a share: what it could be without the estimate being a surprise.
//!
//! The raw shares are nearly normal, and their covariance is known at any hypothetical shares. A share t of a class is
//! ruled out if the best shares of which it is part fit worse than the best without it by more than chance allows: the
//! profile likelihood ratio, with no share below 0 on either side. Where no other share comes near 0 this is
//! (raw - t)² <= z² variance(t), Wilson's interval; where some do, what they cannot be narrows it.

use super::{
    adjust::{Moments, with_share},
    linear::{Matrix, dot, inverse, part, times},
};

/// The square of the normal quantile of 97.5 %.
const Z_SQUARED: f64 = 1.959_963_984_540_054 * 1.959_963_984_540_054;
/// The most that raw shares count as outside of what is possible, as a square of standard errors: further out they say
/// no more, else a misfit would leave nothing within [0, 1].
const MISFIT_MAX: f64 = 1.0;
/// Below 0 by so little is rounding.
const ROUNDED: f64 = 1e-9;
/// Each class is held and set free once or twice.
const ROUNDS_A_CLASS: usize = 4;
/// Halvings of the distance to an end: to 1e-6.
const HALVINGS: usize = 20;

/// Shares, and how far they are from the raw ones.
pub(super) struct Fit {
    pub(super) shares: Vec<f64>,
    /// Squared, by their covariance.
    misfit: f64,
    /// How much less it would be, a share more of each one held.
    pull: Vec<f64>,
}

/// The possible shares that are most likely, were the raw ones normal with this covariance, among those with the share
/// `held`: a quadratic program by its active set, in which the most negative share becomes 0 and is set free again where
/// that fits better. `None` where the covariance has no inverse.
pub(super) fn most_likely(
    (raw, covariance): (&[f64], &Matrix),
    held: Option<(usize, f64)>,
) -> Option<Fit> {
    let fixed = usize::from(held.is_some());
    let mut held: Vec<(usize, f64)> = held.into_iter().collect();
    let mut fit = conditional((raw, covariance), &held)?;
    for _ in 0..ROUNDS_A_CLASS * raw.len() {
        let free = (0..raw.len()).filter(|k| held.iter().all(|(h, _)| h != k));
        let lowest = free.min_by(|&a, &b| fit.shares[a].total_cmp(&fit.shares[b]));
        let pulled = (fixed..held.len()).max_by(|&a, &b| fit.pull[a].total_cmp(&fit.pull[b]));
        // The last class has what the others leave.
        match (lowest, pulled) {
            (Some(k), _) if fit.shares[k] < -ROUNDED && held.len() + 1 < raw.len() => {
                held.push((k, 0.0));
            }
            (_, Some(place)) if fit.pull[place] > ROUNDED => {
                held.remove(place);
            }
            _ => break,
        }
        fit = conditional((raw, covariance), &held)?;
    }
    fit.shares.iter_mut().for_each(|s| *s = s.max(0.0));
    let sum: f64 = fit.shares.iter().sum();
    fit.shares.iter_mut().for_each(|s| *s /= sum);
    Some(fit)
}

/// What the raw shares become if some are known: the mean of a normal distribution, given some of its parts.
fn conditional((raw, covariance): (&[f64], &Matrix), held: &[(usize, f64)]) -> Option<Fit> {
    let places: Vec<usize> = held.iter().map(|&(k, _)| k).collect();
    let excess: Vec<f64> = held.iter().map(|&(k, share)| raw[k] - share).collect();
    let pull = times(&inverse(&part(covariance, &places, &places))?, &excess);
    let moved = |(k, &raw): (usize, &f64)| {
        let with = places.iter().map(|&h| covariance[k][h]);
        raw - with.zip(&pull).map(|(c, p)| c * p).sum::<f64>()
    };
    let mut shares: Vec<f64> = raw.iter().enumerate().map(moved).collect();
    held.iter().for_each(|&(k, share)| shares[k] = share);
    Some(Fit {
        shares,
        misfit: dot(&excess, &pull),
        pull,
    })
}

/// The ends for class k; `shares` are those estimated.
pub(super) fn interval(moments: &Moments, k: usize, shares: &[f64]) -> (f64, f64) {
    let end = |beyond: f64| {
        let (mut inside, mut outside) = (shares[k].clamp(0.0, 1.0), beyond);
        if holds(moments, (k, outside), shares) {
            return outside;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if holds(moments, (k, middle), shares) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        outside
    };
    (end(0.0), end(1.0))
}

/// Whether chance explains the raw shares if that of class k is t; the covariance is that of t, the other classes in
/// their estimated proportions. Without an inverse nothing is ruled out.
fn holds(moments: &Moments, (k, t): (usize, f64), shares: &[f64]) -> bool {
    let covariance = moments.covariance(&with_share(shares, k, t));
    let Some(best) = most_likely((&moments.raw, &covariance), None) else {
        return true;
    };
    let misfit = best.misfit * moments.votes;
    let scale = (MISFIT_MAX / misfit).sqrt().min(1.0);
    let gaps = moments.raw.iter().zip(&best.shares);
    let raw: Vec<f64> = gaps.map(|(raw, s)| s + (raw - s) * scale).collect();
    most_likely((&raw, &covariance), Some((k, t)))
        .is_none_or(|fit| fit.misfit * moments.votes - misfit.min(MISFIT_MAX) <= Z_SQUARED)
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
