//! The demo's cameras: what passes before them is drawn from mixes that shift while the demo runs,
//! seen through composites (averages of many faces), with the faults that real feeds have.

use std::path::Path;

use anyhow::{Context, bail};
use demograph_core::{
    event::{CropEvent, Event, Form},
    record::EventTime,
};
use rand::{RngExt, SeedableRng, distr::weighted::WeightedIndex, rngs::StdRng};

/// People before a camera at a time.
const CROWD: usize = 14;
/// The most crops of one person.
const CROPS_MAX: u32 = 8;

/// One in so many events is broken, of an unknown camera, late, out of order.
const ONE_IN_BROKEN: u32 = 80;
const ONE_IN_UNKNOWN: u32 = 150;
const ONE_IN_LATE: u32 = 100;
const ONE_IN_DISORDER: u32 = 12;

/// A face that belongs to nobody.
pub(super) struct Composite {
    /// Position of its age band among those of the label file.
    age: usize,
    pub is_female: bool,
    ethnicity: String,
    pub image: Vec<u8>,
}

/// What passes before a camera, at the beginning and at the end of the demo.
pub(super) struct Scene {
    pub source: &'static str,
    pub female: [f64; 2],
    /// The most frequent age band.
    pub age: [f64; 2],
    /// The ethnicity that is more frequent than the others, and how much.
    pub ethnicity: (&'static str, [f64; 2]),
    pub has_tracks: bool,
}

const SCENES: [Scene; 4] = [
    Scene {
        source: "lobby",
        female: [0.35, 0.65],
        age: [2.0, 4.0],
        ethnicity: ("white", [4.0, 1.0]),
        has_tracks: true,
    },
    Scene {
        source: "cafe",
        female: [0.7, 0.5],
        age: [1.0, 2.5],
        ethnicity: ("asian", [1.0, 4.0]),
        has_tracks: true,
    },
    Scene {
        source: "platform",
        female: [0.5, 0.3],
        age: [3.0, 1.0],
        ethnicity: ("black", [2.0, 2.0]),
        has_tracks: true,
    },
    Scene {
        source: "entrance",
        female: [0.4, 0.6],
        age: [5.0, 3.0],
        ethnicity: ("indian", [3.0, 1.0]),
        has_tracks: false,
    },
];

/// Someone before a camera.
struct Person {
    composite: usize,
    track: u64,
    crops_left: u32,
}

/// All cameras of the demo.
pub(super) struct Cameras {
    composites: Vec<Composite>,
    crowds: Vec<Vec<Person>>,
    rng: StdRng,
    events: u64,
    tracks: u64,
}

impl Cameras {
    /// Reads the composites and their `labels.csv`. The same seed gives the same events.
    pub(super) fn open(folder: &Path, seed: u64) -> anyhow::Result<Self> {
        Ok(Self {
            composites: read_composites(folder)?,
            crowds: SCENES.iter().map(|_| Vec::new()).collect(),
            rng: StdRng::seed_from_u64(seed),
            events: 0,
            tracks: 0,
        })
    }

    /// The next event; the cameras take turns. `progress` goes from 0 to 1 while the mixes shift.
    pub(super) fn next(&mut self, now: EventTime, progress: f64) -> anyhow::Result<Event> {
        let camera = (self.events % SCENES.len() as u64) as usize;
        self.events += 1;
        let person = self.appear(camera, progress)?;
        let scene = &SCENES[camera];
        let mut event = CropEvent {
            quality: None,
            id: self.events.to_string(),
            source: scene.source.to_owned(),
            time: now.minus(self.delay()),
            track: scene.has_tracks.then(|| person.track.to_string()),
            content_type: "image/jpeg",
            image: self.composites[person.composite].image.clone(),
        };
        if self.rng.random_ratio(1, ONE_IN_UNKNOWN) {
            event.source = "unregistered".into();
        }
        if self.rng.random_ratio(1, ONE_IN_BROKEN) {
            self.damage(&mut event);
        }
        Ok(event.encode(Form::Binary))
    }

    /// Somebody of the crowd, who leaves after some crops and is replaced by the mix of the moment.
    fn appear(&mut self, camera: usize, progress: f64) -> anyhow::Result<Person> {
        if self.crowds[camera].len() < CROWD {
            let mix = mix(&self.composites, &SCENES[camera], progress)?;
            let composite = self.rng.sample(&mix);
            self.tracks += 1;
            let crops_left = self.rng.random_range(1..=CROPS_MAX);
            self.crowds[camera].push(Person {
                composite,
                track: self.tracks,
                crops_left,
            });
        }
        let place = self.rng.random_range(0..self.crowds[camera].len());
        let person = &mut self.crowds[camera][place];
        person.crops_left -= 1;
        let seen = Person { ..*person };
        if seen.crops_left == 0 {
            self.crowds[camera].swap_remove(place);
        }
        Ok(seen)
    }

    /// How long ago the face was seen, in milliseconds.
    fn delay(&mut self) -> i64 {
        if self.rng.random_ratio(1, ONE_IN_LATE) {
            20_000
        } else if self.rng.random_ratio(1, ONE_IN_DISORDER) {
            self.rng.random_range(200..2_000)
        } else {
            0
        }
    }

    fn damage(&mut self, event: &mut CropEvent) {
        match self.rng.random_range(0..4) {
            0 => event.image.truncate(event.image.len() / 2),
            1 => event.image = b"<html>502 Bad Gateway</html>".to_vec(),
            2 => event.content_type = "video/mp4",
            _ => event.image.clear(),
        }
    }
}

/// How often each composite passes before a camera.
pub(super) fn mix(
    composites: &[Composite],
    scene: &Scene,
    progress: f64,
) -> anyhow::Result<WeightedIndex<f64>> {
    let at = |[from, to]: [f64; 2]| from + (to - from) * progress;
    let weights = composites.iter().map(|composite| {
        let gender = if composite.is_female {
            at(scene.female)
        } else {
            1.0 - at(scene.female)
        };
        let age = (-(composite.age as f64 - at(scene.age)).powi(2) / 3.0).exp();
        let (favoured, weight) = scene.ethnicity;
        let ethnicity = if composite.ethnicity == favoured {
            at(weight)
        } else {
            1.0
        };
        gender * age * ethnicity
    });
    WeightedIndex::new(weights).context("mix the composites")
}

pub(super) fn read_composites(folder: &Path) -> anyhow::Result<Vec<Composite>> {
    let labels = folder.join("labels.csv");
    let mut reader = csv::Reader::from_path(&labels).with_context(|| {
        format!(
            "read {}; run the demo in the project's folder, or give --crops",
            labels.display()
        )
    })?;
    let mut bands: Vec<String> = Vec::new();
    let mut composites = Vec::new();
    let columns = reader.headers()?.clone();
    let column = |name: &str| {
        let position = columns.iter().position(|column| column == name);
        position.with_context(|| format!("{} has no column {name:?}", labels.display()))
    };
    let (file, age_band, gender, ethnicity) = (
        column("file")?,
        column("age_band")?,
        column("gender")?,
        column("ethnicity")?,
    );
    let rows = reader
        .records()
        .collect::<Result<Vec<_>, _>>()
        .context("read the labels")?;
    bands.extend(rows.iter().map(|row| row[age_band].to_owned()));
    bands.sort_by_key(|band| {
        band.split(['-', '+'])
            .next()
            .and_then(|age| age.parse::<u32>().ok())
    });
    bands.dedup();
    for row in rows {
        let path = folder.join(&row[file]);
        composites.push(Composite {
            age: bands
                .iter()
                .position(|band| *band == row[age_band])
                .unwrap_or(0),
            is_female: &row[gender] == "female",
            ethnicity: row[ethnicity].to_owned(),
            image: std::fs::read(&path).with_context(|| format!("read {}", path.display()))?,
        });
    }
    if composites.is_empty() {
        bail!("{} lists no crops", labels.display());
    }
    Ok(composites)
}
