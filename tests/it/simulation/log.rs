//! What the cameras send, and what a naive group-by makes of it.

use std::collections::BTreeMap;

use demograph_core::{
    choose::{Choice, Chooser, CropsMax, Judged, Quality, Sight},
    privacy::Policy,
    record::{Attribute, EventTime, Position, Record, TrackId},
    reject::Reject,
    window::{Categories, Evidence, Growth, Observation, Tally, TrackEvidence},
};
use demograph_model::{
    decode::{self, Limits},
    infer::{Model, StubModel},
};
use rand::{RngExt, rngs::StdRng};

use super::{
    PANE, SETTINGS, key,
    tables::{Bounds, holder},
};

pub const PARTITIONS: i32 = 2;
const RECORDS: usize = 600;
/// People before a camera at a time.
const TRACKS: i64 = 3;
/// Milliseconds after which others are there.
const VISIT: i64 = 7_000;
const LIMITS: Limits = Limits {
    payload_bytes_max: 10_000,
    image_side_min: 1,
    image_side_max: 64,
    future_max: 60_000,
    past_max: 600_000,
};

/// Source, pane, category -> votes.
pub type Votes = BTreeMap<(String, i64, String), u64>;

/// What must come out.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    pub faces: u64,
    pub spared: u64,
    pub late: u64,
    pub rejected: BTreeMap<Reject, u64>,
    pub votes: Votes,
}

/// A record, decoded and estimated whether it is spared or not.
pub struct Seen {
    observation: Observation,
    quality: Option<Quality>,
}

impl Seen {
    /// The record's receipt.
    pub fn received(&self) -> EventTime {
        self.observation.received
    }

    /// What the fold gets of it, if this chooser stands before decoding.
    pub fn through(&self, chooser: &mut Chooser) -> Observation {
        let mut observation = self.observation.clone();
        if let (Some(track), Some(quality)) = (observation.track, self.quality) {
            let sight = Sight {
                source: &observation.source,
                time: observation.time,
                track: key().track(track),
                quality,
            };
            let choice = chooser.choose(&sight, CropsMax::new(2).unwrap());
            observation.judged = Some(Judged { quality, choice });
            if choice == Choice::Spared {
                observation.outcome = Ok(Evidence::default());
            }
        }
        observation
    }
}

/// What one pass over a log finds.
#[derive(Default)]
pub struct Expected {
    pub totals: Totals,
    /// Faces that are older than one before them of the same source. No other face may ever be late.
    pub disordered: u64,
    /// Source, pane, track, evidence.
    faces: Vec<(String, i64, Option<TrackId>, Evidence)>,
}

impl Expected {
    /// The votes in these windows: one a track, one a face without a track.
    pub fn votes(&self, windows: &[Bounds], categories: &Categories) -> Votes {
        let mut tallies: BTreeMap<(String, i64), Tally> = BTreeMap::new();
        let mut tracks: BTreeMap<(String, i64, TrackId), TrackEvidence> = BTreeMap::new();
        for (source, pane, track, evidence) in &self.faces {
            let start = holder(windows, (source, *pane));
            match track {
                None => tallies
                    .entry((source.clone(), start))
                    .or_default()
                    .vote(evidence),
                Some(track) => tracks
                    .entry((source.clone(), start, *track))
                    .or_default()
                    .add(evidence),
            }
        }
        for ((source, start, _), track) in &tracks {
            tallies
                .entry((source.clone(), *start))
                .or_default()
                .vote_track(track);
        }
        let labels = categories.labels(Attribute::Gender);
        let votes = tallies.iter().flat_map(|((source, start), tally)| {
            let counts = labels.iter().zip(tally.counts(Attribute::Gender));
            counts.map(move |(label, &n)| ((source.clone(), *start, label.clone()), n))
        });
        votes.filter(|(_, n)| *n > 0).collect()
    }
}

/// The logs of all partitions, decoded and estimated.
pub fn logs(rng: &mut StdRng, policy: &Policy, categories: &Categories) -> Vec<Vec<Seen>> {
    let mut model = StubModel::default();
    let mut logs: Vec<Vec<Seen>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    // Two minutes over the end of an hour.
    let mut now = 3_540_000;
    for _ in 0..RECORDS {
        now += rng.random_range(0..400);
        let partition = rng.random_range(0..PARTITIONS);
        let log = &mut logs[partition as usize];
        let position = Position {
            partition,
            offset: log.len() as i64,
        };
        let record = record(rng, position, now);
        log.push(observe(record, &mut model, (categories, policy)));
    }
    logs
}

/// Nothing is hidden here (a config could not say so): disclosure control has tests of its own.
pub fn policy() -> Policy {
    let rules = demograph_core::privacy::PolicyRules {
        k_total: 0,
        k_cell: 0,
        ..Default::default()
    };
    let source = |n: i32| demograph_core::privacy::SourceRules {
        id: format!("cam-{n}"),
        attributes: vec![Attribute::Gender],
        legal_basis: None,
        calibration: None,
        time_zone: None,
    };
    Policy::new(&rules, &(0..PARTITIONS * 2).map(source).collect::<Vec<_>>())
}

/// One pass over a log, without a checkpoint, a crash or a store; nothing is closed by silence.
pub fn group_by(log: &[Seen]) -> Expected {
    let mut expected = Expected::default();
    let totals = &mut expected.totals;
    let mut chooser = Chooser::new(SETTINGS.spans());
    let mut closed_until: BTreeMap<String, i64> = BTreeMap::new();
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for seen in log {
        let seen = seen.through(&mut chooser);
        let evidence = match &seen.outcome {
            Err(reason) => {
                *totals.rejected.entry(*reason).or_default() += 1;
                continue;
            }
            Ok(evidence) => evidence,
        };
        let newest = newest.entry(seen.source.to_string()).or_insert(i64::MIN);
        expected.disordered += u64::from(seen.time.0 < *newest);
        *newest = seen.time.0.max(*newest);
        let until = closed_until
            .entry(seen.source.to_string())
            .or_insert(i64::MIN);
        let pane = seen.time.0.div_euclid(PANE) * PANE;
        if pane < *until {
            totals.late += 1;
            continue;
        }
        let watermark = seen.time.0 - SETTINGS.lateness_max;
        *until = (*until).max(watermark.div_euclid(PANE) * PANE);
        if seen.is_spared() {
            totals.spared += 1;
            continue;
        }
        totals.faces += 1;
        let source = seen.source.to_string();
        let face = (source, pane, seen.track, evidence.clone());
        expected.faces.push(face);
    }
    expected
}

fn record(rng: &mut StdRng, position: Position, now: i64) -> Record {
    // The key decides the partition, so each partition has sources of its own.
    let source = position.partition * 2 + rng.random_range(0..2);
    let mut headers = vec![];
    let delay = match rng.random_range(0..100) {
        0..80 => rng.random_range(0..3_000),
        80..97 => rng.random_range(3_000..14_000),
        _ => rng.random_range(20_000..90_000),
    };
    headers.push(("ce_time".to_owned(), Some(rfc3339(now - delay))));
    if rng.random_ratio(5, 6) {
        let track = now / VISIT * TRACKS + rng.random_range(0..TRACKS);
        headers.push(("ce_trackid".to_owned(), Some(track.to_string().into())));
    }
    if rng.random_ratio(1, 3) {
        let quality = rng.random_range(0.0..1.0f64);
        headers.push(("ce_quality".to_owned(), Some(quality.to_string().into())));
    }
    let mut key = format!("cam-{source}");
    let mut payload = picture(rng.random());
    let mut timestamp = now;
    match rng.random_range(0..64) {
        0 => payload.truncate(payload.len() / 2),
        1 => payload.clear(),
        2 => key = "stranger".into(),
        3 => headers[0].1 = Some(b"soon".to_vec()),
        // Clocks that are wrong: of a camera, and of a producer whose camera states no time.
        4 => headers[0].1 = Some(rfc3339(now + rng.random_range(61_000..3_000_000))),
        5 => headers[0].1 = Some(rfc3339(now - rng.random_range(600_001..900_000))),
        // Damage that only the decoder sees.
        60.. => {
            let middle = payload.len() - 16;
            payload[middle - 4..middle].fill(0xFF);
        }
        6 | 7 => {
            headers.clear();
            timestamp = [5, now + 80_000, 4_070_908_800_000][rng.random_range(0..3)];
        }
        _ => {}
    }
    Record {
        position,
        timestamp: Some(EventTime(timestamp)),
        received: EventTime(now),
        key: Some(key.into_bytes()),
        headers,
        payload,
    }
}

fn rfc3339(millis: i64) -> Vec<u8> {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap();
    time.to_string().into_bytes()
}

/// The stub model sees a woman where green is bright.
fn picture(is_female: bool) -> Vec<u8> {
    let green = if is_female { 250 } else { 5 };
    let picture = image::RgbImage::from_pixel(4, 4, image::Rgb([100, green, 0]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn observe(
    record: Record,
    model: &mut StubModel,
    (categories, policy): (&Categories, &Policy),
) -> Seen {
    let opened = decode::open(record, &LIMITS, policy);
    let crop = opened.crop.and_then(|crop| crop.decode(&LIMITS));
    let outcome: Result<Evidence, Reject> = crop.map(|crop| {
        let answers = model.estimate(&[crop]).unwrap();
        categories.evidence(answers[0].as_ref().unwrap())
    });
    Seen {
        quality: opened.quality,
        observation: Observation {
            position: opened.position,
            received: opened.received,
            source: opened.source,
            time: opened.time,
            stated: opened.stated,
            id: opened.id,
            track: opened.track,
            judged: None,
            outcome,
        },
    }
}

/// Windows of so many people; without one where it is 0.
pub fn growth(people_min: u64) -> Growth {
    match people_min {
        0 => Growth::NONE,
        _ => Growth::of(policy().rules(), people_min, 86_400_000),
    }
}
