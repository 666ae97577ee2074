//! What an experiment found: `experiment.json`.

use std::collections::BTreeMap;

use demograph_core::estimate::Share;
use serde::Serialize;

use super::{crops::CropFigures, dwell::DwellFigures, scatter::Dot, tracks::TrackFigures};

#[derive(Debug, Serialize)]
pub struct Report {
    pub demograph: &'static str,
    pub model: String,
    pub calibration_split: String,
    pub population_split: String,
    /// Times of a debug build say nothing.
    pub build: &'static str,
    pub heads: BTreeMap<&'static str, Figures>,
}

/// Of one attribute.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub calibration_faces: BTreeMap<String, u64>,
    /// Mean total variation distance from the truth, in points, by method.
    pub tvd_points: BTreeMap<&'static str, f64>,
    /// CPU time of an estimate with intervals and the shift test.
    pub seconds_per_estimate: f64,
    pub coverage: Vec<CoverageFigures>,
    /// What happens to the share of a class whose people stay ten times longer.
    pub dwell_bias_points: DwellFigures,
    /// How a track should vote.
    pub tracks: Vec<TrackFigures>,
    /// How many crops of a track are enough.
    pub crops: Vec<CropFigures>,
    /// For the picture.
    #[serde(skip)]
    pub dots: Vec<Dot>,
}

/// How often intervals of windows of one size held the population's share.
#[derive(Debug, Serialize)]
pub struct CoverageFigures {
    pub faces: usize,
    pub by_class: BTreeMap<String, f64>,
    pub mean_width: f64,
    /// The mean width over that of a parametric bootstrap's intervals.
    pub width_ratio: f64,
    /// How often the shift test's p was below each of these, though nothing but chance was at work.
    pub shift_p_below: BTreeMap<&'static str, f64>,
}

/// p-values whose frequency is counted.
const LEVELS: [(&str, f64); 3] = [("0.05", 0.05), ("0.01", 0.01), ("0.001", 0.001)];

/// While draws go on.
pub(super) struct Coverage {
    pub faces: usize,
    draws: u32,
    held: Vec<u32>,
    width: f64,
    compared: f64,
    bootstrap: f64,
    shifted: [u32; LEVELS.len()],
}

impl Coverage {
    pub(super) fn new(faces: usize, classes: usize) -> Self {
        Self {
            faces,
            draws: 0,
            held: vec![0; classes],
            width: 0.0,
            compared: 0.0,
            bootstrap: 0.0,
            shifted: [0; LEVELS.len()],
        }
    }

    pub(super) fn add(&mut self, found: &[Share], truth: &[f64]) {
        self.draws += 1;
        self.width += width(found);
        for ((held, share), truth) in self.held.iter_mut().zip(found).zip(truth) {
            *held += u32::from((share.low..=share.high).contains(truth));
        }
    }

    pub(super) fn shift(&mut self, p: Option<f64>) {
        for (shifted, (_, level)) in self.shifted.iter_mut().zip(LEVELS) {
            *shifted += u32::from(p.is_some_and(|p| p < level));
        }
    }

    pub(super) fn compare(&mut self, found: &[Share], bootstrap: &[f64]) {
        self.compared += width(found);
        self.bootstrap += bootstrap.iter().sum::<f64>() / bootstrap.len() as f64;
    }

    pub(super) fn finished(self, labels: &[String]) -> CoverageFigures {
        let draws = f64::from(self.draws.max(1));
        let share = |held: u32| f64::from(held) / draws;
        CoverageFigures {
            faces: self.faces,
            by_class: labels
                .iter()
                .cloned()
                .zip(self.held.into_iter().map(share))
                .collect(),
            mean_width: self.width / draws,
            width_ratio: self.compared / self.bootstrap,
            shift_p_below: LEVELS
                .iter()
                .map(|(name, _)| *name)
                .zip(self.shifted.map(share))
                .collect(),
        }
    }
}

/// The mean over the classes.
fn width(found: &[Share]) -> f64 {
    found
        .iter()
        .map(|share| share.high - share.low)
        .sum::<f64>()
        / found.len() as f64
}

impl Figures {
    pub(super) fn new(labels: &[String], faces: &[u64]) -> Self {
        Self {
            calibration_faces: labels.iter().cloned().zip(faces.iter().copied()).collect(),
            tvd_points: BTreeMap::new(),
            seconds_per_estimate: 0.0,
            coverage: Vec::new(),
            dwell_bias_points: DwellFigures::default(),
            tracks: Vec::new(),
            crops: Vec::new(),
            dots: Vec::new(),
        }
    }
}

impl Report {
    pub(super) fn new(model: &str, calibration: &str, population: &str) -> Self {
        Self {
            demograph: env!("CARGO_PKG_VERSION"),
            model: model.into(),
            calibration_split: calibration.into(),
            population_split: population.into(),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            heads: BTreeMap::new(),
        }
    }

    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
