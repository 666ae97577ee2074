//! The most likely shares against every choice of zeros.

use proptest::prelude::*;

use super::*;

/// Of four raw shares, which sum to 1 whatever they are.
fn covariance(roots: &[f64]) -> Matrix {
    let classes = 4;
    let centred: Vec<Vec<f64>> = roots
        .chunks(classes)
        .map(|row| {
            let mean = row.iter().sum::<f64>() / classes as f64;
            row.iter().map(|x| x - mean).collect()
        })
        .collect();
    let entry = |i: usize, j: usize| centred.iter().map(|row| row[i] * row[j]).sum::<f64>();
    (0..classes)
        .map(|i| (0..classes).map(|j| entry(i, j)).collect())
        .collect()
}

/// The least misfit of all choices of further zeros that leave no share negative.
fn least_misfit(normal: Normal<'_>, held: Option<Held>) -> f64 {
    let classes = normal.mean.len();
    let mut least = f64::INFINITY;
    for choice in 0u32..(1 << classes) {
        let mut all: Vec<Held> = held.into_iter().collect();
        let zeros = (0..classes).filter(|&k| choice >> k & 1 == 1);
        all.extend(
            zeros
                .filter(|&k| held.is_none_or(|held| held.class != k))
                .map(|class| Held { class, share: 0.0 }),
        );
        if all.len() < classes {
            let fit = normal.conditional(&all).unwrap();
            if fit.shares.iter().all(|&share| share >= -1e-9) {
                least = least.min(fit.misfit);
            }
        }
    }
    least
}

proptest! {
    #[test]
    fn the_most_likely_shares_are_possible_and_the_best_choice_of_zeros(
        roots in prop::collection::vec(-1.0f64..1.0, 24),
        wide in prop::collection::vec(-0.2f64..0.6, 3),
        t in 0.0f64..1.0,
    ) {
        let mut raw = wide.clone();
        raw.push(1.0 - wide.iter().sum::<f64>());
        let covariance = covariance(&roots);
        let normal = Normal { mean: &raw, covariance: &covariance };
        for held in [None, Some(Held { class: 0, share: t })] {
            let fit = normal.most_likely(held).unwrap();
            prop_assert!((fit.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(fit.shares.iter().all(|&share| share >= 0.0));
            let least = least_misfit(normal, held);
            prop_assert!(fit.misfit <= least * (1.0 + 1e-6) + 1e-9, "{} {least}", fit.misfit);
        }
    }
}

proptest! {
    #[test]
    fn no_shares_nearby_are_more_probable(
        roots in prop::collection::vec(-1.0f64..1.0, 24),
        wide in prop::collection::vec(-0.2f64..0.6, 3),
        votes in 1.0f64..2000.0,
    ) {
        let mut raw = wide.clone();
        raw.push(1.0 - wide.iter().sum::<f64>());
        let covariance = covariance(&roots);
        let normal = Normal { mean: &raw, covariance: &covariance };
        let found = normal.most_probable(votes, &normalised(&raw)).unwrap();
        prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let precision = inverse(&part(&covariance, &[0, 1, 2], &[0, 1, 2])).unwrap();
        let surprise = |shares: &[f64]| {
            let gap: Vec<f64> = (0..3).map(|k| shares[k] - raw[k]).collect();
            let misfit = votes * dot(&gap, &times(&precision, &gap)) / 2.0;
            misfit - PRIOR_VOTES * shares.iter().map(|share| share.ln()).sum::<f64>()
        };
        let least = surprise(&found);
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)] {
            let mut other = found.clone();
            let step = 1e-3 * other[from];
            other[from] -= step;
            other[to] += step;
            prop_assert!(surprise(&other) >= least - 1e-9 * least.abs(), "{found:?} {from} {to}");
        }
    }
}
