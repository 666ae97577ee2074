//! What the cameras send, and what a naive group-by makes of it.

use std::collections::BTreeMap;

use demograph::{
    config,
    decode::{self, Limits, Reject},
    infer::{Model, StubModel},
    privacy::Policy,
    record::{Attribute, EventTime, Position, Record},
    window::{Categories, Evidence, Observation, Tally},
};
use rand::{RngExt, rngs::StdRng};

use super::{PANE, SETTINGS};

pub const PARTITIONS: i32 = 2;
const RECORDS: usize = 600;
const LIMITS: Limits = Limits {
    payload_bytes_max: 10_000,
    image_side_min: 16,
    image_side_max: 64,
    future_max: 60_000,
};

/// Source, pane, category -> votes.
pub type Votes = BTreeMap<(String, i64, String), u64>;

/// What must come out.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    pub faces: u64,
    pub late: u64,
    pub rejected: BTreeMap<Reject, u64>,
    pub votes: Votes,
}

/// The logs of all partitions, decoded and estimated.
pub fn logs(rng: &mut StdRng, policy: &Policy, categories: &Categories) -> Vec<Vec<Observation>> {
    let mut model = StubModel::default();
    let mut logs: Vec<Vec<Observation>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    let mut now = 1_000_000;
    for _ in 0..RECORDS {
        now += rng.random_range(0..400);
        let partition = rng.random_range(0..PARTITIONS);
        let log = &mut logs[partition as usize];
        let position = Position {
            partition,
            offset: log.len() as i64,
        };
        let record = record(rng, position, now);
        log.push(observe(&record, &mut model, (categories, policy)));
    }
    logs
}

/// Nothing is hidden here (a config could not say so): disclosure control has tests of its own.
pub fn policy() -> Policy {
    let rules = config::Policy {
        k_total: 0,
        k_cell: 0,
        ..Default::default()
    };
    let source = |n: i32| config::Source {
        id: format!("cam-{n}"),
        attributes: vec![Attribute::Gender],
        legal_basis: None,
        calibration: None,
    };
    Policy::new(&rules, &(0..PARTITIONS * 2).map(source).collect::<Vec<_>>())
}

/// One pass over a log, without a checkpoint, a crash or a store; nothing is closed by silence.
pub fn group_by(log: &[Observation], categories: &Categories) -> Totals {
    let mut totals = Totals::default();
    let mut closed_until: BTreeMap<String, i64> = BTreeMap::new();
    for seen in log {
        let evidence = match &seen.outcome {
            Err(reason) => {
                *totals.rejected.entry(*reason).or_default() += 1;
                continue;
            }
            Ok(evidence) => evidence,
        };
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
        totals.faces += 1;
        let key = (
            seen.source.to_string(),
            pane,
            category(evidence, categories),
        );
        *totals.votes.entry(key).or_default() += 1;
    }
    totals
}

fn category(evidence: &Evidence, categories: &Categories) -> String {
    let mut one = Tally::default();
    one.vote(evidence);
    let counts = one.counts(Attribute::Gender);
    let winner = counts.iter().position(|&n| n == 1).unwrap();
    categories.labels(Attribute::Gender)[winner].clone()
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
    let time = jiff::Timestamp::from_millisecond(now - delay).unwrap();
    headers.push(("ce_time".to_owned(), time.to_string().into_bytes()));
    let mut key = format!("cam-{source}");
    let mut payload = picture(rng.random());
    match rng.random_range(0..60) {
        0 => payload.truncate(payload.len() / 2),
        1 => payload.clear(),
        2 => key = "stranger".into(),
        3 => headers[0].1 = b"soon".to_vec(),
        _ => {}
    }
    Record {
        position,
        timestamp: Some(EventTime(now)),
        received: EventTime(now),
        key: Some(key.into_bytes()),
        headers,
        payload,
    }
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
    record: &Record,
    model: &mut StubModel,
    (categories, policy): (&Categories, &Policy),
) -> Observation {
    let decoded = decode::decode(record, &LIMITS, policy);
    let outcome: Result<Evidence, Reject> = decoded.crop.map(|crop| {
        let estimates = model.estimate(&[crop]).unwrap();
        categories.evidence(&estimates[0])
    });
    Observation {
        position: decoded.position,
        received: record.received,
        source: decoded.source,
        time: decoded.time,
        track: decoded.track,
        outcome,
    }
}
