//! Intervals against Wilson's closed form.

use crate::estimate::{Calibration, CellVotes, Method, Rate, Share, estimate};

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
