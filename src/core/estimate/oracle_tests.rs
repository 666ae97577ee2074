//! The estimators against QuaPy's answers (tests/data/quantification/make.py).

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    labels: Vec<usize>,
    calibration: Vec<Vec<f64>>,
    window: Vec<Vec<f64>>,
    acc: Vec<f64>,
    pacc: Vec<f64>,
    emq: Vec<f64>,
    acc_edge: Edge,
}

#[derive(Deserialize)]
struct Edge {
    counted: Vec<f64>,
    shares: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!(
        "../../../tests/data/quantification/oracle.json"
    ))
    .unwrap()
}

impl Case {
    fn classes(&self) -> usize {
        self.acc.len()
    }

    fn prior(&self) -> Vec<f64> {
        let mut prior = vec![0.0; self.classes()];
        for &label in &self.labels {
            prior[label] += 1.0 / self.labels.len() as f64;
        }
        prior
    }

    /// The mean of what faces of each class show, and of what the window shows.
    fn rates(&self, shows: impl Fn(&[f64]) -> Vec<f64>) -> (Vec<Vec<f64>>, Vec<f64>) {
        let k = self.classes();
        let (mut rates, mut shown) = (vec![vec![0.0; k]; k], vec![0.0; k]);
        for (&label, row) in self.labels.iter().zip(&self.calibration) {
            let faces = self.labels.iter().filter(|&&l| l == label).count() as f64;
            for (i, x) in shows(row).into_iter().enumerate() {
                rates[i][label] += x / faces;
            }
        }
        for row in &self.window {
            for (i, x) in shows(row).into_iter().enumerate() {
                shown[i] += x / self.window.len() as f64;
            }
        }
        (rates, shown)
    }

    fn calibrated(&self) -> (Calibration, CellVotes) {
        let labels: Vec<String> = (0..self.classes()).map(|k| k.to_string()).collect();
        let known = single(&self.calibration);
        let faces = self
            .labels
            .iter()
            .copied()
            .zip(known.iter().map(Vec::as_slice));
        let calibration = Calibration::new(&labels, faces).unwrap();
        let grid = calibration.grid();
        let mut counts = CellCounts::default();
        for row in single(&self.window) {
            let mut one = Crops::default();
            one.add(&quantise(&row));
            counts.vote(&[(grid.cell(&row) as u32, one)].into());
        }
        let votes = counts.dense(grid).unwrap();
        (calibration, votes)
    }
}

fn single(rows: &[Vec<f64>]) -> Vec<Vec<f32>> {
    let row = |row: &Vec<f64>| row.iter().map(|&p| p as f32).collect();
    rows.iter().map(row).collect()
}

fn winner(row: &[f64]) -> Vec<f64> {
    let best = (0..row.len())
        .rev()
        .max_by(|&a, &b| row[a].total_cmp(&row[b]));
    (0..row.len())
        .map(|k| f64::from(u8::from(Some(k) == best)))
        .collect()
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = apart.fold(0.0, f64::max);
    assert!(
        worst <= tolerance,
        "{found:?} is {worst:e} from {expected:?}"
    );
}

#[test]
fn acc_and_pacc_on_posteriors_are_quapys() {
    for case in cases() {
        let (rates, counted) = case.rates(winner);
        assert_near(&solve_rates(&rates, &counted).unwrap(), &case.acc, 1e-9);
        let (rates, shown) = case.rates(<[f64]>::to_vec);
        assert_near(&solve_rates(&rates, &shown).unwrap(), &case.pacc, 1e-9);
    }
}

#[test]
fn at_the_edge_acc_is_what_quapys_optimiser_approaches() {
    for case in cases() {
        let (rates, _) = case.rates(winner);
        let found = solve_rates(&rates, &case.acc_edge.counted).unwrap();
        assert_near(&found, &case.acc_edge.shares, 1e-3);
    }
}

#[test]
fn emq_on_posteriors_is_quapys() {
    for case in cases() {
        assert_near(&emq(&case.prior(), &case.window, 1e-13), &case.emq, 1e-9);
    }
}

#[test]
fn on_cells_acc_and_pacc_are_quapys_and_emq_loses_little() {
    for case in cases() {
        let (calibration, votes) = case.calibrated();
        let shares = |method| -> Vec<f64> {
            let shares = estimate(&calibration, &votes, method).unwrap();
            shares.iter().map(|share| share.share).collect()
        };
        assert_near(&shares(Method::Acc), &case.acc, 1e-9);
        // Posteriors are kept in steps of 1/65535.
        assert_near(&shares(Method::Pacc), &case.pacc, 1e-5);
        let binned = emq_cells(&calibration, &votes, 1e-10).unwrap();
        assert_near(&binned, &case.emq, 0.005);
    }
}
