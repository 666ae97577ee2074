//! A scene that the stages work on: cameras in turn, faces in time, all that a service agrees on beforehand.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use demograph_core::{
    estimate::{CalibrationFile, Calibrations, Method},
    facts::ModelFacts,
    privacy::{Policy, ReleasedWindow},
    record::{AgePosterior, Estimate, EventTime, Position, Posterior, SourceId, TrackId},
    state::{Applied, Saved, Shard, Terms, TrackKey},
    window::{Categories, Observation, Settings},
};
use demograph_model::infer::{Model, StubModel};
use demograph_service::config;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Faces that show the same person.
const FACES_A_TRACK: usize = 5;
/// 2026-01-01, in milliseconds.
pub const BEGIN: i64 = 1_767_225_600_000;

/// Every pane is a window by itself, so that few faces release many windows.
pub const PANES: Settings = Settings {
    growth: demograph_core::window::Growth::NONE,
    ..SETTINGS
};

/// How panes and windows are cut, as by default.
pub const SETTINGS: Settings = Settings {
    pane: 10_000,
    lateness_max: 10_000,
    idle_after: 30_000,
    future_max: 60_000,
    drops_duplicates: false,
    sources_max: 10_000,
    weighting: demograph_core::window::Weighting::People,
    untracked: demograph_core::window::Untracked::Count,
    growth: demograph_core::window::Growth {
        people_min: demograph_core::window::Growth::PEOPLE_MIN,
        hour_min: 50,
        rest_min: 10,
        votes_a_person: 10,
        window_max: 86_400_000,
    },
};

/// A policy that knows the sources of [`source`].
pub fn policy(sources: usize) -> Policy {
    let sources: Vec<demograph_core::privacy::SourceRules> = (0..sources)
        .map(|number| demograph_core::privacy::SourceRules {
            id: source(number),
            attributes: demograph_core::record::Attribute::ALL.to_vec(),
            legal_basis: Some("a measurement".into()),
            calibration: None,
            time_zone: None,
        })
        .collect();
    Policy::new(&demograph_core::privacy::PolicyRules::default(), &sources)
}

pub fn source(number: usize) -> String {
    format!("camera-{number:05}")
}

/// What the stub model can say: the labels of the shipped one.
pub fn facts() -> ModelFacts {
    StubModel::default().facts().clone()
}

pub fn terms(policy: &Policy, facts: &ModelFacts, settings: &Settings) -> Arc<Terms> {
    let bands = config::Windows::default().age_bands;
    let categories = Categories::new(&bands, facts);
    Arc::new(Terms::new(&facts.id, policy, categories, settings))
}

/// The calibration that the shipped model brings.
pub fn calibrations(model: &Path) -> anyhow::Result<Calibrations> {
    let path = model.join("calibration.int8.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let file = CalibrationFile::parse(&text)?;
    Ok(Calibrations::new(Method::default(), Some(file), []))
}

/// Sources, faces that each shows in a pane, and panes.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    pub sources: usize,
    pub faces_a_pane: usize,
    pub panes: usize,
}

impl Scene {
    /// Every face of the scene in the order of time, the sources in turn.
    pub fn observations(self, terms: &Terms) -> Vec<Observation> {
        let mut random = StdRng::seed_from_u64(7);
        let sources: Vec<SourceId> = (0..self.sources)
            .map(|number| SourceId::new(&source(number)))
            .collect();
        let faces = self.faces_a_pane * self.panes;
        let step = SETTINGS.pane / self.faces_a_pane as i64;
        let mut observations = Vec::with_capacity(faces * self.sources);
        for face in 0..faces {
            for source in &sources {
                let time = EventTime(BEGIN + face as i64 * step);
                let track = format!("{source}/{}", face / FACES_A_TRACK);
                observations.push(Observation {
                    position: Position {
                        partition: 0,
                        offset: observations.len() as i64,
                    },
                    received: time,
                    source: source.clone(),
                    time,
                    stated: None,
                    id: None,
                    track: Some(TrackId::of(track.as_bytes())),
                    judged: None,
                    outcome: Ok(terms.categories.evidence(&estimate(&mut random))),
                });
            }
        }
        observations
    }

    /// The windows, one a pane, that this scene leaves when all is folded.
    pub fn released(self, terms: &Arc<Terms>) -> Vec<ReleasedWindow> {
        let mut shard = begin(terms, PANES);
        let mut released = Vec::new();
        for observation in self.observations(terms) {
            if let Applied::Counted(_, windows) = shard.apply(observation) {
                released.extend(windows);
            }
        }
        released.extend(shard.end());
        released
    }
}

/// A partition of which nothing was read.
pub fn begin(terms: &Arc<Terms>, settings: Settings) -> Shard {
    let key = TrackKey::of("no secret: the key of the benchmark").expect("it is long enough");
    Shard::begin(0, Saved::beginning(0), settings, terms.clone(), &key)
}

/// As sharp as the shipped model's answers are: a head for each attribute, 101 ages.
fn estimate(random: &mut StdRng) -> Estimate {
    let age: f32 = random.random_range(0.0..100.0);
    let ages: Arc<[f32]> = (0..=100).map(|year| year as f32).collect();
    let bell = ages.iter().map(|year| (-(year - age).powi(2) / 50.0).exp());
    Estimate {
        age: Some(AgePosterior {
            probabilities: normalised(bell.collect()),
            ages: ages.clone(),
        }),
        gender: Some(Posterior(spread(random, 2))),
        ethnicity: Some(Posterior(spread(random, 5))),
    }
}

fn spread(random: &mut StdRng, classes: usize) -> Vec<f32> {
    let winner = random.random_range(0..classes);
    let weight = |class| match class == winner {
        true => 8.0,
        false => random.random_range(0.01..1.0),
    };
    normalised((0..classes).map(weight).collect())
}

fn normalised(weights: Vec<f32>) -> Vec<f32> {
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
