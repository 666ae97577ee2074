//! Least squares over shares: non-negative numbers that sum to 1. As ACC and PACC are solved.

use super::linear::{Matrix, dot, inverse, times};

/// The most classes: every set of non-zero shares may have to be tried.
const CLASSES_MAX: usize = 12;

/// The shares `p` that minimise |rates p - counted|²; `rates[i][k]` is how much of `i` a face of class `k` shows.
/// Exact: the best among all sets of non-zero shares. `None` where the rates do not determine the shares.
pub fn solve_rates(rates: &[Vec<f64>], counted: &[f64]) -> Option<Vec<f64>> {
    let classes = rates.first()?.len();
    if classes > CLASSES_MAX {
        return None;
    }
    let all: u32 = (1 << classes) - 1;
    let whole = on_support(rates, counted, all)?;
    if whole.iter().all(|&p| p >= 0.0) {
        return Some(whole);
    }
    let candidates = (1..all).filter_map(|support| {
        let shares = on_support(rates, counted, support)?;
        let feasible = shares.iter().all(|&p| p >= 0.0);
        feasible.then(|| (misfit(rates, counted, &shares), shares))
    });
    let best = candidates.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(best.1)
}

fn misfit(rates: &[Vec<f64>], counted: &[f64], shares: &[f64]) -> f64 {
    let gaps = rates
        .iter()
        .zip(counted)
        .map(|(row, c)| dot(row, shares) - c);
    gaps.map(|gap| gap * gap).sum()
}

/// Least squares with sum 1 and zeros outside the support: its normal equations, bordered by the sum.
fn on_support(rates: &[Vec<f64>], counted: &[f64], support: u32) -> Option<Vec<f64>> {
    let classes = rates[0].len();
    let free: Vec<usize> = (0..classes).filter(|k| support >> k & 1 == 1).collect();
    let column = |k: usize| -> Vec<f64> { rates.iter().map(|row| row[k]).collect() };
    let mut system: Matrix = Vec::new();
    let mut right = Vec::new();
    for &k in &free {
        let normal = free.iter().map(|&l| dot(&column(k), &column(l)));
        system.push(normal.chain([1.0]).collect());
        right.push(dot(&column(k), counted));
    }
    system.push(free.iter().map(|_| 1.0).chain([0.0]).collect());
    right.push(1.0);
    let solved = times(&inverse(&system)?, &right);
    let mut shares = vec![0.0; classes];
    for (&k, share) in free.iter().zip(solved) {
        shares[k] = share;
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rates_explain_is_found() {
        let rates = [vec![0.8, 0.3], vec![0.2, 0.7]];
        let shares = solve_rates(&rates, &[0.45, 0.55]).unwrap();
        assert!((shares[0] - 0.3).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn what_no_shares_explain_ends_at_the_edge() {
        let rates = [vec![0.8, 0.3], vec![0.2, 0.7]];
        assert_eq!(solve_rates(&rates, &[0.1, 0.9]), Some(vec![0.0, 1.0]));
    }

    #[test]
    fn a_model_that_tells_nothing_apart_gives_nothing() {
        let rates = [vec![0.5, 0.5], vec![0.5, 0.5]];
        assert_eq!(solve_rates(&rates, &[0.5, 0.5]), None);
    }
}
