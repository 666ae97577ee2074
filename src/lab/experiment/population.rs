//! The faces that windows are drawn from, by class.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use demograph_core::estimate::{Calibration, CellCounts, CellVotes, Crops, Grid, quantise};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::draw;

/// A face of the population.
struct Face<'a> {
    posterior: &'a [f32],
    /// What it votes with.
    crop: BTreeMap<u32, Crops>,
}

/// One attribute's faces.
pub(super) struct Population<'a> {
    labels: &'a [String],
    faces: Vec<Vec<Face<'a>>>,
    /// Of the classes among all faces.
    pub shares: Vec<f64>,
    pub grid: Grid,
    pub rng: StdRng,
}

impl<'a> Population<'a> {
    pub(super) fn new(labels: &'a [String], all: &[(usize, &'a [f32])]) -> anyhow::Result<Self> {
        let grid = Grid::new(labels.len()).context("an attribute has at least 2 labels")?;
        let mut faces: Vec<Vec<Face<'_>>> = labels.iter().map(|_| Vec::new()).collect();
        for &(class, posterior) in all {
            let crop = crop(grid, posterior);
            faces[class].push(Face { posterior, crop });
        }
        for (label, faces) in labels.iter().zip(&faces) {
            ensure!(!faces.is_empty(), "the population has no face of {label:?}");
        }
        let share = |faces: &Vec<_>| faces.len() as f64 / all.len() as f64;
        Ok(Self {
            labels,
            shares: faces.iter().map(share).collect(),
            faces,
            grid,
            rng: StdRng::seed_from_u64(0),
        })
    }

    /// A calibration set of the same class sizes, from the population.
    pub(super) fn resampled(&mut self, sizes: &[u64]) -> anyhow::Result<Calibration> {
        let mut faces = Vec::new();
        for (class, &size) in sizes.iter().enumerate() {
            for _ in 0..size {
                let place = self.rng.random_range(0..self.faces[class].len());
                faces.push((class, self.faces[class][place].posterior));
            }
        }
        Ok(Calibration::new(self.labels, faces.into_iter())?)
    }

    /// The votes of so many faces, and the shares that they really have.
    pub(super) fn window(&mut self, shares: &[f64], faces: usize) -> (CellVotes, Vec<f64>) {
        let mut counts = CellCounts::default();
        let mut truth = vec![0.0; shares.len()];
        for _ in 0..faces {
            let class = draw::class(&mut self.rng, shares);
            let place = self.rng.random_range(0..self.faces[class].len());
            counts.vote(&self.faces[class][place].crop);
            truth[class] += 1.0 / faces as f64;
        }
        let votes = counts.dense(self.grid);
        (votes.expect("every face is of the grid"), truth)
    }
}

fn crop(grid: Grid, posterior: &[f32]) -> BTreeMap<u32, Crops> {
    let mut one = Crops::default();
    one.add(&quantise(posterior));
    BTreeMap::from([(grid.cell(posterior) as u32, one)])
}
