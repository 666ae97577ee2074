//! Does any mixture of the calibration's classes explain the window's cells? If not, the faces have changed, not only
//! their shares: other light, other cameras, another kind of people.
//!
//! Pearson's statistic over pooled cells, with the moments that it has when shares are estimated by [`estimate`]'s
//! default method and the calibration is a sample itself; its distribution is a scaled chi-squared with these two
//! moments (Satterthwaite; Rao and Scott 1981).
//!
//! [`estimate`]: super::estimate

use super::{Calibration, CellVotes, Grid, Method, em::occupied, linear::Matrix, moments::Moments};

/// Where the p-value is smaller, the calibration does not fit. Stricter than usual, because one unlucky set of calibration
/// faces lowers p in all windows: docs/shares.md has the false alarms.
const FITS_FROM: f64 = 0.001;
/// The least expected faces of a pool, counted as independent votes.
const EXPECTED_MIN: f64 = 5.0;
/// A person's crops are taken to be all alike: how much they differ is known of posteriors, not of pools.
const ALIKE: f64 = 1.0;
/// Bins of confidence that a pool joins at least.
const BINS_JOINED: usize = 3;

/// The probability of cells that fit no better, if only shares have changed; small where something else has.
/// `None` where there are too few faces to tell.
pub fn shift_p(calibration: &Calibration, votes: &CellVotes) -> Option<f64> {
    let moments = Moments::new(calibration, votes, Method::Score)?;
    let shares = moments.within_reach();
    let pools = Pools::new(&moments, &shares);
    if pools.expected.len() <= shares.len() {
        return None;
    }
    let gaps = pools.gaps(&moments, &votes.counts);
    let covariance = pools.covariance(&moments, &shares);
    let scale = |pool: usize| 1.0 / pools.expected[pool];
    let statistic: f64 = gaps
        .iter()
        .enumerate()
        .map(|(i, gap)| gap * gap * scale(i))
        .sum();
    let (mut mean, mut half_variance) = (0.0, 0.0);
    for (i, row) in covariance.iter().enumerate() {
        mean += row[i] * scale(i);
        for (j, entry) in row.iter().enumerate() {
            half_variance += entry * entry * scale(i) * scale(j);
        }
    }
    let freedom = mean * mean / half_variance;
    let p = upper_gamma(freedom / 2.0, statistic * mean / half_variance / 2.0);
    p.is_finite().then_some(p)
}

/// Whether a calibration fits by the p-value of the shift test.
pub fn calibration_fits(shift_p: f64) -> bool {
    shift_p >= FITS_FROM
}

/// Cells joined until enough faces are expected in each.
struct Pools {
    /// The pool of each (predicted class, joined bin).
    places: Vec<usize>,
    /// The probability of each pool in each class.
    likelihood: Matrix,
    /// At the estimated shares.
    expected: Vec<f64>,
}

const JOINED: usize = super::cells::BINS.div_ceil(BINS_JOINED);

/// The predicted class and joined bin of a cell.
fn fine(classes: usize, cell: usize) -> usize {
    let grid = Grid::new(classes).expect("a checked calibration has at least 2 classes");
    let (first, _, bin) = grid.parts(cell);
    first * JOINED + bin / BINS_JOINED
}

impl Pools {
    fn new(moments: &Moments, shares: &[f64]) -> Self {
        let classes = shares.len();
        let mut fines = vec![vec![0.0; classes]; classes * JOINED];
        for cell in &moments.cells {
            let row = &mut fines[fine(classes, cell.cell)];
            row.iter_mut()
                .zip(&cell.likelihood)
                .for_each(|(sum, p)| *sum += p);
        }
        let mut pools = Self {
            places: Vec::new(),
            likelihood: Vec::new(),
            expected: Vec::new(),
        };
        let least = EXPECTED_MIN / moments.independent();
        let mut open = vec![0.0; classes];
        // Neighbours in confidence first, then in class; what is left at the end joins the last pool.
        for row in &fines {
            open.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
            pools.places.push(pools.expected.len());
            let expected = super::linear::dot(&open, shares);
            if expected >= least {
                pools
                    .likelihood
                    .push(std::mem::replace(&mut open, vec![0.0; classes]));
                pools.expected.push(expected);
            }
        }
        let last = pools.expected.len().saturating_sub(1);
        pools
            .places
            .iter_mut()
            .for_each(|place| *place = (*place).min(last));
        if let (Some(row), Some(expected)) =
            (pools.likelihood.last_mut(), pools.expected.last_mut())
        {
            row.iter_mut().zip(&open).for_each(|(sum, p)| *sum += p);
            *expected += super::linear::dot(&open, shares);
        }
        pools
    }

    fn of(&self, cell: usize) -> usize {
        self.places[fine(self.places.len() / JOINED, cell)]
    }

    fn expected_at(&self, shares: &[f64]) -> Vec<f64> {
        super::linear::times(&self.likelihood, shares)
    }

    /// The part of the votes in each pool beyond what the solution explains.
    fn gaps(&self, moments: &Moments, counts: &[f64]) -> Vec<f64> {
        let explained = self.expected_at(&moments.raw);
        let mut gaps: Vec<f64> = explained.iter().map(|p| -p).collect();
        for (cell, n) in occupied(counts) {
            gaps[self.of(cell)] += n / moments.votes;
        }
        gaps
    }

    /// A face moves the gaps by (its pool) - likelihood × (its influence on the shares); in each class the mean is 0.
    fn covariance(&self, moments: &Moments, shares: &[f64]) -> Matrix {
        let pools = self.expected.len();
        let mut sum = vec![vec![0.0; pools]; pools];
        for cell in &moments.cells {
            let by_class = cell.likelihood.iter().enumerate();
            let weight: f64 = by_class
                .map(|(l, p)| p * moments.weight(l, shares, ALIKE))
                .sum();
            let mut moves = self.expected_at(&cell.influence);
            moves.iter_mut().for_each(|m| *m = -*m);
            moves[self.of(cell.cell)] += 1.0;
            for (row, a) in sum.iter_mut().zip(&moves) {
                for (entry, b) in row.iter_mut().zip(&moves) {
                    *entry += weight * a * b;
                }
            }
        }
        sum
    }
}

/// Q(a, x), the regularised upper incomplete gamma function: series below a + 1, else the continued fraction (Lentz).
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-15 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut h = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / or_tiny(an * d + b, tiny);
        c = or_tiny(b + an / c, tiny);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * h).clamp(0.0, 1.0)
}

fn or_tiny(x: f64, tiny: f64) -> f64 {
    if x.abs() < tiny { tiny } else { x }
}

/// Stirling's series, from 7 upwards by recurrence.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 7.0 {
        shift += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series =
        (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / square) / square) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

#[cfg(test)]
#[path = "shift_tests.rs"]
mod tests;
