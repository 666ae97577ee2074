//! How a track should vote: ways to make one vote of its crops, each corrected by a calibration of single crops.
//!
//! A track is one face in views that begin with any one and come again when all were shown. Calibration and windows are
//! drawn from the same faces in any view, so that what differs is the way alone.

use std::collections::BTreeMap;

use anyhow::Context;
use demograph_core::{
    estimate::{Calibration, Method, estimate},
    record::Attribute,
    window::{Evidence, Tally, TrackEvidence},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

use super::{draw, dwell::Person};

/// Tracks in a window.
pub(super) const TRACKS: usize = 1000;
/// The least probability whose logarithm counts: half a step of a tally.
const LEAST: f64 = 0.5 / 65_535.0;

/// How many crops a track has.
#[derive(Debug, Clone, Copy)]
enum Stay {
    Everybody(usize),
    /// The rarest class of the population stays, the others are seen once.
    Rarest(usize),
}

const STAYS: [Stay; 5] = [
    Stay::Everybody(1),
    Stay::Everybody(3),
    Stay::Everybody(10),
    Stay::Everybody(30),
    Stay::Rarest(30),
];

/// How the crops of a track become one vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Spread evenly over the cells of the crops: what tallies do for shares.
    Spread,
    /// The posteriors multiplied: one cell.
    Product,
    /// The mean of their logarithms: one cell.
    MeanLog,
    /// The product, divided by the prior for every crop but one: one cell.
    Divided,
}

impl Way {
    const ALL: [Self; 4] = [Self::Spread, Self::Product, Self::MeanLog, Self::Divided];

    fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Product => "product",
            Self::MeanLog => "mean_log",
            Self::Divided => "divided",
        }
    }
}

/// What one way makes of windows of one kind.
#[derive(Debug, Serialize)]
pub struct TrackFigures {
    pub crops: String,
    pub way: &'static str,
    /// Mean total variation distance of the corrected shares, in points; shares of windows from Dirichlet(1).
    pub tvd_points: f64,
    /// The same of the shares that are counted by the most likely class.
    pub naive_tvd_points: f64,
    /// How often the 95 % intervals hold the population's share: of the class where that is least, and of all.
    pub coverage_least: f64,
    pub coverage_mean: f64,
    /// The part of the tracks of the population's rarest class whose vote is counted for it.
    pub rarest_found: f64,
}

/// Sums over the draws.
#[derive(Debug, Clone, Default)]
struct Sums {
    tvd: f64,
    naive_tvd: f64,
    held: Vec<u32>,
    rarest: (u64, u64),
}

/// The calibrations' class sizes, the faces in their views, and what the draws begin with.
pub(super) fn run(
    labels: &[String],
    sizes: &[u64],
    people: &[Person<'_>],
    attribute: Attribute,
    seed: u64,
    draws: u32,
) -> anyhow::Result<Vec<TrackFigures>> {
    let mut trial = Trial::new(labels, people, attribute, seed);
    let mut sums: BTreeMap<(usize, Way), Sums> = BTreeMap::new();
    for _ in 0..draws {
        let (calibration, prior) = trial.calibration(sizes)?;
        let drawn = draw::shares(&mut trial.rng, labels.len());
        for (kind, stay) in STAYS.into_iter().enumerate() {
            let shares = trial.shares.clone();
            for (is_population, shares) in [(false, &drawn), (true, &shares)] {
                let window = trial.window(shares, stay, &prior);
                for (way, tally) in Way::ALL.into_iter().zip(&window.tallies) {
                    let votes = tally.cells(attribute).dense(calibration.grid());
                    let found = votes.and_then(|v| estimate(&calibration, &v, Method::default()));
                    let found = found.context("the calibration cannot tell the classes apart")?;
                    let sums = sums.entry((kind, way)).or_default();
                    if is_population {
                        sums.held.resize(labels.len(), 0);
                        for (held, (found, truth)) in
                            sums.held.iter_mut().zip(found.iter().zip(shares))
                        {
                            *held += u32::from((found.low..=found.high).contains(truth));
                        }
                        let (right, all) = window.rarest[way as usize];
                        sums.rarest.0 += right;
                        sums.rarest.1 += all;
                    } else {
                        let points: Vec<f64> = found.iter().map(|share| share.share).collect();
                        sums.tvd += tvd(&points, &window.truth);
                        let counts = tally.counts(attribute);
                        let naive: Vec<f64> =
                            counts.iter().map(|&n| n as f64 / TRACKS as f64).collect();
                        sums.naive_tvd += tvd(&naive, &window.truth);
                    }
                }
            }
        }
    }
    let draws = f64::from(draws.max(1));
    let figures = sums.into_iter().map(|((kind, way), sums)| {
        let held = sums.held.iter().map(|&held| f64::from(held) / draws);
        TrackFigures {
            crops: match STAYS[kind] {
                Stay::Everybody(crops) => crops.to_string(),
                Stay::Rarest(crops) => format!("rarest class {crops}, others 1"),
            },
            way: way.name(),
            tvd_points: 100.0 * sums.tvd / draws,
            naive_tvd_points: 100.0 * sums.naive_tvd / draws,
            coverage_least: held.clone().fold(1.0, f64::min),
            coverage_mean: held.sum::<f64>() / labels.len() as f64,
            rarest_found: sums.rarest.0 as f64 / sums.rarest.1.max(1) as f64,
        }
    });
    Ok(figures.collect())
}

/// What is drawn: calibrations and tracks.
pub(super) struct Trial<'a> {
    labels: &'a [String],
    attribute: Attribute,
    classes: Vec<Vec<&'a Person<'a>>>,
    /// The population's.
    pub shares: Vec<f64>,
    rarest: usize,
    pub rng: StdRng,
}

/// A window, counted in each way.
struct Window {
    tallies: Vec<Tally>,
    /// In each way: tracks of the rarest class that are counted for it, and all of them.
    rarest: Vec<(u64, u64)>,
    truth: Vec<f64>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        labels: &'a [String],
        people: &'a [Person<'a>],
        attribute: Attribute,
        seed: u64,
    ) -> Self {
        let mut classes: Vec<Vec<&Person>> = labels.iter().map(|_| Vec::new()).collect();
        for person in people {
            classes[person.class].push(person);
        }
        let rarest = (0..labels.len()).min_by_key(|&class| classes[class].len());
        Self {
            labels,
            attribute,
            shares: classes
                .iter()
                .map(|class| class.len() as f64 / people.len() as f64)
                .collect(),
            classes,
            rarest: rarest.unwrap_or(0),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn person(&mut self, class: usize) -> &'a Person<'a> {
        self.classes[class][self.rng.random_range(0..self.classes[class].len())]
    }

    /// Single crops of any view, and what the model says of them on average: its prior.
    pub(super) fn calibration(&mut self, sizes: &[u64]) -> anyhow::Result<(Calibration, Vec<f64>)> {
        let mut crops: Vec<(usize, &[f32])> = Vec::new();
        for (class, &size) in sizes.iter().enumerate() {
            for _ in 0..size {
                let person = self.person(class);
                let view = self.rng.random_range(0..person.views.len());
                crops.push((class, person.views[view]));
            }
        }
        let mut prior = vec![0.0; sizes.len()];
        for (_, posterior) in &crops {
            let each = prior.iter_mut().zip(*posterior);
            each.for_each(|(sum, &p)| *sum += f64::from(p) / crops.len() as f64);
        }
        Ok((Calibration::new(self.labels, crops.into_iter())?, prior))
    }

    fn window(&mut self, shares: &[f64], stay: Stay, prior: &[f64]) -> Window {
        let mut window = Window {
            tallies: vec![Tally::default(); Way::ALL.len()],
            rarest: vec![(0, 0); Way::ALL.len()],
            truth: vec![0.0; shares.len()],
        };
        for _ in 0..TRACKS {
            let class = draw::class(&mut self.rng, shares);
            window.truth[class] += 1.0 / TRACKS as f64;
            let crops = match stay {
                Stay::Everybody(crops) => crops,
                Stay::Rarest(crops) if class == self.rarest => crops,
                Stay::Rarest(_) => 1,
            };
            let person = self.person(class);
            let first = self.rng.random_range(0..person.views.len());
            let views = person.views.iter().cycle().skip(first).take(crops);
            let views: Vec<&[f32]> = views.copied().collect();
            for (place, way) in Way::ALL.into_iter().enumerate() {
                let tally = &mut window.tallies[place];
                let of_class = |tally: &Tally| tally.counts(self.attribute).get(class).copied();
                let before = of_class(tally).unwrap_or(0);
                vote(tally, way, self.attribute, &views, prior);
                if class == self.rarest {
                    let right = of_class(tally).unwrap_or(0) - before;
                    window.rarest[place].0 += right;
                    window.rarest[place].1 += 1;
                }
            }
        }
        window
    }
}

/// The one vote of a track.
fn vote(tally: &mut Tally, way: Way, attribute: Attribute, views: &[&[f32]], prior: &[f64]) {
    let evidence = |posterior: &[f32]| {
        let mut evidence = Evidence::default();
        evidence.set(attribute, posterior);
        evidence
    };
    if way == Way::Spread {
        let mut track = TrackEvidence::default();
        views.iter().for_each(|view| track.add(&evidence(view)));
        tally.vote_track(&track);
    } else {
        tally.vote(&evidence(&pooled(way, views, prior)));
    }
}

fn pooled(way: Way, views: &[&[f32]], prior: &[f64]) -> Vec<f32> {
    let crops = views.len() as f64;
    let log = |p: f64| p.max(LEAST).ln();
    let of_class = |class: usize| {
        let sum: f64 = views.iter().map(|view| log(f64::from(view[class]))).sum();
        match way {
            Way::Product | Way::Spread => sum,
            Way::MeanLog => sum / crops,
            Way::Divided => sum - (crops - 1.0) * log(prior[class]),
        }
    };
    let logs: Vec<f64> = (0..prior.len()).map(of_class).collect();
    let most = logs.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

pub(super) fn tvd(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_crop_votes_alike_in_every_way_and_many_alike_only_where_the_law_is_kept() {
        let view: &[f32] = &[0.7, 0.3];
        let prior = [0.9, 0.1];
        for way in [Way::Product, Way::MeanLog, Way::Divided] {
            assert!((pooled(way, &[view], &prior)[0] - 0.7).abs() < 1e-6);
        }
        let first = |way| pooled(way, &[view; 3], &prior)[0];
        assert!((first(Way::MeanLog) - 0.7).abs() < 1e-6);
        assert!((first(Way::Product) - 0.343 / 0.370).abs() < 1e-6);
        let divided = 0.343 / 0.81 / (0.343 / 0.81 + 0.027 / 0.01);
        assert!((first(Way::Divided) - divided as f32).abs() < 1e-6);
    }
}
