//! The 95 % interval of a share: what it could be without the estimate being a surprise.
//!
//! The raw shares are nearly normal, and their covariance is known at any hypothetical shares. A share t of a class is
//! ruled out if the best fit with this share is worse than the best fit without that condition, by more than chance
//! allows: the profile likelihood ratio, with no share below 0 on either side. Where no other share comes near 0 this is
//! (raw - t)² <= z² variance(t), Wilson's interval; where some do, what they cannot be narrows it.

use super::{
    moments::Moments,
    possible::{Held, Normal, with_share},
};

/// The square of the normal quantile of 97.5 %.
const Z_SQUARED: f64 = 1.959_963_984_540_054 * 1.959_963_984_540_054;
/// The most that raw shares count as outside of what is possible, as a square of standard errors: further out they say
/// no more, else a misfit would leave nothing within [0, 1].
const MISFIT_MAX: f64 = 1.0;
/// Halvings of the distance to an end: to 1e-6.
const HALVINGS: usize = 20;

/// The ends for class k; `shares` are those estimated.
pub(super) fn interval(moments: &Moments, k: usize, shares: &[f64]) -> (f64, f64) {
    let at = |class, share| Held { class, share };
    let end = |beyond: f64| {
        let (mut inside, mut outside) = (shares[k].clamp(0.0, 1.0), beyond);
        if holds(moments, at(k, outside), shares) {
            return outside;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if holds(moments, at(k, middle), shares) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        outside
    };
    (end(0.0), end(1.0))
}

/// Whether chance explains the raw shares if one is what is held; the covariance is that of this share, the other
/// classes in their estimated proportions. Without an inverse nothing is ruled out.
fn holds(moments: &Moments, held: Held, shares: &[f64]) -> bool {
    let covariance = &moments.covariance(&with_share(shares, held.class, held.share));
    let normal = |mean| Normal { mean, covariance };
    let Some(best) = normal(&moments.raw).most_likely(None) else {
        return true;
    };
    let misfit = best.misfit * moments.votes;
    let scale = (MISFIT_MAX / misfit).sqrt().min(1.0);
    let gaps = moments.raw.iter().zip(&best.shares);
    let raw: Vec<f64> = gaps.map(|(raw, s)| s + (raw - s) * scale).collect();
    normal(&raw)
        .most_likely(Some(held))
        .is_none_or(|fit| fit.misfit * moments.votes - misfit.min(MISFIT_MAX) <= Z_SQUARED)
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
