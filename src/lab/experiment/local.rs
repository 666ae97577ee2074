//! What few labelled faces of a camera do for its shares, where the base was made elsewhere: `calibrate --base`.
//!
//! A draw is a sample of faces to be labelled, and two windows: one of any shares, one of the population's. All ways are
//! tried on the same windows.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use demograph_core::{
    estimate::{Calibration, CalibrationFile, CellVotes, Method, adapt, naive, shift_p},
    record::Attribute,
};
use rand::{SeedableRng, rngs::StdRng, seq::index::sample};
use serde::Serialize;

use super::{
    Settings, draw,
    population::Population,
    report::Coverage,
    trials::{points, solved, tvd},
};
use crate::measure::Answered;

/// Faces in a window.
const WINDOW: usize = 1000;
/// Labelled faces of the camera.
const SIZES: [usize; 4] = [50, 100, 200, 300];

/// `local.json`.
#[derive(Debug, Serialize)]
pub struct LocalReport {
    pub demograph: &'static str,
    pub model: String,
    /// The id of the base's file.
    pub base: String,
    pub local_split: String,
    pub population_split: String,
    pub draws: u32,
    pub heads: BTreeMap<&'static str, Vec<LocalFigures>>,
}

/// Of one way to calibrate.
#[derive(Debug, Serialize)]
pub struct LocalFigures {
    /// counted: not corrected; base: not adapted; adapted; alone: without a base.
    pub way: &'static str,
    /// Labelled faces of the camera.
    pub faces: usize,
    /// The part of the draws in which each class had faces enough.
    pub usable: f64,
    /// Mean total variation distance from the truth, in points: of windows of any shares.
    pub tvd_points: f64,
    /// The same of windows with the population's shares.
    pub tvd_points_usual: f64,
    /// How often intervals held the truth, of any shares: in the class where that is least, and the mean.
    pub coverage_least: Option<f64>,
    pub coverage_mean: Option<f64>,
    /// The same with the population's shares.
    pub coverage_least_usual: Option<f64>,
    pub coverage_mean_usual: Option<f64>,
    /// Of the intervals, any shares.
    pub mean_width: Option<f64>,
    /// How often the shift test's p was below each of these, any shares.
    pub shift_p_below: BTreeMap<&'static str, f64>,
}

impl LocalReport {
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Draws labelled faces from `pool`, and windows from `population`.
pub fn run(
    base: &CalibrationFile,
    pool: &Answered,
    population: &Answered,
    settings: &Settings,
) -> anyhow::Result<LocalReport> {
    ensure!(
        base.model == pool.model,
        "the base was made with the model {}, and {} runs: name a base of this one",
        base.model,
        pool.model
    );
    let [local_split, population_split] = settings.splits.clone();
    let mut report = LocalReport {
        demograph: env!("CARGO_PKG_VERSION"),
        model: pool.model.clone(),
        base: base.id(),
        local_split,
        population_split,
        draws: settings.tvd_draws,
        heads: BTreeMap::new(),
    };
    for (attribute, base) in &base.attributes {
        let (faces, all) = (pool.pairs(*attribute), population.pairs(*attribute));
        if faces.is_empty() || all.is_empty() {
            continue;
        }
        let figures = of_attribute(base, &faces, (*attribute, &all, pool), settings);
        let figures = figures.with_context(|| attribute.to_string())?;
        report.heads.insert(attribute.name(), figures);
    }
    Ok(report)
}

fn of_attribute(
    base: &Calibration,
    faces: &[(usize, &[f32])],
    (attribute, all, pool): (Attribute, &[(usize, &[f32])], &Answered),
    settings: &Settings,
) -> anyhow::Result<Vec<LocalFigures>> {
    let labels = pool.labels(attribute);
    let mut population = Population::new(labels, all)?;
    population.rng = StdRng::seed_from_u64(settings.seed);
    let sizes: Vec<usize> = SIZES.into_iter().filter(|&n| n <= faces.len()).collect();
    let mut found: Vec<Way> = [("counted", 0), ("base", 0), ("alone", faces.len())]
        .into_iter()
        .chain(sizes.iter().flat_map(|&n| [("adapted", n), ("alone", n)]))
        .map(|(name, faces)| Way::new(name, faces, labels.len()))
        .collect();
    for _ in 0..settings.tvd_draws {
        let any = draw::shares(&mut population.rng, labels.len());
        let usual = population.shares.clone();
        let windows = [population.window(&any, WINDOW), {
            let (votes, _) = population.window(&usual, WINDOW);
            (votes, usual)
        }];
        for way in &mut found {
            let drawn = sample(&mut population.rng, faces.len(), way.faces);
            let drawn = drawn.iter().map(|place| faces[place]);
            let calibration = match way.name {
                "alone" => Calibration::new(labels, drawn),
                "adapted" => adapt(base, labels, drawn),
                _ => Ok(base.clone()),
            };
            way.add(calibration.ok().as_ref(), &windows)?;
        }
    }
    Ok(found.into_iter().map(|way| way.finished(labels)).collect())
}

/// One way to calibrate, while draws go on.
struct Way {
    name: &'static str,
    faces: usize,
    draws: u32,
    usable: u32,
    /// Windows of any shares, and of the population's.
    tvd: [f64; 2],
    coverage: [Coverage; 2],
}

impl Way {
    fn new(name: &'static str, faces: usize, classes: usize) -> Self {
        Self {
            name,
            faces,
            draws: 0,
            usable: 0,
            tvd: [0.0; 2],
            coverage: [0, 1].map(|_| Coverage::new(WINDOW, classes)),
        }
    }

    /// Nothing where the calibration lacks faces, or cannot tell the classes apart.
    fn add(
        &mut self,
        calibration: Option<&Calibration>,
        windows: &[(CellVotes, Vec<f64>); 2],
    ) -> anyhow::Result<()> {
        self.draws += 1;
        let Some(calibration) = calibration else {
            return Ok(());
        };
        let mut sums = [0.0; 2];
        for (place, (votes, truth)) in windows.iter().enumerate() {
            if self.name == "counted" {
                let counted = naive(calibration.grid(), &votes.counts);
                sums[place] = tvd(&counted.context("an empty window")?, truth);
                continue;
            }
            let Ok(shares) = solved(calibration, votes, Method::default()) else {
                return Ok(());
            };
            sums[place] = tvd(&points(&shares), truth);
            self.coverage[place].add(&shares, truth);
            self.coverage[place].shift(shift_p(calibration, votes));
        }
        self.usable += 1;
        self.tvd
            .iter_mut()
            .zip(sums)
            .for_each(|(sum, more)| *sum += more);
        Ok(())
    }

    fn finished(self, labels: &[String]) -> LocalFigures {
        let [any, usual] = self.coverage.map(|coverage| coverage.finished(labels));
        let corrected = self.name != "counted" && self.usable > 0;
        let least = |held: &BTreeMap<String, f64>| {
            corrected.then(|| held.values().copied().fold(1.0, f64::min))
        };
        let mean = |held: &BTreeMap<String, f64>| {
            corrected.then(|| held.values().sum::<f64>() / held.len() as f64)
        };
        let points = |sum: f64| 100.0 * sum / f64::from(self.usable.max(1));
        LocalFigures {
            way: self.name,
            faces: self.faces,
            usable: f64::from(self.usable) / f64::from(self.draws.max(1)),
            tvd_points: points(self.tvd[0]),
            tvd_points_usual: points(self.tvd[1]),
            coverage_least: least(&any.by_class),
            coverage_mean: mean(&any.by_class),
            coverage_least_usual: least(&usual.by_class),
            coverage_mean_usual: mean(&usual.by_class),
            mean_width: corrected.then_some(any.mean_width),
            shift_p_below: any.shift_p_below,
        }
    }
}
