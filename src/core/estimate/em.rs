//! Expectation maximisation over posteriors (Saerens, Latinne and Decaestecker 2002), and the naive count.

use super::{Calibration, CellVotes, Grid};

/// The most rounds; a likelihood that is this flat says nothing anyway.
const ROUNDS: usize = 100_000;
/// The least posterior, where a row would else be impossible.
const FLOOR: f64 = 1e-6;

/// Shares by counting predicted labels: biased, and shown for comparison. `None` of no face.
pub fn naive(grid: Grid, counts: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = counts.iter().sum();
    let mut shares = vec![0.0; grid.classes()];
    for (cell, &n) in counts.iter().enumerate() {
        shares[grid.predicted(cell)] += n / total;
    }
    (total > 0.0).then_some(shares)
}

/// Shares from the posteriors themselves, which were made at the shares `prior`; until no share moves by more than
/// `tolerance` on average.
pub fn emq(prior: &[f64], posteriors: &[Vec<f64>], tolerance: f64) -> Vec<f64> {
    let weight = 1.0 / posteriors.len() as f64;
    let rows = posteriors.iter().map(|row| {
        let ratios = row.iter().zip(prior).map(|(p, prior)| p / prior);
        (weight, ratios.collect())
    });
    maximise(prior, &rows.collect::<Vec<_>>(), tolerance, ROUNDS)
}

/// The same on cells, each at the mean posterior of the votes in it. `None` of no vote.
pub fn emq_cells(calibration: &Calibration, votes: &CellVotes, tolerance: f64) -> Option<Vec<f64>> {
    let prior = calibration.prior();
    let total: f64 = votes.counts.iter().sum();
    let mut rows = Vec::new();
    for (cell, n) in occupied(&votes.counts) {
        // A posterior may round to 0, and no face is impossible.
        let mean = votes.mean_in(cell)?.into_iter().map(|p| p.max(FLOOR));
        let ratios = mean.zip(&prior).map(|(p, prior)| p / prior);
        rows.push((n / total, ratios.collect()));
    }
    (total > 0.0).then(|| maximise(&prior, &rows, tolerance, ROUNDS))
}

/// The cells with faces.
pub(super) fn occupied(counts: &[f64]) -> impl Iterator<Item = (usize, f64)> + Clone {
    counts.iter().copied().enumerate().filter(|&(_, n)| n > 0.0)
}

/// The shares under which rows of likelihood ratios, weighted, are most likely.
pub(super) fn maximise(
    start: &[f64],
    rows: &[(f64, Vec<f64>)],
    tolerance: f64,
    rounds: usize,
) -> Vec<f64> {
    let mut shares = start.to_vec();
    for _ in 0..rounds {
        let mut next = vec![0.0; shares.len()];
        for (weight, ratios) in rows {
            let sum: f64 = shares.iter().zip(ratios).map(|(s, r)| s * r).sum();
            let scale = weight / sum;
            for ((next, share), ratio) in next.iter_mut().zip(&shares).zip(ratios) {
                *next += share * ratio * scale;
            }
        }
        let moved: f64 = next.iter().zip(&shares).map(|(a, b)| (a - b).abs()).sum();
        shares = next;
        if moved < tolerance * shares.len() as f64 {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_naive_count_counts_winners() {
        let grid = Grid::new(2).unwrap();
        let mut counts = vec![0.0; grid.cells()];
        counts[grid.cell(&[0.9, 0.1])] += 3.0;
        counts[grid.cell(&[0.3, 0.7])] += 1.0;
        assert_eq!(naive(grid, &counts), Some(vec![0.75, 0.25]));
        assert_eq!(naive(grid, &vec![0.0; grid.cells()]), None);
    }

    #[test]
    fn a_perfect_model_needs_no_correction() {
        let rows: Vec<Vec<f64>> = (0..10)
            .map(|n| {
                if n < 3 {
                    vec![1.0, 0.0]
                } else {
                    vec![0.0, 1.0]
                }
            })
            .collect();
        let shares = emq(&[0.5, 0.5], &rows, 1e-12);
        assert!((shares[0] - 0.3).abs() < 1e-12, "{shares:?}");
    }
}
