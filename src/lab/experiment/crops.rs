//! What it costs to take few crops of a track: shares with so many against shares with all, on the same tracks.
//!
//! A track is one face in views that begin with any one and come again when all were shown, three a second for ten seconds,
//! from any moment of a pane on. The service's own chooser takes its crops, by the area of the views. Calibrations and windows
//! are drawn as for the ways in which a track can vote.

use std::time::Duration;

use anyhow::Context;
use demograph_core::{
    choose::{Choice, Chooser, CropsMax, Quality, Sight, Spans},
    estimate::{Calibration, Method, Share, estimate},
    record::{Attribute, EventTime, SourceId, TrackId},
    window::{Evidence, Tally, TrackEvidence},
};
use rand::RngExt;
use serde::Serialize;

use super::{
    draw,
    tracks::{TRACKS, Trial, tvd},
};
use crate::measure::view_size;

/// Crops of a track.
const CROPS: usize = 30;
/// Milliseconds from one to the next.
const STEP: i64 = 333;
const SPANS: Spans = Spans {
    pane: 10_000,
    lateness_max: 10_000,
};

/// So many crops of a track are taken; none of it: all.
pub type CropsPerTrack = Option<CropsMax>;

/// What becomes of shares if so many crops of a track are taken.
#[derive(Debug, Serialize)]
pub struct CropFigures {
    pub crops_per_track: String,
    /// Of the track's, on average.
    pub crops_taken: f64,
    /// CPU time of decoding and inference, in milliseconds.
    pub cpu_ms_per_person: f64,
    /// Mean total variation distance of the corrected shares from the truth, in points; shares of windows from Dirichlet(1).
    pub tvd_points: f64,
    /// By how much that is more than with all crops, on the same windows, and the standard error of this mean.
    pub tvd_more_points: f64,
    pub tvd_more_standard_error: f64,
    /// Mean total variation distance of the shares from those with all crops.
    pub apart_points: f64,
    /// How often the 95 % intervals hold the population's share: of the class where that is least, where it is most, and of
    /// all.
    pub coverage_least: f64,
    pub coverage_most: f64,
    pub coverage_mean: f64,
}

/// Over the draws.
#[derive(Debug, Clone, Default)]
struct Sums {
    taken: usize,
    tracks: usize,
    tvd: f64,
    /// A draw each.
    more: Vec<f64>,
    apart: f64,
    held: Vec<u32>,
}

/// Draws from the people of a trial; the calibrations' class sizes, and what a crop costs.
pub(super) fn run(
    mut trial: Trial<'_>,
    sizes: &[u64],
    cost: Duration,
    options: &[CropsPerTrack],
    attribute: Attribute,
    draws: u32,
) -> anyhow::Result<Vec<CropFigures>> {
    let mut sums = vec![Sums::default(); options.len()];
    for _ in 0..draws {
        let (calibration, _) = trial.calibration(sizes)?;
        let shares = trial.shares.clone();
        let drawn = draw::shares(&mut trial.rng, shares.len());
        for (is_population, shares) in [(false, &drawn), (true, &shares)] {
            let window = Window::draw(&mut trial, attribute, shares);
            let estimated = |crops| {
                let (tally, taken) = window.tally(crops);
                let found = estimated(&calibration, &tally, attribute);
                found.map(|found| (found, taken))
            };
            // What all others are measured by.
            let all = estimated(None)?;
            let (points_of_all, error_of_all) = window.judged(&all.0);
            for (crops, sums) in options.iter().zip(&mut sums) {
                let (found, taken) = match crops {
                    None => all.clone(),
                    Some(_) => estimated(*crops)?,
                };
                sums.taken += taken;
                sums.tracks += TRACKS;
                if is_population {
                    sums.hold(&found, shares);
                } else {
                    let (points, error) = window.judged(&found);
                    sums.tvd += error;
                    sums.more.push(error - error_of_all);
                    sums.apart += tvd(&points, &points_of_all);
                }
            }
        }
    }
    let figures = options.iter().zip(sums);
    Ok(figures
        .map(|(crops, sums)| sums.figures(*crops, cost, draws))
        .collect())
}

impl Sums {
    fn hold(&mut self, found: &[Share], shares: &[f64]) {
        self.held.resize(shares.len(), 0);
        for (held, (found, truth)) in self.held.iter_mut().zip(found.iter().zip(shares)) {
            *held += u32::from((found.low..=found.high).contains(truth));
        }
    }

    fn figures(self, crops: CropsPerTrack, cost: Duration, draws: u32) -> CropFigures {
        let draws = f64::from(draws.max(1));
        let crops_taken = self.taken as f64 / self.tracks.max(1) as f64;
        let held: Vec<f64> = self
            .held
            .iter()
            .map(|&held| f64::from(held) / draws)
            .collect();
        let mean = self.more.iter().sum::<f64>() / draws;
        let squares: f64 = self.more.iter().map(|more| (more - mean).powi(2)).sum();
        CropFigures {
            crops_per_track: crops.map_or("all".into(), |crops| crops.to_string()),
            crops_taken,
            cpu_ms_per_person: crops_taken * cost.as_secs_f64() * 1e3,
            tvd_points: 100.0 * self.tvd / draws,
            tvd_more_points: 100.0 * mean,
            tvd_more_standard_error: 100.0 * (squares / (draws - 1.0).max(1.0) / draws).sqrt(),
            apart_points: 100.0 * self.apart / draws,
            coverage_least: held.iter().copied().fold(1.0, f64::min),
            coverage_most: held.iter().copied().fold(0.0, f64::max),
            coverage_mean: held.iter().sum::<f64>() / held.len().max(1) as f64,
        }
    }
}

/// Tracks, and how their classes are distributed.
struct Window {
    tracks: Vec<Track>,
    truth: Vec<f64>,
}

/// A person who is seen from a moment on.
struct Track {
    /// What each view says.
    views: Vec<TrackEvidence>,
    first: usize,
    begin: i64,
}

impl Window {
    fn draw(trial: &mut Trial<'_>, attribute: Attribute, shares: &[f64]) -> Self {
        let mut truth = vec![0.0; shares.len()];
        let tracks = (0..TRACKS).map(|_| {
            let class = draw::class(&mut trial.rng, shares);
            truth[class] += 1.0 / TRACKS as f64;
            let person = trial.person(class);
            let views = person.views.iter().map(|view| {
                let (mut crop, mut evidence) = (Evidence::default(), TrackEvidence::default());
                crop.set(attribute, view);
                evidence.add(&crop);
                evidence
            });
            Track {
                views: views.collect(),
                first: trial.rng.random_range(0..person.views.len()),
                begin: trial.rng.random_range(0..SPANS.pane),
            }
        });
        let tracks = tracks.collect();
        Self { tracks, truth }
    }

    /// The votes, one a track, and how many crops were taken.
    fn tally(&self, crops: CropsPerTrack) -> (Tally, usize) {
        let (mut tally, mut taken) = (Tally::default(), 0);
        for track in &self.tracks {
            let mut evidence = TrackEvidence::default();
            for view in track.taken(crops) {
                evidence.merge(&track.views[view]);
                taken += 1;
            }
            tally.vote_track(&evidence);
        }
        (tally, taken)
    }

    /// The shares, and how far they are from the truth.
    fn judged(&self, found: &[Share]) -> (Vec<f64>, f64) {
        let points: Vec<f64> = found.iter().map(|share| share.share).collect();
        let error = tvd(&points, &self.truth);
        (points, error)
    }
}

impl Track {
    /// The views that are taken, in the order of time.
    fn taken(&self, crops: CropsPerTrack) -> Vec<usize> {
        let views = (self.first..self.first + CROPS).map(|view| view % self.views.len());
        let Some(crops_max) = crops else {
            return views.collect();
        };
        let mut chooser = Chooser::new(SPANS);
        let source = SourceId::new("camera");
        let is_taken = |(step, view): &(i64, usize)| {
            let sight = Sight {
                source: &source,
                time: EventTime(self.begin + step * STEP),
                track: TrackId::from_hash(0),
                quality: Quality::of_size(view_size((1_000, 1_000), *view)),
            };
            chooser.choose(&sight, crops_max) == Choice::Taken
        };
        let taken = (0..).zip(views).filter(is_taken);
        taken.map(|(_, view)| view).collect()
    }
}

fn estimated(
    calibration: &Calibration,
    tally: &Tally,
    attribute: Attribute,
) -> anyhow::Result<Vec<Share>> {
    let votes = tally.cells(attribute).dense(calibration.grid());
    let found = votes.and_then(|votes| estimate(calibration, &votes, Method::default()));
    found.context("the calibration cannot tell the classes apart")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_of_ten_seconds_has_three_or_four_crops_and_all_where_all_are_asked_for() {
        for begin in (0..SPANS.pane).step_by(500) {
            let track = Track {
                views: vec![TrackEvidence::default(); 5],
                first: 2,
                begin,
            };
            let three = track.taken(CropsMax::new(3));
            assert!((3..=4).contains(&three.len()), "{begin}: {three:?}");
            assert_eq!(three[0], 2, "the first");
            assert!(track.taken(CropsMax::new(1)).len() <= 2, "{begin}");
            assert_eq!(track.taken(None).len(), CROPS);
        }
    }
}
