//! A camera's calibration from few labelled faces of its own and a base that was made elsewhere.
//!
//! How faces of a class fall into cells there is thought of as drawn from a Dirichlet distribution about how they fall
//! in the base. Its strength says how alike the two are. It is learned for each class: from how far the mean influence of
//! the camera's faces lies from that of the base's, against how much single faces differ (the marginal likelihood of the
//! strength, taken of means, since a shift moves whole regions of cells). The strength itself is not picked but averaged
//! over, with its inverse equally likely everywhere: then a class that has moved is drawn to the base as little as by
//! Stein's estimator (docs/adr/0021).
//!
//! Promise: the result stands for as many faces of each class as its doubt is worth; a class that differs from the base
//! and has few faces of its own stands for few, so that intervals are wide.

use super::{
    Calibration, CalibrationError, CellRow, CellVotes, Method,
    linear::{Matrix, add, dot, inverse, times},
    moments::Moments,
};

/// Parts of a face in what is written.
const PARTS: u64 = 1000;
/// A class stands for at least so many faces: more than `calibration.rs` asks of a file, whose parts are rounded.
const FACES_MIN: f64 = 3.0;
/// Standard deviations of the shift that are tried, evenly up to that of single faces.
const TRIED: usize = 200;

/// The base, adapted to labelled faces of a camera: the place of the true label, and the model's posterior. There may be
/// few faces of a class, or none.
pub fn adapt<'a>(
    base: &Calibration,
    labels: &[String],
    faces: impl Iterator<Item = (usize, &'a [f32])>,
) -> Result<Calibration, CalibrationError> {
    if base.is_adapted() {
        return Err(CalibrationError::Adapted);
    }
    if base.labels != labels {
        return Err(CalibrationError::OtherLabels {
            base: base.labels.clone(),
            faces: labels.to_vec(),
        });
    }
    let local = &Calibration::counted(labels, faces)?;
    let pooled = mixed(base, local, &vec![Blend::POOLED; labels.len()], 1);
    let blends = match influences(&pooled) {
        Some(influences) => blends(base, local, &influences),
        // The classes cannot be told apart: nothing to learn from, and no estimate either.
        None => vec![Blend::POOLED; labels.len()],
    };
    let mut adapted = mixed(base, local, &blends, PARTS);
    adapted.local = local.faces();
    adapted.check()?;
    Ok(adapted)
}

/// What a face of the base and one of the camera count for in a class.
#[derive(Debug, Clone, Copy)]
struct Blend {
    base: f64,
    local: f64,
}

impl Blend {
    const POOLED: Self = Self {
        base: 1.0,
        local: 1.0,
    };
}

/// How each cell moves the shares, when these are about even.
fn influences(pooled: &Calibration) -> Option<Vec<(usize, Vec<f64>)>> {
    let mut even = CellVotes::new(pooled.grid());
    let faces = pooled.effective_faces();
    for row in &pooled.cells {
        let likelihoods = row.faces.iter().zip(&faces);
        let sum: f64 = likelihoods.map(|(&n, all)| n as f64 / all).sum();
        even.counts[row.cell] = sum / faces.len() as f64;
    }
    let moments = Moments::new(pooled, &even, Method::Score)?;
    // They sum to 1, so the last says nothing new.
    let shortened = moments.cells.into_iter().map(|mut cell| {
        cell.influence.pop();
        (cell.cell, cell.influence)
    });
    Some(shortened.collect())
}

/// Faces of one class in one calibration, by their influence.
struct Sample {
    faces: f64,
    mean: Vec<f64>,
    /// The sum over the faces.
    squares: Matrix,
}

impl Sample {
    fn new(calibration: &Calibration, class: usize, influences: &[(usize, Vec<f64>)]) -> Self {
        let size = influences
            .first()
            .map_or(0, |(_, influence)| influence.len());
        let seen: Vec<(f64, &Vec<f64>)> = influences
            .iter()
            .map(|(cell, influence)| (calibration.faces_in(*cell, class) as f64, influence))
            .filter(|&(n, _)| n > 0.0)
            .collect();
        let faces: f64 = seen.iter().map(|(n, _)| n).sum();
        let mut mean = vec![0.0; size];
        seen.iter()
            .for_each(|(n, influence)| add(&mut mean, influence, n / faces));
        let mut squares = vec![vec![0.0; size]; size];
        for (n, influence) in seen {
            let gap: Vec<f64> = influence.iter().zip(&mean).map(|(a, b)| a - b).collect();
            let rows = squares.iter_mut().zip(&gap);
            rows.for_each(|(row, a)| add(row, &gap, n * a));
        }
        Self {
            faces,
            mean,
            squares,
        }
    }
}

fn blends(base: &Calibration, local: &Calibration, influences: &[(usize, Vec<f64>)]) -> Vec<Blend> {
    let classes = base.labels.len();
    let samples = |from: &Calibration| -> Vec<Sample> {
        let samples = (0..classes).map(|class| Sample::new(from, class, influences));
        samples.collect()
    };
    let (bases, locals) = (samples(base), samples(local));
    let all = || bases.iter().chain(&locals);
    let average = scaled_sum(all(), 1.0 / all().map(|sample| sample.faces).sum::<f64>());
    let shifts: Vec<Shift> = bases
        .iter()
        .zip(&locals)
        .map(|(base, local)| Shift::new(base, local, &average))
        .collect();
    let usual = usual(&shifts);
    let blend = |shift: &Shift| shift.blend(&shift.weights().unwrap_or_else(|| usual.clone()));
    shifts.iter().map(blend).collect()
}

/// The weights of a class that the camera never showed: the mean of the others'.
fn usual(shifts: &[Shift]) -> Vec<f64> {
    let known: Vec<Vec<f64>> = shifts.iter().filter_map(Shift::weights).collect();
    let mut mean = vec![0.0; TRIED];
    known
        .iter()
        .for_each(|weights| add(&mut mean, weights, 1.0 / known.len() as f64));
    mean
}

fn scaled_sum<'a>(samples: impl Iterator<Item = &'a Sample>, scale: f64) -> Matrix {
    let mut sum: Matrix = Vec::new();
    for sample in samples {
        sum.resize(sample.squares.len(), vec![0.0; sample.squares.len()]);
        let rows = sum.iter_mut().zip(&sample.squares);
        rows.for_each(|(row, more)| add(row, more, scale));
    }
    sum
}

/// How far the camera's faces of one class are from the base's.
struct Shift {
    base: f64,
    local: f64,
    /// Of the distance of the means, whose square is in variances of a single face.
    freedom: f64,
    squared: f64,
}

impl Shift {
    fn new(base: &Sample, local: &Sample, average: &Matrix) -> Self {
        let freedom = average.len() as f64;
        // Few faces do not tell how faces differ: the other classes' count as some more.
        let faces = base.faces + local.faces - 2.0 + freedom;
        let mut variance = scaled_sum([base, local].into_iter(), 1.0 / faces);
        for (k, (row, average)) in variance.iter_mut().zip(average).enumerate() {
            add(row, average, freedom / faces);
            row[k] += f64::EPSILON;
        }
        let gap: Vec<f64> = local
            .mean
            .iter()
            .zip(&base.mean)
            .map(|(a, b)| a - b)
            .collect();
        let squared = inverse(&variance).map(|inverse| dot(&gap, &times(&inverse, &gap)));
        Self {
            base: base.faces,
            local: local.faces,
            freedom,
            squared: squared.unwrap_or(0.0),
        }
    }

    /// Variances of the class's mean about the base's, in variances of a single face: of the shift, and of the base's
    /// own sampling.
    fn variances(&self) -> impl Iterator<Item = f64> {
        let sampling = 1.0 / self.base;
        tried().map(move |deviation| deviation * deviation + sampling)
    }

    /// How likely each variance that is tried has become. `None` where the camera showed no face of the class.
    fn weights(&self) -> Option<Vec<f64>> {
        if self.local == 0.0 {
            return None;
        }
        let log = |(variance, deviation): (f64, f64)| {
            let spread = variance + 1.0 / self.local;
            // Flat over variances, which are tried evenly by their roots.
            deviation.ln() - (self.freedom * spread.ln() + self.squared / spread) / 2.0
        };
        let logs: Vec<f64> = self.variances().zip(tried()).map(log).collect();
        let most = logs.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        Some(weights.iter().map(|weight| weight / sum).collect())
    }

    /// The posterior mean: so much of the base, the rest of the camera's; and how many faces its variance is worth.
    fn blend(&self, weights: &[f64]) -> Blend {
        let kept = |variance: f64| 1.0 / (1.0 + variance * self.local);
        let mean: f64 = weights
            .iter()
            .zip(self.variances())
            .map(|(w, v)| w * kept(v))
            .sum();
        let variance: f64 = weights
            .iter()
            .zip(self.variances())
            .map(|(w, v)| {
                let of_the_weight = (kept(v) - mean).powi(2) * self.squared / self.freedom;
                w * (v * kept(v) + of_the_weight)
            })
            .sum();
        let faces = (1.0 / variance).max(FACES_MIN);
        Blend {
            base: mean * faces / self.base,
            local: if self.local > 0.0 {
                (1.0 - mean) * faces / self.local
            } else {
                0.0
            },
        }
    }
}

fn tried() -> impl Iterator<Item = f64> {
    (1..=TRIED).map(|n| n as f64 / TRIED as f64)
}

/// Both together, each face counting for what its class's blend says.
fn mixed(base: &Calibration, local: &Calibration, blends: &[Blend], parts: u64) -> Calibration {
    let classes = blends.len();
    let scaled = |n: u64, weight: f64| n as f64 * weight * parts as f64;
    let places = base.cells.iter().chain(&local.cells).map(|row| row.cell);
    let cells: std::collections::BTreeSet<usize> = places.collect();
    let row = |cell: usize| {
        let mut faces = vec![0.0; classes];
        let mut evidence = vec![0.0; classes];
        for (from, weight) in [
            (base, (|blend| blend.base) as fn(&Blend) -> f64),
            (local, |blend| blend.local),
        ] {
            let Some(row) = from.row(cell) else {
                continue;
            };
            let (mut all, mut counted) = (0.0, 0.0);
            for (class, (sum, &n)) in faces.iter_mut().zip(&row.faces).enumerate() {
                let more = scaled(n, weight(&blends[class]));
                *sum += more;
                counted += more;
                all += n as f64;
            }
            let sums = evidence.iter_mut().zip(&row.evidence);
            sums.for_each(|(sum, &e)| *sum += e as f64 * counted / all);
        }
        CellRow {
            cell,
            faces: rounded(&faces),
            evidence: rounded(&evidence),
        }
    };
    let posteriors = (0..classes).map(|class| {
        let mut sums = vec![0.0; classes];
        for (answer, sum) in sums.iter_mut().enumerate() {
            *sum = scaled(base.posteriors[class][answer], blends[class].base)
                + scaled(local.posteriors[class][answer], blends[class].local);
        }
        rounded(&sums)
    });
    Calibration {
        labels: base.labels.clone(),
        posteriors: posteriors.collect(),
        cells: cells.into_iter().map(row).collect(),
        parts,
        local: Vec::new(),
    }
}

fn rounded(sums: &[f64]) -> Vec<u64> {
    sums.iter().map(|sum| sum.round() as u64).collect()
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;
