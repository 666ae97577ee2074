//! The whole core, single-threaded and seeded: disorder, poison, replays, rebalances. The oracle is a naive group-by.
//! A failing seed is printed; `SEED=n cargo test --test it simulation` runs it again.

use std::collections::BTreeMap;

use demograph::{
    config,
    decode::{self, Limits, Reject},
    infer::{Model, StubModel},
    privacy::{Cells, Policy, ReleasedPane},
    record::{Attribute, EventTime, Position, Record},
    state::{Applied, Shard},
    window::{Categories, Evidence, Observation, Outcome, Settings},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const PARTITIONS: i32 = 3;
const RECORDS: usize = 1_500;
const PANE: i64 = 10_000;
const SETTINGS: Settings = Settings {
    pane: PANE,
    lateness_max: 15_000,
    idle_after: 40_000,
    sources_max: 50,
    weighting: demograph::config::Weighting::People,
};
const LIMITS: Limits = Limits {
    payload_bytes_max: 10_000,
    image_side_max: 64,
    future_max: 60_000,
};

/// Source, pane, category -> votes.
type Votes = BTreeMap<(String, i64, String), u64>;

/// What the simulation has seen so far.
#[derive(Default)]
struct World {
    released: Vec<ReleasedPane>,
    faces: u64,
    late: u64,
    rejected: BTreeMap<Reject, u64>,
    replayed: u64,
    rebalances: u64,
    /// The naive group-by over the faces that counted.
    expected: Votes,
}

#[test]
fn whatever_happens_every_record_is_counted_once_and_where_it_belongs() {
    let mut sometimes = (0, 0, 0, 0);
    for seed in seeds() {
        let world = simulate(seed);
        check(&world, seed);
        let rejected: u64 = world.rejected.values().sum();
        sometimes.0 += world.late;
        sometimes.1 += rejected;
        sometimes.2 += world.replayed;
        sometimes.3 += world.rebalances;
    }
    println!("late, rejected, replayed, rebalances: {sometimes:?}");
    let (late, rejected, replayed, rebalances) = sometimes;
    assert!(
        late > 0 && rejected > 0 && replayed > 0 && rebalances > 0,
        "{sometimes:?} never happened"
    );
}

#[expect(clippy::disallowed_methods, reason = "a switch for developers")]
fn seeds() -> Vec<u64> {
    let chosen = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    chosen.map_or_else(|| (1..=12).collect(), |seed| vec![seed])
}

fn simulate(seed: u64) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let policy = policy();
    let mut model = StubModel::default();
    let categories = Categories::new(&[0, 18, 65], model.facts());
    let mut logs: Vec<Vec<Record>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    let mut shards: Vec<Shard> = (0..PARTITIONS)
        .map(|p| Shard::new(p, Some(0), SETTINGS, EventTime(0)))
        .collect();
    let mut world = World::default();
    let mut now = 1_000_000;
    for _ in 0..RECORDS {
        now += rng.random_range(0..400);
        let partition = rng.random_range(0..PARTITIONS) as usize;
        if rng.random_ratio(1, 300) {
            rebalance(&mut shards[partition], (&policy, now), &mut world);
        }
        let offset = logs[partition].len() as i64;
        let record = record(
            &mut rng,
            Position {
                partition: partition as i32,
                offset,
            },
            now,
        );
        let observation = observe(&record, &mut model, (&categories, &policy));
        logs[partition].push(record);
        apply(
            &mut shards[partition],
            observation,
            (&policy, &categories),
            &mut world,
        );
        if rng.random_ratio(1, 50) {
            let again = rng.random_range(0..logs[partition].len());
            let observation = observe(&logs[partition][again], &mut model, (&categories, &policy));
            apply(
                &mut shards[partition],
                observation,
                (&policy, &categories),
                &mut world,
            );
        }
        if rng.random_ratio(1, 100) {
            world
                .released
                .extend(shards[partition].close_idle(EventTime(now), &policy));
        }
    }
    for shard in &mut shards {
        world.released.extend(shard.drain(&policy));
    }
    world
}

/// Nothing is hidden here (a config could not say so): disclosure control has tests of its own.
fn policy() -> Policy {
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

fn apply(
    shard: &mut Shard,
    observation: Observation,
    (policy, categories): (&Policy, &Categories),
    world: &mut World,
) {
    let mut one = demograph::window::Tally::default();
    if let Ok(evidence) = &observation.outcome {
        one.vote(evidence);
    }
    let (source, time) = (observation.source.to_string(), observation.time.0);
    let Applied::Counted(outcome, released) = shard.apply(observation, policy) else {
        world.replayed += 1;
        return;
    };
    world.released.extend(released);
    match outcome {
        Outcome::Late => world.late += 1,
        Outcome::Rejected(reason) => *world.rejected.entry(reason).or_default() += 1,
        Outcome::Face => {
            world.faces += 1;
            let winner = one
                .counts(Attribute::Gender)
                .iter()
                .position(|&n| n == 1)
                .unwrap();
            let category = categories.labels(Attribute::Gender)[winner].clone();
            *world
                .expected
                .entry((source, time.div_euclid(PANE) * PANE, category))
                .or_default() += 1;
        }
    }
}

/// The partition goes to another member: everything is published, and the state is dropped.
fn rebalance(shard: &mut Shard, (policy, now): (&Policy, i64), world: &mut World) {
    world.rebalances += 1;
    world.released.extend(shard.drain(policy));
    let partition = shard.publish(EventTime(now));
    if let Some(publication) = partition {
        assert_eq!(
            publication.commit_offset, publication.next_offset,
            "a drained shard has no open pane"
        );
        *shard = Shard::new(
            publication.partition,
            Some(publication.commit_offset),
            SETTINGS,
            EventTime(now),
        );
    }
}

fn check(world: &World, seed: u64) {
    let sum = |get: fn(&ReleasedPane) -> u64| world.released.iter().map(get).sum::<u64>();
    let rejected: u64 = world.rejected.values().sum();
    assert_eq!(
        sum(|pane| pane.accounting.faces),
        world.faces,
        "faces, seed {seed}"
    );
    assert_eq!(
        sum(|pane| pane.accounting.late),
        world.late,
        "late, seed {seed}"
    );
    assert_eq!(
        sum(|pane| pane.accounting.rejected()),
        rejected,
        "rejected, seed {seed}"
    );
    assert_eq!(
        world.faces + world.late + rejected,
        RECORDS as u64,
        "conservation, seed {seed}"
    );

    let mut published = Votes::new();
    let labels = ["female", "male"];
    for pane in &world.released {
        for attribute in &pane.attributes {
            let Cells::Shown { counts, .. } = &attribute.cells else {
                panic!("suppressed with k = 0, seed {seed}");
            };
            for (label, count) in labels.iter().zip(counts) {
                if let Some(count @ 1..) = count {
                    let key = (pane.source.to_string(), pane.start.0, (*label).to_owned());
                    *published.entry(key).or_default() += count;
                }
            }
        }
    }
    assert_eq!(published, world.expected, "seed {seed}");
}
