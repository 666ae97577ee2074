//! What a reader can compute who knows the rules, the calibration, every total, and of everybody else in which cell their
//! votes fell: all but who is in the hidden categories.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Cells, ReleasedAttribute, ReleasedWindow, Sealed, ShownShares, Thresholds, show_shares,
    show_summed_shares, suppress,
};
use crate::{
    estimate::{Calibration, CalibrationFile, Calibrations, CellCounts, Estimator, Method},
    record::{Attribute, SourceId},
    views::Sums,
};

const K: Thresholds = Thresholds {
    k_total: 10,
    k_cell: 5,
};

/// People of one attribute, in an order for each category; the votes of the first so many are counted.
struct Crowd<'a> {
    calibration: &'a Calibration,
    /// By category: places in the calibration's cells.
    cells: Vec<Vec<usize>>,
}

impl<'a> Crowd<'a> {
    fn new(calibration: &'a Calibration, rng: &mut StdRng) -> Self {
        let grid = calibration.grid();
        let cells = (0..grid.classes()).map(|class| {
            let of_class = |place: &usize| grid.predicted(calibration.cells[*place].cell) == class;
            let places: Vec<usize> = (0..calibration.cells.len()).filter(of_class).collect();
            (0..200)
                .map(|_| places[rng.random_range(0..places.len())])
                .collect()
        });
        Self {
            calibration,
            cells: cells.collect(),
        }
    }

    fn votes(&self, counts: &[u64]) -> CellCounts {
        let mut votes = CellCounts::default();
        for (cells, &n) in self.cells.iter().zip(counts) {
            for &place in &cells[..n as usize] {
                let row = &self.calibration.cells[place];
                let faces: u64 = row.faces.iter().sum();
                let sums: Vec<u64> = row.evidence.iter().map(|sum| sum * 11 / faces).collect();
                votes.add(row.cell as u32, 720_720, &sums);
            }
        }
        votes
    }
}

/// Counts of so many people, of whom some categories have few.
fn counts(categories: usize, rng: &mut StdRng) -> Vec<u64> {
    let often: Vec<f64> = (0..categories)
        .map(|_| rng.random_range(0.05..1.0))
        .collect();
    let mut counts = vec![0; categories];
    for _ in 0..rng.random_range(40..120) {
        let mut at = rng.random_range(0.0..often.iter().sum::<f64>());
        let mut before = |often: &f64| {
            at -= often;
            at >= 0.0
        };
        let category = often.iter().take_while(|&often| before(often)).count();
        counts[category.min(categories - 1)] += 1;
    }
    counts
}

/// Every vector of counts that shows the same counts as this one: the hidden ones share their sum out.
fn consistent(true_counts: &[u64], hidden: [usize; 2]) -> Vec<Vec<u64>> {
    let sum = true_counts[hidden[0]] + true_counts[hidden[1]];
    let cells = suppress(true_counts, K);
    let vectors = (0..=sum).map(|first| {
        let mut counts = true_counts.to_vec();
        (counts[hidden[0]], counts[hidden[1]]) = (first, sum - first);
        counts
    });
    vectors
        .filter(|counts| suppress(counts, K) == cells)
        .collect()
}

#[test]
fn shares_leave_a_hidden_count_as_open_as_the_counts_do() {
    let text = include_str!("../../../models/research-small/calibration.int8.five.json");
    let file = CalibrationFile::parse(text).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    for method in Method::ALL {
        let all = Calibrations::new(method, Some(file.clone()), []);
        let attribute = Attribute::Ethnicity;
        let estimator = all.estimator(&SourceId::new("cam"), attribute);
        let mut tried = 0;
        while tried < 12 {
            let true_counts = counts(5, &mut rng);
            let cells = suppress(&true_counts, K);
            let Cells::Shown { counts: shown, .. } = &cells else {
                continue;
            };
            let hidden: Vec<usize> = (0..5).filter(|&place| shown[place].is_none()).collect();
            let [small, partner] = hidden[..] else {
                continue;
            };
            tried += 1;
            let crowd = Crowd::new(&file.attributes[&attribute], &mut rng);
            let say = |counts: &[u64]| -> ShownShares {
                show_shares(&cells, &crowd.votes(counts), estimator, K.k_cell)
            };
            let said = say(&true_counts);
            assert!(
                said.shares.iter().any(|share| share.low.is_some()),
                "{said:?}"
            );
            let possible = consistent(&true_counts, [small, partner]);
            assert!(possible.len() as u64 >= K.k_cell, "{true_counts:?}");
            for other in possible {
                assert_eq!(
                    say(&other),
                    said,
                    "{method:?}: {true_counts:?} or {other:?}"
                );
            }
        }
    }
}

/// What is said of windows of such counts, added up.
fn say_of_sum(
    windows: &[&[u64]],
    crowd: &Crowd<'_>,
    estimator: Option<Estimator<'_>>,
) -> ShownShares {
    let mut sums = Sums::default();
    for counts in windows {
        sums.add(&ReleasedWindow {
            votes: counts.iter().sum(),
            content: vec![ReleasedAttribute {
                attribute: Attribute::Ethnicity,
                cells: suppress(counts, K),
                evidence: Sealed::of(crowd.votes(counts)),
            }],
            ..ReleasedWindow::empty(0, 10_000)
        });
    }
    let (_, sum) = sums.attributes().next().unwrap();
    show_summed_shares(&sum.cells(), &sum.evidence, estimator, K.k_cell)
}

/// The others are known exactly, so whatever a sum of windows adds to what they say, it says of the one that hid something.
#[test]
fn a_sum_of_windows_leaves_a_hidden_count_as_open_as_its_window_does() {
    let text = include_str!("../../../models/research-small/calibration.int8.json");
    let file = CalibrationFile::parse(text).unwrap();
    let mut rng = StdRng::seed_from_u64(2);
    let crowd = Crowd::new(&file.attributes[&Attribute::Ethnicity], &mut rng);
    let whole = [20, 15, 10, 12, 9, 8, 14];
    for method in Method::ALL {
        let all = Calibrations::new(method, Some(file.clone()), []);
        let estimator = all.estimator(&SourceId::new("cam"), Attribute::Ethnicity);
        let mut tried = 0;
        while tried < 6 {
            let [first, second] = [counts(7, &mut rng), counts(7, &mut rng)];
            let Cells::Shown { counts: shown, .. } = suppress(&first, K) else {
                continue;
            };
            let hidden: Vec<usize> = (0..7).filter(|&place| shown[place].is_none()).collect();
            let [small, partner] = hidden[..] else {
                continue;
            };
            tried += 1;
            let said = say_of_sum(&[&whole, &first, &second], &crowd, estimator);
            assert!(
                said.shares.iter().all(|share| share.low.is_some()),
                "{said:?}"
            );
            for other in consistent(&first, [small, partner]) {
                let others = say_of_sum(&[&whole, &other, &second], &crowd, estimator);
                assert_eq!(others, said, "{method:?}: {first:?} or {other:?}");
            }
        }
    }
}
