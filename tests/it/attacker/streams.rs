//! Seeded streams: cameras of few and of many people, with settings of all kinds.
//!
//! People come at random (Poisson), each with a track of a few crops. A crop's posterior is that of a cell of the
//! calibration, drawn as faces of the person's true class fall into cells: the model errs as the calibration says.

use demograph_core::{
    estimate::{CalibrationFile, Method},
    periods::Zone,
    privacy::PolicyRules,
    record::Attribute,
    window::{Untracked, Weighting},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const MINUTE: i64 = 60_000;
/// 2026-01-01, in milliseconds.
const BEGIN: i64 = 1_767_225_600_000;
pub const FUTURE_MAX: i64 = MINUTE;
pub const LATENESS: i64 = 10_000;
/// Of each camera, about.
const WINDOWS: i64 = 10;
/// Milliseconds between two crops of a track.
const STEP: i64 = 1_000;

const ZONES: [&str; 3] = ["UTC", "America/New_York", "Asia/Kolkata"];

/// A run: what the operator chose, and all faces in the order in which they are read.
#[derive(Debug, Clone)]
pub struct Stream {
    pub chosen: Chosen,
    pub faces: Vec<Face>,
    /// At this face the operator starts the program anew, with other thresholds and longer windows.
    pub changes_at: Option<usize>,
}

/// What the operator chose. The attacker knows all of it.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub method: Method,
    pub rules: PolicyRules,
    pub people_min: u64,
    pub weighting: Weighting,
    /// By whose clock hours and days go.
    pub zone: Zone,
    /// Crops of a track at most; 1 tells the attacker what each crop says.
    pub crops_max: i64,
}

#[derive(Debug, Clone)]
pub struct Face {
    pub time: i64,
    pub received: i64,
    pub source: &'static str,
    pub track: Option<u64>,
    /// In the order of [`Attribute::ALL`].
    pub posteriors: [Vec<f32>; 3],
}

/// A camera: people an hour, and for how many minutes.
struct Camera {
    source: &'static str,
    an_hour: i64,
    minutes: i64,
    has_tracks: bool,
}

impl Chosen {
    fn draw(rng: &mut StdRng, seed: u64) -> Self {
        let (k_total, k_cell) = [(10, 5), (10, 5), (6, 3), (20, 10)][rng.random_range(0..4)];
        // A quarter each of: the usual, single crops, dwell, faces without a track.
        let kind = seed % 4;
        Self {
            method: Method::ALL[(seed / 4 % 3) as usize],
            rules: PolicyRules {
                k_total,
                k_cell,
                untracked: match kind {
                    3 => Untracked::Count,
                    _ => Untracked::Ignore,
                },
                detections_factor: 2,
                ..PolicyRules::default()
            },
            people_min: [0, 20, 20, 50, 50, 100][rng.random_range(0..6)],
            zone: Zone::named(ZONES[rng.random_range(0..ZONES.len())]).unwrap(),
            weighting: match kind {
                2 => Weighting::Dwell,
                _ => Weighting::People,
            },
            crops_max: match kind {
                1 => 1,
                _ => 5,
            },
        }
    }

    /// The same operator's next idea.
    pub fn changed(&self) -> Self {
        let mut other = self.clone();
        other.rules.k_total *= 2;
        other.rules.k_cell += 1;
        other.people_min = other.people_min * 3 / 2 + 10;
        other
    }
}

/// A stream of any kind.
pub fn draw(seed: u64, calibration: &CalibrationFile) -> Stream {
    let mut rng = StdRng::seed_from_u64(seed);
    let chosen = Chosen::draw(&mut rng, seed);
    let mut stream = draw_for(chosen, &mut rng, calibration);
    stream.changes_at = (seed % 5 == 4).then_some(stream.faces.len() / 2);
    stream
}

/// A stream that is easy to attack: one crop a track, and a linear estimator.
pub fn linear(calibration: &CalibrationFile) -> Stream {
    let chosen = Chosen {
        method: Method::Acc,
        rules: PolicyRules::default(),
        people_min: 50,
        weighting: Weighting::People,
        zone: Zone::utc(),
        crops_max: 1,
    };
    draw_for(chosen, &mut StdRng::seed_from_u64(1), calibration)
}

fn draw_for(chosen: Chosen, rng: &mut StdRng, calibration: &CalibrationFile) -> Stream {
    let untracked = chosen.rules.untracked == Untracked::Count;
    // Where each pane is a window, a quiet camera shows nothing for hours.
    let minutes = |an_hour: i64| match chosen.people_min {
        0 => 4,
        people => WINDOWS * 60 * people as i64 / an_hour,
    };
    let mut camera = |source, often: std::ops::Range<i64>, has_tracks| {
        let an_hour = rng.random_range(often);
        Camera {
            source,
            an_hour,
            // A source without tracks is known after an hour.
            minutes: match has_tracks {
                true => minutes(an_hour),
                false => 120,
            },
            has_tracks,
        }
    };
    let busy = match (chosen.people_min, untracked) {
        (_, true) => 100..400,
        (0, false) => 6_000..12_000,
        _ => 900..6_000,
    };
    let cameras = [
        camera("quiet", 10..200, true),
        camera("busy", busy, !untracked),
        camera("aside", 100..400, true),
    ];
    let mut faces = Vec::new();
    for camera in &cameras {
        people(camera, (&chosen, calibration), &mut faces, rng);
    }
    // Faces come about in the order of their times; some are late, and a few too late.
    for face in &mut faces {
        let delay = match rng.random_range(0..100) {
            0 => rng.random_range(LATENESS..4 * LATENESS),
            1..5 => rng.random_range(0..LATENESS),
            _ => 200,
        };
        face.received = face.time + delay;
    }
    faces.sort_by_key(|face| face.received);
    Stream {
        chosen,
        faces,
        changes_at: None,
    }
}

fn people(
    camera: &Camera,
    (chosen, calibration): (&Chosen, &CalibrationFile),
    faces: &mut Vec<Face>,
    rng: &mut StdRng,
) {
    let populations = Attribute::ALL.map(|attribute| {
        let classes = calibration.attributes[&attribute].labels.len();
        // Cubes: in most crowds some categories are rare.
        let often = |_| rng.random_range(0.2f64..1.0).powi(3);
        (0..classes).map(often).collect::<Vec<f64>>()
    });
    let mut at = BEGIN as f64 + 37.0 * MINUTE as f64;
    let end = at + (camera.minutes * MINUTE) as f64;
    let mean = 60.0 * MINUTE as f64 / camera.an_hour as f64;
    // Once it falls silent for longer than panes stay open.
    let silence = at + (end - at) / 3.0;
    let mut was_silent = false;
    loop {
        at += -(1.0 - rng.random_range(0.0f64..1.0)).ln() * mean;
        if !was_silent && at > silence {
            was_silent = true;
            at += 5.0 * MINUTE as f64;
        }
        if at > end {
            return;
        }
        let track = camera.has_tracks.then(|| rng.random_range(0..u64::MAX));
        let is = [0, 1, 2].map(|place| weighted(&populations[place], rng));
        for crop in 0..rng.random_range(1..=chosen.crops_max) {
            let time = at as i64 + crop * STEP;
            faces.push(Face {
                time,
                received: time,
                source: camera.source,
                track,
                posteriors: posteriors(is, calibration, rng),
            });
        }
    }
}

/// What the model says of a crop of such a person.
fn posteriors(is: [usize; 3], calibration: &CalibrationFile, rng: &mut StdRng) -> [Vec<f32>; 3] {
    let mut place = 0;
    Attribute::ALL.map(|attribute| {
        let class = is[place];
        place += 1;
        let rows = &calibration.attributes[&attribute].cells;
        let of_class: Vec<f64> = rows.iter().map(|row| row.faces[class] as f64).collect();
        let row = &rows[weighted(&of_class, rng)];
        let sum: u64 = row.evidence.iter().sum();
        let posterior = row.evidence.iter().map(|&p| p as f32 / sum as f32);
        posterior.collect()
    })
}

fn weighted(weights: &[f64], rng: &mut StdRng) -> usize {
    let mut at = rng.random_range(0.0..weights.iter().sum::<f64>());
    let is_it = |weight: &f64| {
        at -= weight;
        at < 0.0
    };
    weights.iter().position(is_it).unwrap_or(0)
}
