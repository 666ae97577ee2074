//! A made-up model and its population, for tests: true shares are known.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Calibration, CellCounts, CellVotes, Crops, Grid, quantise};

/// Cells of a made-up model: faces of class k fall into them by a softmax around k that errs often.
pub(super) struct World {
    classes: usize,
    rng: StdRng,
    /// How far the features of the classes lie apart.
    pub(super) apart: f32,
    /// Faces of the last class look so much like the first.
    pub(super) moved: f32,
}

impl World {
    pub(super) fn new(classes: usize, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            classes,
            rng,
            apart: 1.6,
            moved: 0.0,
        }
    }

    /// Too sure of itself by 1.5, as models are.
    pub(super) fn posterior(&mut self, class: usize) -> Vec<f32> {
        let mut noise = || (0..12).map(|_| self.rng.random::<f32>()).sum::<f32>() - 6.0;
        let mut weights: Vec<f32> = (0..self.classes).map(|_| noise()).collect();
        weights[class] += self.apart;
        if class + 1 == self.classes {
            weights[0] += self.moved;
        }
        weights.iter_mut().for_each(|x| *x = (*x * 1.6 * 1.5).exp());
        let sum: f32 = weights.iter().sum();
        weights.iter().map(|x| x / sum).collect()
    }

    pub(super) fn calibration(&mut self, faces: &[usize]) -> Calibration {
        let known = self.known(faces);
        Calibration::new(&self.labels(), pairs(&known)).unwrap()
    }

    pub(super) fn labels(&self) -> Vec<String> {
        (0..self.classes).map(|k| k.to_string()).collect()
    }

    /// So many labelled faces of each class.
    pub(super) fn known(&mut self, faces: &[usize]) -> Vec<(usize, Vec<f32>)> {
        let truths = faces.iter().enumerate().flat_map(|(k, &n)| vec![k; n]);
        truths.map(|k| (k, self.posterior(k))).collect()
    }

    pub(super) fn window(&mut self, shares: &[f64], faces: usize) -> CellVotes {
        let grid = Grid::new(self.classes).unwrap();
        let mut counts = CellCounts::default();
        for _ in 0..faces {
            let mut left = self.rng.random::<f64>();
            let class = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            let posterior = self.posterior(class.unwrap_or(self.classes - 1));
            vote(&mut counts, grid, &posterior);
        }
        counts.dense(grid).unwrap()
    }
}

pub(super) fn vote(counts: &mut CellCounts, grid: Grid, posterior: &[f32]) {
    let mut one = Crops::default();
    one.add(&quantise(posterior));
    counts.vote(&[(grid.cell(posterior) as u32, one)].into());
}

/// As calibrations take them.
pub(super) fn pairs(known: &[(usize, Vec<f32>)]) -> impl Iterator<Item = (usize, &[f32])> {
    known
        .iter()
        .map(|(class, posterior)| (*class, &posterior[..]))
}
