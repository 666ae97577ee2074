//! A simulated source: people come at random, stay for some panes, and are looked at in each.
//!
//! A face is one of a pool's, in one of its views, so that the crops of a person are alike. Calibrations are drawn from
//! the same pool. Seeded; no IO.

use demograph_core::{
    estimate::Calibration,
    privacy::{Policy, PolicyRules, ReleasedWindow},
    record::{Attribute, EventTime, Position, SourceId, TrackId},
    state::{Applied, Saved, Shard, Terms, TrackKey},
    window::{Categories, Evidence, Growth, Observation, Settings, Untracked, Weighting},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const ATTRIBUTE: Attribute = Attribute::Ethnicity;
/// Of all people, by class.
pub const TRUTH: [f64; 3] = [0.55, 0.30, 0.15];
pub const PANE: i64 = 10_000;
/// 2026-01-01, in milliseconds.
pub const BEGIN: i64 = 1_767_225_600_000;
const FACES: usize = 1_500;
const VIEWS: usize = 8;
/// How far the features of the classes lie apart.
const APART: f32 = 1.7;

/// One kind of source.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Panes that a person stays.
    pub stay: f64,
    /// Crops of a person in each of them.
    pub looks: f64,
    /// People who come in a pane.
    pub come: f64,
    pub has_tracks: bool,
    pub weighting: Weighting,
    /// See [`Growth::people_min`].
    pub people_min: u64,
}

/// Faces by class, each in several views.
pub struct Pool {
    posteriors: Vec<Vec<Vec<Vec<f32>>>>,
    evidence: Vec<Vec<Vec<Evidence>>>,
}

impl Pool {
    /// Of what the features of a crop differ by from those of its class, the part `alike` is its face's.
    pub fn new(alike: f32, random: &mut StdRng) -> Self {
        let mut posteriors = Vec::new();
        for class in 0..TRUTH.len() {
            let mut face = || {
                let own: Vec<f32> = (0..TRUTH.len()).map(|_| normal(random)).collect();
                let view = |_| posterior(class, (&own, alike), random);
                (0..VIEWS).map(view).collect::<Vec<_>>()
            };
            posteriors.push((0..FACES).map(|_| face()).collect::<Vec<_>>());
        }
        let evidence = |posterior: &Vec<f32>| {
            let mut evidence = Evidence::default();
            evidence.set(ATTRIBUTE, posterior);
            evidence
        };
        let faces = |faces: &Vec<Vec<Vec<f32>>>| {
            let views = |views: &Vec<Vec<f32>>| views.iter().map(evidence).collect();
            faces.iter().map(views).collect()
        };
        Self {
            evidence: posteriors.iter().map(faces).collect(),
            posteriors,
        }
    }

    /// So many labelled faces of each class.
    pub fn calibration(&self, faces: [usize; 3], random: &mut StdRng) -> Calibration {
        let labels = names(TRUTH.len());
        let mut known = Vec::new();
        for (class, &n) in faces.iter().enumerate() {
            for _ in 0..n {
                let face = random.random_range(0..FACES);
                let view = random.random_range(0..VIEWS);
                known.push((class, &self.posteriors[class][face][view][..]));
            }
        }
        Calibration::new(&labels, known.into_iter()).expect("each class has faces")
    }
}

/// Sure of itself by 1.5 times too much, as models are.
fn posterior(class: usize, (own, alike): (&[f32], f32), random: &mut StdRng) -> Vec<f32> {
    let (own_part, other_part) = (alike.sqrt(), (1.0 - alike).sqrt());
    let mut logits: Vec<f32> = own
        .iter()
        .map(|own| own_part * own + other_part * normal(random))
        .collect();
    logits[class] += APART;
    let weights: Vec<f32> = logits.iter().map(|x| (x * APART * 1.5).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|x| x / sum).collect()
}

/// Box and Muller.
fn normal(random: &mut StdRng) -> f32 {
    let (u, v): (f32, f32) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

/// One person who is there.
struct Person {
    id: u64,
    class: usize,
    face: usize,
    /// When he is looked at next, and until when he stays; in panes.
    next: f64,
    until: f64,
}

/// The windows that a source releases in so many panes.
pub fn windows(pool: &Pool, kind: Kind, panes: u64, seed: u64) -> Vec<ReleasedWindow> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut shard = shard(kind);
    let mut released = Vec::new();
    let (mut there, mut comes, mut people) = (Vec::<Person>::new(), 0.0, 0);
    let mut offset = 0;
    for pane in 0..panes {
        let end = (pane + 1) as f64;
        loop {
            let u: f64 = random.random();
            let next = comes - (1.0 - u).ln() / kind.come;
            if next >= end {
                // Without memory: the rest of the wait begins anew.
                comes = end;
                break;
            }
            comes = next;
            there.push(Person {
                id: people,
                class: class(&mut random),
                face: random.random_range(0..FACES),
                next: comes + random.random::<f64>() / kind.looks,
                until: comes + kind.stay,
            });
            people += 1;
        }
        let mut looks: Vec<(f64, usize)> = Vec::new();
        for (place, person) in there.iter_mut().enumerate() {
            while person.next < person.until.min(end) {
                looks.push((person.next, place));
                person.next += 1.0 / kind.looks;
            }
        }
        looks.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, place) in looks {
            let person = &there[place];
            let views = &pool.evidence[person.class][person.face];
            let time = EventTime(BEGIN + (at * PANE as f64) as i64);
            let applied = shard.apply(Observation {
                position: Position {
                    partition: 0,
                    offset,
                },
                received: time,
                source: SourceId::new("door"),
                time,
                stated: None,
                id: None,
                track: kind
                    .has_tracks
                    .then(|| TrackId::of(&person.id.to_le_bytes())),
                judged: None,
                outcome: Ok(views[random.random_range(0..VIEWS)].clone()),
            });
            offset += 1;
            if let Applied::Counted(_, ended) = applied {
                released.extend(ended);
            }
        }
        there.retain(|person| person.next < person.until);
        if pane % 500 == 0 {
            // The outbox would hold all windows.
            shard.checkpoint(EventTime(0), true);
        }
    }
    released
}

fn class(random: &mut StdRng) -> usize {
    let mut left: f64 = random.random();
    let is_it = |share: &f64| {
        left -= share;
        left < 0.0
    };
    TRUTH.iter().position(is_it).unwrap_or(TRUTH.len() - 1)
}

fn shard(kind: Kind) -> Shard {
    // No category is hidden: views would not know how its votes divide.
    let rules = PolicyRules {
        // Nothing is hidden: of what is hidden nothing is learnt, and the config is believed.
        k_total: 1,
        k_cell: 0,
        untracked: Untracked::Count,
        ..PolicyRules::default()
    };
    let settings = Settings {
        pane: PANE,
        lateness_max: 0,
        idle_after: 30_000,
        future_max: 60_000,
        drops_duplicates: false,
        sources_max: 10,
        weighting: kind.weighting,
        untracked: rules.untracked,
        growth: Growth::of(&rules, kind.people_min, 24 * 3_600_000),
    };
    let facts = demograph_core::facts::ModelFacts {
        id: "simulated".into(),
        has_age: false,
        gender: Vec::new(),
        ethnicity: names(TRUTH.len()),
    };
    let policy = Policy::new(&rules, &[]);
    let terms = Terms::new(
        "simulated",
        &policy,
        Categories::new(&[0], &facts),
        &settings,
    );
    let key = TrackKey::of("no secret: the key of a simulation").expect("it is long enough");
    Shard::begin(0, Saved::beginning(0), settings, terms.into(), &key)
}

fn names(number: usize) -> Vec<String> {
    (0..number).map(|name| name.to_string()).collect()
}
