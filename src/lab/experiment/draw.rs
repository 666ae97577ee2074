//! What trials draw at random: shares, and the class of a face.

use rand::{RngExt, rngs::StdRng};

/// A class, each as likely as its share.
pub(super) fn class(rng: &mut StdRng, shares: &[f64]) -> usize {
    let mut left = rng.random::<f64>();
    let found = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    found.unwrap_or(shares.len() - 1)
}

/// Shares of so many classes, all equally likely: exponential variables over their sum (Dirichlet(1)).
pub(super) fn shares(rng: &mut StdRng, classes: usize) -> Vec<f64> {
    let draw = |_| -(1.0 - rng.random::<f64>()).ln();
    let weights: Vec<f64> = (0..classes).map(draw).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn classes_come_as_often_as_their_shares_and_shares_sum_to_one() {
        let mut rng = StdRng::seed_from_u64(3);
        let wanted = shares(&mut rng, 4);
        assert!((wanted.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mut found = [0; 4];
        for _ in 0..40_000 {
            found[class(&mut rng, &wanted)] += 1;
        }
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert!((f64::from(found) / 40_000.0 - wanted).abs() < 0.01);
        }
    }
}
