//! A base adapted to a camera, in a simulated world whose truth is known.

use super::*;
use crate::estimate::{
    CalibrationFile, Share, estimate,
    world::{World, pairs},
};

const TRUTH: [f64; 4] = [0.4, 0.2, 0.15, 0.25];
const LOCAL: [usize; 4] = [80, 40, 30, 50];

fn tvd(shares: &[Share]) -> f64 {
    let gaps = shares.iter().zip(&TRUTH).map(|(a, b)| (a.share - b).abs());
    gaps.sum::<f64>() / 2.0
}

fn held(shares: &[Share], class: usize) -> bool {
    (shares[class].low..=shares[class].high).contains(&TRUTH[class])
}

#[test]
fn where_a_class_has_moved_few_faces_mend_the_shares_and_the_intervals() {
    let (mut errors, mut holds) = ([0.0; 2], [[0; 4]; 2]);
    let draws = 60;
    for seed in 0..draws {
        let mut world = World::new(4, seed);
        let base = world.calibration(&[250, 120, 90, 60]);
        world.moved = 1.5;
        let local = world.known(&LOCAL);
        let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
        let votes = world.window(&TRUTH, 1000);
        for (place, calibration) in [&base, &adapted].into_iter().enumerate() {
            let shares = estimate(calibration, &votes, Method::Score).unwrap();
            errors[place] += tvd(&shares);
            for (class, held_in) in holds[place].iter_mut().enumerate() {
                *held_in += i32::from(held(&shares, class));
            }
        }
    }
    assert!(errors[1] < 0.6 * errors[0], "{errors:?}");
    // 95 % and three standard errors are 52 of 60.
    assert!(holds[1].iter().all(|&n| n >= 52), "{holds:?}");
    assert!(holds[0].iter().any(|&n| n < 20), "{holds:?}");
}

#[test]
fn where_nothing_has_moved_the_base_counts_beside_the_few_faces() {
    let (mut worth, mut errors) = (0.0, [0.0; 2]);
    for seed in 0..40 {
        let mut world = World::new(4, 100 + seed);
        let base = world.calibration(&[250, 120, 90, 60]);
        let local = world.known(&[24, 12, 12, 12]);
        let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
        let alone = Calibration::new(&base.labels, pairs(&local)).unwrap();
        worth += adapted.effective_faces().iter().sum::<f64>();
        let votes = world.window(&TRUTH, 1000);
        for (error, calibration) in errors.iter_mut().zip([&adapted, &alone]) {
            *error += tvd(&estimate(calibration, &votes, Method::Score).unwrap());
        }
    }
    assert!(worth / 40.0 > 1.2 * 60.0, "{worth}");
    assert!(errors[0] < 0.9 * errors[1], "{errors:?}");
}

#[test]
fn a_class_that_moved_stands_for_few_faces_until_many_are_labelled() {
    let (mut widths, mut worth) = ([0.0; 2], [0.0; 2]);
    for seed in 0..8 {
        let mut world = World::new(4, 200 + seed);
        let base = world.calibration(&[250, 120, 90, 60]);
        world.moved = 1.5;
        let votes = world.window(&[0.1, 0.1, 0.1, 0.7], 1000);
        for (place, faces) in [6, 200].into_iter().enumerate() {
            let local = world.known(&[40, 20, 15, faces]);
            let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
            let shares = estimate(&adapted, &votes, Method::Score).unwrap();
            widths[place] += shares[3].high - shares[3].low;
            worth[place] += adapted.effective_faces()[3] / 8.0;
        }
    }
    assert!(worth[0] < 15.0, "of 6 faces: {worth:?}");
    assert!(worth[1] > 100.0, "of 200 faces: {worth:?}");
    assert!(widths[0] > 1.1 * widths[1], "{widths:?}");
}

#[test]
fn a_class_that_the_camera_never_showed_is_the_bases_at_the_others_doubt() {
    let mut world = World::new(4, 4);
    let base = world.calibration(&[250, 120, 90, 60]);
    let local = world.known(&[60, 30, 20, 0]);
    let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
    assert_eq!(adapted.local, [60, 30, 20, 0]);
    let worth = adapted.effective_faces()[3];
    assert!((2.0..60.0).contains(&worth), "{worth}");
    for row in &base.cells {
        let (before, after) = (row.faces[3] as f64 / 60.0, adapted.faces_in(row.cell, 3));
        let after = after as f64 / adapted.faces()[3] as f64;
        assert!((before - after).abs() < 1e-3, "{before} {after}");
    }
    let shares = estimate(&adapted, &world.window(&TRUTH, 1000), Method::Score).unwrap();
    assert!(shares.iter().all(|share| share.low <= share.share));
}

#[test]
fn an_adapted_file_is_read_back_and_the_order_of_the_faces_changes_no_bit() {
    let mut world = World::new(3, 5);
    let base = world.calibration(&[50, 60, 70]);
    let mut local = world.known(&[20, 10, 1]);
    let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
    local.reverse();
    assert_eq!(adapt(&base, &base.labels, pairs(&local)).unwrap(), adapted);
    let attribute = crate::record::Attribute::Gender;
    let mut file = CalibrationFile::new("m@1".into(), vec![0], [(attribute, adapted)].into());
    file.base = Some("0123456789ab".into());
    assert_eq!(CalibrationFile::parse(&file.text()).unwrap(), file);
    let damaged = file.text().replace("\"parts\":1000", "\"parts\":0");
    assert!(CalibrationFile::parse(&damaged).is_err(), "no parts");
    let damaged = file.text().replace("\"local\":[20,10,1]", "\"local\":[20]");
    assert!(
        CalibrationFile::parse(&damaged).is_err(),
        "two classes without faces"
    );
}

#[test]
fn a_base_that_was_adapted_or_has_other_labels_is_refused() {
    let mut world = World::new(3, 6);
    let base = world.calibration(&[50, 60, 70]);
    let local = world.known(&[20, 10, 5]);
    let adapted = adapt(&base, &base.labels, pairs(&local)).unwrap();
    let refused = adapt(&adapted, &base.labels, pairs(&local)).unwrap_err();
    assert_eq!(refused, CalibrationError::Adapted);
    // As many labels in another order are others, too.
    let order: Vec<String> = base.labels.iter().rev().cloned().collect();
    for labels in [vec!["a".into(), "b".into()], order] {
        let refused = adapt(&base, &labels, pairs(&local)).unwrap_err();
        assert!(
            refused.to_string().contains("name a base with the same"),
            "{refused}"
        );
    }
}

/// A class of which the camera showed so many faces. `apart`: the squared distance of the means, times these faces.
fn shift(base: f64, local: f64, freedom: f64, apart: f64) -> Shift {
    Shift {
        base,
        local,
        freedom,
        squared: apart / local,
    }
}

/// What is left of the base where it moved far and stands for very many faces: by Stein's estimator (k - 2) / S of it, with
/// the variance that Bayes's rule has for a flat variance of the shift (the part that is kept has a gamma distribution).
#[test]
fn a_class_that_moved_far_is_shrunk_as_by_stein() {
    let (local, freedom) = (2_000.0, 5.0);
    for apart in [40.0, 80.0] {
        let shift = shift(1e12, local, freedom, apart);
        let weights = shift.weights().unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let blend = shift.blend(&weights);
        let (of_base, of_local) = (blend.base * shift.base, blend.local * local);
        let faces = of_base + of_local;
        let kept = (freedom - 2.0) / apart;
        assert!((of_base / faces / kept - 1.0).abs() < 0.02, "{blend:?}");
        let spread = 2.0 * kept / apart * apart / freedom;
        let variance = (1.0 - kept + spread) / local;
        assert!((faces * variance - 1.0).abs() < 0.005, "{faces}");
    }
}

#[test]
fn the_farther_a_class_has_moved_the_less_of_the_base_is_kept() {
    let kept = |apart| {
        let shift = shift(500.0, 100.0, 4.0, apart);
        let blend = shift.blend(&shift.weights().unwrap());
        let of_base = blend.base * 500.0;
        of_base / (of_base + blend.local * 100.0)
    };
    let parts = [1.0, 4.0, 10.0, 30.0, 90.0].map(kept);
    assert!(parts.is_sorted_by(|a, b| a > b), "{parts:?}");
    assert!(parts[0] > 0.3 && parts[4] < 0.05, "{parts:?}");
}

/// A base of few faces is doubtful by itself: it never counts for more than its faces beside the camera's.
#[test]
fn a_base_of_few_faces_does_not_outvote_many() {
    for (base, local) in [(50.0, 50_000.0), (50.0, 500.0)] {
        let shift = shift(base, local, 3.0, 0.0);
        let blend = shift.blend(&shift.weights().unwrap());
        let ratio = blend.base * base / (blend.local * local);
        assert!(ratio <= base / local * (1.0 + 1e-9), "{ratio}");
    }
}

#[test]
fn a_class_without_faces_has_the_mean_weights_of_the_others() {
    let known = [shift(60.0, 20.0, 3.0, 2.0), shift(60.0, 20.0, 3.0, 40.0)];
    let unseen = Shift {
        local: 0.0,
        ..shift(60.0, 1.0, 3.0, 0.0)
    };
    let [near, far] = known.each_ref().map(|shift| shift.weights().unwrap());
    let [a, b] = known;
    let found = usual(&[a, unseen, b]);
    for ((near, far), found) in near.iter().zip(far).zip(found) {
        assert!((f64::midpoint(*near, far) - found).abs() < 1e-12);
    }
}

/// With one number a face, the distance of the means can be told by hand.
#[test]
fn the_distance_of_two_means_is_in_variances_of_a_single_face() {
    let sample = |faces, mean, square| Sample {
        faces,
        mean: vec![mean],
        squares: vec![vec![square]],
    };
    let (base, local) = (sample(40.0, 0.2, 6.0), sample(10.0, 0.5, 3.0));
    // The average over classes counts as one face more: (6 + 3 + 0.4) / (40 + 10 - 2 + 1).
    let shift = Shift::new(&base, &local, &vec![vec![0.4]]);
    let wanted = 0.09 / (9.4 / 49.0);
    assert!(
        (shift.squared / wanted - 1.0).abs() < 1e-9,
        "{}",
        shift.squared
    );
    assert_eq!((shift.base, shift.local, shift.freedom), (40.0, 10.0, 1.0));
    // Two faces that are alike do not make the distance endless.
    let alike = sample(1.0, 0.3, 0.0);
    let shift = Shift::new(&alike, &sample(1.0, 0.5, 0.0), &vec![vec![0.4]]);
    assert!(
        (shift.squared / (0.04 / 0.4) - 1.0).abs() < 1e-9,
        "{}",
        shift.squared
    );
}
