//! What an experiment found: `experiment.json`, and the table for the terminal.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use demograph_core::estimate::Share;
use serde::Serialize;

use super::{dwell::DwellFigures, scatter::Dot, tracks::TrackFigures};

#[derive(Debug, Serialize)]
pub(super) struct Report {
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
pub(super) struct Figures {
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
    /// For the picture.
    #[serde(skip)]
    pub dots: Vec<Dot>,
}

/// How often intervals of windows of one size held the population's share.
#[derive(Debug, Serialize)]
pub(super) struct CoverageFigures {
    pub faces: usize,
    pub by_class: BTreeMap<String, f64>,
    pub mean_width: f64,
    /// The mean width over that of a parametric bootstrap's intervals.
    pub width_ratio: f64,
    /// How often the shift test's p was below 5 %, though nothing but chance was at work.
    pub shift_p_below_5_percent: f64,
}

/// While draws go on.
pub(super) struct Coverage {
    pub faces: usize,
    draws: u32,
    held: Vec<u32>,
    width: f64,
    compared: f64,
    bootstrap: f64,
    shifted: u32,
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
            shifted: 0,
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
        self.shifted += u32::from(p.is_some_and(|p| p < 0.05));
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
            shift_p_below_5_percent: share(self.shifted),
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
            dots: Vec::new(),
        }
    }
}

impl Report {
    pub(super) fn new(model: &str, (calibration, population): (&str, &str)) -> Self {
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

    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header([
            "head",
            "mean TVD, points",
            "coverage by faces (least, most)",
            "width / bootstrap",
            "dwell bias, points",
            "ms",
        ]);
        for (name, head) in &self.heads {
            let lines = |line: &dyn Fn(&CoverageFigures) -> String| {
                head.coverage
                    .iter()
                    .map(line)
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            let errors = head
                .tvd_points
                .iter()
                .map(|(name, tvd)| format!("{name} {tvd:.2}"));
            table.add_row([
                (*name).to_owned(),
                errors.collect::<Vec<_>>().join("\n"),
                lines(&|c| {
                    let least = c.by_class.values().copied().fold(1.0, f64::min);
                    let most = c.by_class.values().copied().fold(0.0, f64::max);
                    format!("{}: {least:.3}, {most:.3}", c.faces)
                }),
                lines(&|c| format!("{:.3}", c.width_ratio)),
                format!(
                    "tracks {:.2} ± {:.2}\ncrops {:.2}\ncrops, naive {:.2}\nother views, no dwell {:.2}",
                    head.dwell_bias_points.tracks,
                    head.dwell_bias_points.tracks_standard_error,
                    head.dwell_bias_points.detections,
                    head.dwell_bias_points.naive_detections,
                    head.dwell_bias_points.views
                ),
                format!("{:.3}", head.seconds_per_estimate * 1e3),
            ]);
        }
        table
    }
}
