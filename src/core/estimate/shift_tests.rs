//! The shift test against laws, closed forms, and a window that was counted by hand.

use proptest::prelude::*;

use super::*;
use crate::estimate::world::{World, pairs};

const FACES: [usize; 4] = [250, 120, 90, 60];
const TRUTH: [f64; 4] = [0.6, 0.25, 0.1, 0.05];

#[test]
fn a_calibration_fits_from_a_thousandth() {
    for (p, fits) in [
        (0.0, false),
        (0.000_999, false),
        (0.001, true),
        (0.02, true),
        (1.0, true),
    ] {
        assert_eq!(calibration_fits(p), fits, "{p}");
    }
}

#[test]
fn the_tail_of_chi_squared_is_the_tables() {
    for (freedom, x, p) in [
        (1.0, 3.841_459, 0.05),
        (5.0, 15.086_272, 0.01),
        (10.0, 9.341_818, 0.5),
    ] {
        let found = upper_gamma(freedom / 2.0, x / 2.0);
        assert!((found - p).abs() < 1e-6, "{freedom} {x}: {found}");
    }
    assert_eq!(upper_gamma(2.5, 0.0), 1.0);
}

proptest! {
    /// Of a whole number of degrees: exp(-x) times the first terms of its series. Far out, too, where p is small.
    #[test]
    fn the_incomplete_gamma_function_has_its_closed_form(a in 1u32..40, x in 0.01..200.0f64) {
        let terms = (1..a).scan(1.0, |term, k| {
            *term *= x / f64::from(k);
            Some(*term)
        });
        let exact = (1.0 + terms.sum::<f64>()) * (-x).exp();
        let found = upper_gamma(f64::from(a), x);
        prop_assert!((found - exact).abs() <= 1e-9 * exact, "{found} {exact}");
    }
}

/// The moments of a window, and its pools.
fn pooled(calibration: &Calibration, votes: &CellVotes) -> (Moments, Pools) {
    let moments = Moments::new(calibration, votes, Method::Score).unwrap();
    let pools = Pools::new(&moments, &moments.within_reach());
    (moments, pools)
}

fn assert_none_is_lost(pools: &Pools) {
    let of_all: f64 = pools.expected.iter().sum();
    assert!((of_all - 1.0).abs() < 1e-9, "{of_all}");
    for class in 0..pools.likelihood[0].len() {
        let of_class: f64 = pools.likelihood.iter().map(|row| row[class]).sum();
        assert!((of_class - 1.0).abs() < 1e-9, "{class}: {of_class}");
    }
}

#[test]
fn pools_hold_enough_independent_votes_and_lose_none() {
    let mut world = World::new(4, 21);
    for (faces, design_effect) in [(100, 1.0), (400, 1.0), (3000, 1.0), (300, 6.0)] {
        let calibration = world.calibration(&FACES);
        let mut votes = world.window(&TRUTH, faces);
        votes.design_effect = design_effect;
        let (moments, pools) = pooled(&calibration, &votes);
        for expected in &pools.expected {
            let independent = expected * faces as f64 / design_effect;
            assert!(
                independent >= EXPECTED_MIN * (1.0 - 1e-9),
                "{faces}: {independent}"
            );
        }
        assert_none_is_lost(&pools);
        // What the window shows more of in one pool, it shows less of in others.
        let gaps: f64 = pools.gaps(&moments, &votes.counts).iter().sum();
        assert!(gaps.abs() < 1e-9, "{gaps}");
    }
}

/// A class's faces at the given ratios of the first to the second class: one for each third of the nine bins.
fn faces(first: usize, each: usize) -> impl Iterator<Item = (usize, Vec<f32>)> {
    let posterior = move |ratio: f32| {
        let mut weights = [1.0, 1.0];
        weights[first] = ratio;
        let sum: f32 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    };
    [1.3, 4.0, 40.0]
        .into_iter()
        .flat_map(move |ratio| (0..each).map(move |_| (first, posterior(ratio))))
}

/// Two classes that are never confused, three grades of confidence: six pools where there are enough votes for six.
#[test]
fn neighbours_are_joined_until_five_faces_are_expected() {
    let known: Vec<_> = faces(0, 20).chain(faces(1, 20)).collect();
    let labels = ["a", "b"].map(String::from);
    let calibration = Calibration::new(&labels, pairs(&known)).unwrap();
    for (first, second, wanted) in [
        (10, 10, 6),
        (5, 5, 6),
        (4, 4, 3),
        (2, 2, 2),
        (1, 1, 1),
        // The three votes of the second class join the pool before them.
        (10, 1, 3),
    ] {
        let mut votes = CellVotes::new(calibration.grid());
        for (_, posterior) in faces(0, first).chain(faces(1, second)) {
            votes.counts[calibration.grid().cell(&posterior)] += 1.0;
        }
        let (_, pools) = pooled(&calibration, &votes);
        assert_eq!(pools.expected.len(), wanted, "{first}, {second} votes");
        assert_none_is_lost(&pools);
        // As many pools as classes leave nothing to test.
        let p = shift_p(&calibration, &votes);
        assert_eq!(p.is_some(), wanted > 2, "{first}, {second} votes");
    }
}

/// A window that is what the first class shows, with less than nothing of what the second one does: the raw shares explain
/// it wholly.
#[test]
fn a_share_below_nought_explains_what_it_explains() {
    let shown = [60, 25, 10, 5];
    let less = [30, 30, 25, 15];
    let posteriors = [[0.98, 0.02], [0.8, 0.2], [0.2, 0.8], [0.02, 0.98f32]];
    let mut known = Vec::new();
    for (class, faces) in [shown, less].into_iter().enumerate() {
        for (faces, posterior) in faces.into_iter().zip(&posteriors) {
            known.extend((0..faces).map(|_| (class, &posterior[..])));
        }
    }
    let labels = ["a", "b"].map(String::from);
    let calibration = Calibration::new(&labels, known.into_iter()).unwrap();
    let mut votes = CellVotes::new(calibration.grid());
    for ((more, less), posterior) in shown.into_iter().zip(less).zip(&posteriors) {
        let part = 1.1 * f64::from(more) - 0.1 * f64::from(less);
        votes.counts[calibration.grid().cell(posterior)] += 10.0 * part;
    }
    let moments = Moments::new(&calibration, &votes, Method::Score).unwrap();
    assert!((moments.raw[1] + 0.1).abs() < 1e-9, "{:?}", moments.raw);
    let p = shift_p(&calibration, &votes).unwrap();
    assert!(p > 0.999, "{p}");
}

/// The p-values of windows of a world in which only shares differ, each with a calibration of its own.
fn calm(seed: u64, shares: &[f64], faces: usize, windows: usize) -> Vec<f64> {
    let mut world = World::new(4, seed);
    let p = (0..windows).map(|_| {
        let calibration = world.calibration(&FACES);
        shift_p(&calibration, &world.window(shares, faces)).unwrap()
    });
    p.collect()
}

fn below(limit: f64, p: &[f64]) -> f64 {
    p.iter().filter(|p| **p < limit).count() as f64 / p.len() as f64
}

#[test]
fn it_stays_calm_when_only_shares_change_and_sees_other_faces() {
    let p = calm(11, &TRUTH, 1000, 200);
    assert!(below(0.05, &p) <= 0.10, "{}", below(0.05, &p));
    assert!(
        (0.35..=0.65).contains(&below(0.5, &p)),
        "{}",
        below(0.5, &p)
    );

    let mut world = World::new(4, 12);
    let calibration = world.calibration(&FACES);
    world.apart = 0.8;
    let blurred = shift_p(&calibration, &world.window(&TRUTH, 1000)).unwrap();
    assert!(blurred < 0.01, "{blurred}");
    assert_eq!(shift_p(&calibration, &world.window(&TRUTH, 5)), None);
}

/// Shares of nought are estimated below nought in half of the windows; p must stay as even as elsewhere.
#[test]
fn it_stays_calm_where_classes_are_absent() {
    let p = calm(22, &[0.7, 0.3, 0.0, 0.0], 600, 400);
    assert!(below(0.05, &p) <= 0.09, "{}", below(0.05, &p));
    assert!((0.4..=0.6).contains(&below(0.5, &p)), "{}", below(0.5, &p));
    assert!(p.iter().all(|p| calibration_fits(*p)), "a false alarm");
}
