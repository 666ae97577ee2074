//! What an interval promises, on populations whose true shares are known.

use super::*;
use crate::estimate::{
    CellCounts, CellVotes, Crops, naive, quantise, shift_p,
    world::{World, vote},
};

const TRUTH: [f64; 4] = [0.6, 0.25, 0.1, 0.05];

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let mut world = World::new(4, 7);
    for (faces, method) in [
        (50, Method::Score),
        (1000, Method::Score),
        (1000, Method::Pacc),
    ] {
        let draws = 300;
        let mut held = [0; 4];
        for _ in 0..draws {
            let calibration = world.calibration(&[250, 120, 90, 60]);
            let counts = world.window(&TRUTH, faces);
            let shares = estimate(&calibration, &counts, method).unwrap();
            for (k, share) in shares.iter().enumerate() {
                held[k] += u32::from(share.low <= TRUTH[k] && TRUTH[k] <= share.high);
            }
        }
        for held in held {
            let coverage = f64::from(held) / f64::from(draws);
            // 95 % and three standard errors of 300 draws.
            assert!(
                (0.912..=0.988).contains(&coverage),
                "{faces} faces, {method:?}: {coverage}"
            );
        }
    }
}

#[test]
fn corrected_shares_are_nearer_the_truth_than_counting() {
    let mut world = World::new(4, 8);
    let calibration = world.calibration(&[600, 600, 600, 600]);
    let counts = world.window(&TRUTH, 5000);
    let shares = estimate(&calibration, &counts, Method::Score).unwrap();
    let tvd = |shares: &[f64]| -> f64 {
        let gaps = shares.iter().zip(&TRUTH).map(|(a, b)| (a - b).abs());
        gaps.sum::<f64>() / 2.0
    };
    let corrected: Vec<f64> = shares.iter().map(|share| share.share).collect();
    let counted = naive(calibration.grid(), &counts.counts).unwrap();
    assert!(tvd(&corrected) < 0.03, "{corrected:?}");
    assert!(
        tvd(&corrected) * 2.0 < tvd(&counted),
        "{corrected:?} {counted:?}"
    );
}

#[test]
fn shares_sum_to_one_and_lie_in_their_intervals_at_the_edges_too() {
    let mut world = World::new(4, 9);
    let calibration = world.calibration(&[100, 100, 100, 100]);
    for shares in [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]] {
        for faces in [1, 3, 40, 400] {
            let counts = world.window(&shares, faces);
            for method in Method::ALL {
                let found = estimate(&calibration, &counts, method).unwrap();
                let sum: f64 = found.iter().map(|share| share.share).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{found:?}");
                for share in found {
                    assert!(0.0 <= share.low && share.low <= share.share, "{share:?}");
                    assert!(share.share <= share.high && share.high <= 1.0, "{share:?}");
                    assert!(share.effective_n > 0.0 && share.effective_n.is_finite());
                }
            }
        }
    }
}

#[test]
fn no_face_and_a_blind_model_give_nothing_and_few_faces_are_insufficient() {
    let mut world = World::new(2, 10);
    let calibration = world.calibration(&[100, 100]);
    let none = CellVotes::new(calibration.grid());
    assert_eq!(estimate(&calibration, &none, Method::Score), None);
    let counts = world.window(&[0.5, 0.5], 4);
    let shares = estimate(&calibration, &counts, Method::Score).unwrap();
    assert!(!shares[0].is_sufficient(), "{shares:?}");
    let blind = Calibration::new(
        &calibration.labels,
        (0..100).map(|n| (n % 2, &[0.7f32, 0.3][..])),
    );
    assert_eq!(estimate(&blind.unwrap(), &counts, Method::Acc), None);
}

/// Five crops of each person that are alike.
#[test]
fn the_votes_of_one_person_say_no_more_than_one() {
    let mut world = World::new(4, 12);
    let calibration = world.calibration(&[250, 120, 90, 60]);
    let grid = calibration.grid();
    let (mut once, mut often) = (CellCounts::default(), CellCounts::default());
    for n in 0..300 {
        let posterior = world.posterior([0, 0, 0, 1, 1, 2, 3][n % 7]);
        vote(&mut once, grid, &posterior);
        (0..5).for_each(|_| vote(&mut often, grid, &posterior));
    }
    often.repeat_alike(500);
    let [once, often] = [once, often].map(|votes| votes.dense(grid).unwrap());
    for method in Method::ALL {
        let estimated = |votes| estimate(&calibration, votes, method).unwrap();
        for (one, five) in estimated(&once).iter().zip(estimated(&often)) {
            for (one, five) in [
                (one.share, five.share),
                (one.low, five.low),
                (one.high, five.high),
                (one.effective_n / 1e4, five.effective_n / 1e4),
            ] {
                assert!((one - five).abs() < 1e-4, "{method:?}: {one} {five}");
            }
        }
    }
    let [once, often] = [once, often].map(|votes| shift_p(&calibration, &votes).unwrap());
    assert!((once - often).abs() < 1e-6, "{once} {often}");
}

/// A person's crops of one class that are as different as other people's say more than one crop, and no more than as many
/// people do.
#[test]
fn crops_that_differ_narrow_the_interval_of_a_track() {
    let mut world = World::new(4, 13);
    let calibration = world.calibration(&[2_500, 1_200, 900, 600]);
    let grid = calibration.grid();
    let (mut alike, mut differ) = (CellCounts::default(), CellCounts::default());
    for n in 0..400 {
        let class = [0, 0, 0, 1, 1, 2, 3][n % 7];
        let mut track = std::collections::BTreeMap::<u32, Crops>::new();
        for _ in 0..10 {
            let posterior = world.posterior(class);
            let crops = track.entry(grid.cell(&posterior) as u32).or_default();
            crops.add(&quantise(&posterior));
        }
        differ.vote(&track);
        vote(&mut alike, grid, &world.posterior(class));
    }
    let width = |votes: &CellCounts| {
        let shares = estimate(&calibration, &votes.dense(grid).unwrap(), Method::Score).unwrap();
        shares[0].high - shares[0].low
    };
    let ratio = width(&differ) / width(&alike);
    // The draw of people is left: its part of the variance is above a half.
    assert!((0.70..0.92).contains(&ratio), "{ratio}");
}

#[test]
fn no_interval_is_empty_however_far_off_the_answers_are() {
    let mut world = World::new(4, 11);
    let calibration = world.calibration(&[250, 120, 90, 60]);
    let mut counts = CellVotes::new(calibration.grid());
    // Surer of one class than any faces of the calibration were.
    counts.counts[calibration.grid().cell(&[0.999, 0.0006, 0.0003, 0.0001])] = 5000.0;
    for share in estimate(&calibration, &counts, Method::Score).unwrap() {
        assert!(share.high - share.low > 1e-3, "{share:?}");
    }
}
