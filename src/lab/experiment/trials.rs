//! The draws of an experiment on one attribute; the same seed gives the same figures (but for times).

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use demograph_core::estimate::{
    Calibration, CellVotes, Method, Share, emq_cells, estimate, naive, shift_p,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    draw,
    population::Population,
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

/// One attribute's calibration, and the faces to draw from.
pub(super) struct Trials<'a> {
    labels: &'a [String],
    calibration: Calibration,
    population: Population<'a>,
}

impl<'a> Trials<'a> {
    pub(super) fn new(
        labels: &'a [String],
        known: &[(usize, &'a [f32])],
        all: &[(usize, &'a [f32])],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            labels,
            calibration: Calibration::new(labels, known.iter().copied())?,
            population: Population::new(labels, all)?,
        })
    }

    pub(super) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.population.rng = StdRng::seed_from_u64(seed);
        self
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
            let wanted = draw::shares(&mut self.population.rng, self.labels.len());
            let (votes, truth) = self.population.window(&wanted, WINDOW);
            let mut judge =
                |name, shares: &[f64]| *sums.entry(name).or_default() += tvd(shares, &truth);
            let counted = naive(self.population.grid, &votes.counts).context("an empty window")?;
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
            let calibration = self.population.resampled(&sizes)?;
            let wanted = draw::shares(&mut self.population.rng, self.labels.len());
            let (votes, truth) = self.population.window(&wanted, WINDOW);
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
            let calibration = self.population.resampled(&sizes)?;
            for coverage in &mut all {
                let shares = self.population.shares.clone();
                let (votes, _) = self.population.window(&shares, coverage.faces);
                let found = solved(&calibration, &votes, Method::default())?;
                coverage.add(&found, &self.population.shares);
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
                    sample.cells[cells[self.population.rng.random_range(0..cells.len())]].faces
                        [class] += 1;
                }
            }
            // Cells alone: the default method asks for no more.
            let mut votes = CellVotes::new(self.population.grid);
            for _ in 0..faces {
                let from = &cells[draw::class(&mut self.population.rng, shares)];
                let place = from[self.population.rng.random_range(0..from.len())];
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
}

pub(super) fn solved(
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

pub(super) fn points(shares: &[Share]) -> Vec<f64> {
    shares.iter().map(|share| share.share).collect()
}

pub(super) fn tvd(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}
