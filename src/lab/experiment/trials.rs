//! The draws of an experiment on one attribute; the same seed gives the same figures (but for times).

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use demograph_core::estimate::{
    Calibration, CellCounts, CellVotes, Crops, Grid, Method, Share, emq_cells, estimate, naive,
    quantise, shift_p,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    report::{Coverage, Figures},
    scatter::Dot,
};
use crate::measure::clocks::thread_cpu;

/// Faces in a window of the errors.
const WINDOW: usize = 1000;
/// Faces in windows of the coverage.
const SIZES: [usize; 4] = [50, 200, 1000, 5000];
/// The width is compared in one in so many draws of the coverage, with so many bootstrap samples: between the 10th and
/// the 390th of 399 lie 95 % of all on average. (Between the 6th and 195th of 200 lie 94 %, a width less by 4 %.)
const COMPARED: u32 = 50;
const SAMPLES: usize = 399;
const TAIL: usize = (SAMPLES + 1) / 40;

/// A face of the population.
struct Face<'a> {
    posterior: &'a [f32],
    /// What it votes with.
    crop: BTreeMap<u32, Crops>,
}

/// One attribute's faces, by class.
pub(super) struct Trials<'a> {
    labels: &'a [String],
    calibration: Calibration,
    population: Vec<Vec<Face<'a>>>,
    /// The population's shares.
    shares: Vec<f64>,
    grid: Grid,
    rng: StdRng,
}

impl<'a> Trials<'a> {
    pub(super) fn new(
        labels: &'a [String],
        known: &[(usize, &'a [f32])],
        all: &[(usize, &'a [f32])],
    ) -> anyhow::Result<Self> {
        let calibration = Calibration::new(labels, known.iter().copied())?;
        let grid = calibration.grid();
        let mut population: Vec<Vec<Face<'_>>> = labels.iter().map(|_| Vec::new()).collect();
        for &(class, posterior) in all {
            let crop = crop(grid, posterior);
            population[class].push(Face { posterior, crop });
        }
        for (label, faces) in labels.iter().zip(&population) {
            ensure!(!faces.is_empty(), "the population has no face of {label:?}");
        }
        let share = |faces: &Vec<_>| faces.len() as f64 / all.len() as f64;
        Ok(Self {
            labels,
            shares: population.iter().map(share).collect(),
            population,
            grid,
            calibration,
            rng: StdRng::seed_from_u64(0),
        })
    }

    pub(super) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    pub(super) fn seeded(self, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, ..self }
    }

    pub(super) fn run(&mut self, tvd_draws: u32, coverage_draws: u32) -> anyhow::Result<Figures> {
        let mut figures = Figures::new(self.labels, &self.calibration.faces());
        self.errors(tvd_draws, &mut figures)?;
        self.coverage(coverage_draws, &mut figures)?;
        self.errors_of_a_fair_calibration(tvd_draws, &mut figures)?;
        Ok(figures)
    }

    fn errors(&mut self, draws: u32, figures: &mut Figures) -> anyhow::Result<()> {
        let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
        let mut seconds = Duration::ZERO;
        for _ in 0..draws {
            let wanted = self.dirichlet();
            let (votes, truth) = self.window(&wanted, WINDOW);
            let mut judge =
                |name, shares: &[f64]| *sums.entry(name).or_default() += tvd(shares, &truth);
            let counted = naive(self.grid, &votes.counts).context("an empty window")?;
            judge("naive", &counted);
            let plain = emq_cells(&self.calibration, &votes, 1e-6).context("an empty window")?;
            judge("emq", &plain);
            for method in Method::ALL {
                let started = thread_cpu();
                let found = solved(&self.calibration, &votes, method)?;
                if method == Method::default() {
                    // As a pane's row has it; black_box, so that it is not optimised away.
                    std::hint::black_box(shift_p(&self.calibration, &votes));
                    seconds += thread_cpu() - started;
                }
                judge(method.name(), &points(&found));
                if method == Method::default() {
                    let all = truth.iter().zip(&counted).zip(points(&found));
                    figures
                        .dots
                        .extend(all.map(|((&truth, &naive), corrected)| Dot {
                            truth,
                            naive,
                            corrected,
                        }));
                }
            }
        }
        let mean = |sum: f64| sum / f64::from(draws.max(1));
        figures.tvd_points = sums
            .into_iter()
            .map(|(name, sum)| (name, 100.0 * mean(sum)))
            .collect();
        figures.seconds_per_estimate = mean(seconds.as_secs_f64());
        Ok(())
    }

    /// As `errors`, but the calibration of every draw is a sample of the population: what is left without differences
    /// between the splits other than chance.
    fn errors_of_a_fair_calibration(
        &mut self,
        draws: u32,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let sizes = self.calibration.faces();
        let mut sum = 0.0;
        for _ in 0..draws {
            let calibration = self.resampled(&sizes)?;
            let wanted = self.dirichlet();
            let (votes, truth) = self.window(&wanted, WINDOW);
            let found = solved(&calibration, &votes, Method::default())?;
            sum += tvd(&points(&found), &truth);
        }
        let mean = 100.0 * sum / f64::from(draws.max(1));
        figures.tvd_points.insert("score_fair_calibration", mean);
        Ok(())
    }

    fn coverage(&mut self, draws: u32, figures: &mut Figures) -> anyhow::Result<()> {
        let sizes = self.calibration.faces();
        let classes = self.labels.len();
        let mut all: Vec<Coverage> = SIZES.iter().map(|&n| Coverage::new(n, classes)).collect();
        for draw in 0..draws {
            let calibration = self.resampled(&sizes)?;
            for coverage in &mut all {
                let shares = self.shares.clone();
                let (votes, _) = self.window(&shares, coverage.faces);
                let found = solved(&calibration, &votes, Method::default())?;
                coverage.add(&found, &self.shares);
                coverage.shift(shift_p(&calibration, &votes));
                if draw % COMPARED == 0 {
                    let widths = self.bootstrap(&calibration, &points(&found), coverage.faces)?;
                    coverage.compare(&found, &widths);
                }
            }
        }
        figures.coverage = all.into_iter().map(|c| c.finished(self.labels)).collect();
        Ok(())
    }

    /// Widths between the 2.5 % and 97.5 % points of estimates from samples of the fitted model: calibration sets and
    /// windows whose cells follow the calibration's likelihoods.
    fn bootstrap(
        &mut self,
        calibration: &Calibration,
        shares: &[f64],
        faces: usize,
    ) -> anyhow::Result<Vec<f64>> {
        let classes = shares.len();
        let mut cells: Vec<Vec<usize>> = vec![Vec::new(); classes];
        for (place, row) in calibration.cells.iter().enumerate() {
            for (class, &n) in row.faces.iter().enumerate() {
                cells[class].extend(std::iter::repeat_n(place, n as usize));
            }
        }
        let mut estimates: Vec<Vec<f64>> = vec![Vec::new(); classes];
        for _ in 0..SAMPLES {
            let mut sample = calibration.clone();
            sample.cells.iter_mut().for_each(|row| row.faces.fill(0));
            for (class, cells) in cells.iter().enumerate() {
                for _ in 0..cells.len() {
                    sample.cells[cells[self.rng.random_range(0..cells.len())]].faces[class] += 1;
                }
            }
            // Cells alone: the default method asks for no more.
            let mut votes = CellVotes::new(self.grid);
            for _ in 0..faces {
                let from = &cells[self.class(shares)];
                let place = from[self.rng.random_range(0..from.len())];
                votes.counts[calibration.cells[place].cell] += 1.0;
            }
            let found = solved(&sample, &votes, Method::default())?;
            found
                .iter()
                .zip(&mut estimates)
                .for_each(|(share, list)| list.push(share.share));
        }
        let width = |mut list: Vec<f64>| {
            list.sort_by(f64::total_cmp);
            list[SAMPLES - TAIL] - list[TAIL - 1]
        };
        Ok(estimates.into_iter().map(width).collect())
    }

    /// A calibration set of the same class sizes, from the population.
    fn resampled(&mut self, sizes: &[u64]) -> anyhow::Result<Calibration> {
        let mut faces = Vec::new();
        for (class, &size) in sizes.iter().enumerate() {
            for _ in 0..size {
                let place = self.rng.random_range(0..self.population[class].len());
                faces.push((class, self.population[class][place].posterior));
            }
        }
        Ok(Calibration::new(self.labels, faces.into_iter())?)
    }

    /// The votes of so many faces, and the shares that they really have.
    fn window(&mut self, shares: &[f64], faces: usize) -> (CellVotes, Vec<f64>) {
        let mut counts = CellCounts::default();
        let mut truth = vec![0.0; shares.len()];
        for _ in 0..faces {
            let class = self.class(shares);
            let place = self.rng.random_range(0..self.population[class].len());
            counts.vote(&self.population[class][place].crop);
            truth[class] += 1.0 / faces as f64;
        }
        let votes = counts.dense(self.grid);
        (votes.expect("every face is of the grid"), truth)
    }

    fn class(&mut self, shares: &[f64]) -> usize {
        let mut left = self.rng.random::<f64>();
        let found = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        found.unwrap_or(shares.len() - 1)
    }

    /// Shares of which all are equally likely: exponential variables over their sum.
    fn dirichlet(&mut self) -> Vec<f64> {
        let draw = |_| -(1.0 - self.rng.random::<f64>()).ln();
        let weights: Vec<f64> = (0..self.labels.len()).map(draw).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }
}

fn crop(grid: Grid, posterior: &[f32]) -> BTreeMap<u32, Crops> {
    let mut one = Crops::default();
    one.add(&quantise(posterior));
    BTreeMap::from([(grid.cell(posterior) as u32, one)])
}

fn solved(
    calibration: &Calibration,
    votes: &CellVotes,
    method: Method,
) -> anyhow::Result<Vec<Share>> {
    estimate(calibration, votes, method).with_context(|| {
        format!(
            "{}: the calibration cannot tell the classes apart",
            method.name()
        )
    })
}

fn points(shares: &[Share]) -> Vec<f64> {
    shares.iter().map(|share| share.share).collect()
}

fn tvd(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}
