//! Intervals against Wilson's closed form, and the most likely shares against every choice of zeros.

use proptest::prelude::*;

use super::{super::wilson::Rate, *};
use crate::estimate::{Calibration, CellVotes, Method, Share, estimate};

/// Never errs: class k is answered with certainty.
fn perfect(classes: usize, class: usize) -> Vec<f32> {
    let mut posterior = vec![0.0; classes];
    posterior[class] = 1.0;
    posterior
}

fn of_a_perfect_model(seen: &[usize]) -> Vec<Share> {
    let classes = seen.len();
    let labels: Vec<String> = (0..classes).map(|k| k.to_string()).collect();
    let known: Vec<(usize, Vec<f32>)> = (0..classes * 20)
        .map(|n| (n % classes, perfect(classes, n % classes)))
        .collect();
    let faces = known.iter().map(|(k, posterior)| (*k, &posterior[..]));
    let calibration = Calibration::new(&labels, faces).unwrap();
    let mut votes = CellVotes::new(calibration.grid());
    for (class, &n) in seen.iter().enumerate() {
        votes.counts[calibration.grid().cell(&perfect(classes, class))] += n as f64;
    }
    estimate(&calibration, &votes, Method::Acc).unwrap()
}

#[test]
fn with_a_model_that_never_errs_it_is_wilsons() {
    for seen in [&[3, 37][..], &[0, 12], &[5, 5, 40], &[200, 20, 100, 3]] {
        let votes: usize = seen.iter().sum();
        for (share, &hits) in of_a_perfect_model(seen).iter().zip(seen) {
            let wilson = Rate::of(hits, votes).unwrap();
            assert!((share.share - wilson.share).abs() < 1e-6, "{share:?}");
            assert!(
                (share.low - wilson.low).abs() < 1e-4,
                "{share:?} {wilson:?}"
            );
            assert!(
                (share.high - wilson.high).abs() < 1e-4,
                "{share:?} {wilson:?}"
            );
        }
    }
}

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
fn least_misfit(normal: (&[f64], &Matrix), held: Option<(usize, f64)>) -> f64 {
    let classes = normal.0.len();
    let mut least = f64::INFINITY;
    for choice in 0u32..(1 << classes) {
        let mut all: Vec<(usize, f64)> = held.into_iter().collect();
        let zeros = (0..classes).filter(|&k| choice >> k & 1 == 1);
        all.extend(
            zeros
                .filter(|&k| held.is_none_or(|(h, _)| h != k))
                .map(|k| (k, 0.0)),
        );
        if all.len() < classes {
            let fit = conditional(normal, &all).unwrap();
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
        for held in [None, Some((0, t))] {
            let fit = most_likely((&raw, &covariance), held).unwrap();
            prop_assert!((fit.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(fit.shares.iter().all(|&share| share >= 0.0));
            let least = least_misfit((&raw, &covariance), held);
            prop_assert!(fit.misfit <= least * (1.0 + 1e-6) + 1e-9, "{} {least}", fit.misfit);
        }
    }
}
