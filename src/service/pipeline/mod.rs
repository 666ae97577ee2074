//! The whole program on one screen: four kinds of threads, the channels between them, and their joins.
//!
//! ```text
//! read ─▶ work × n ─▶ fold ─▶ write
//!  │ ▲                 ▲        │
//!  │ │                 │        │
//!  └─┼──── signals ────┘        │
//!    └── where to go on, what is durable
//! ```
//! Every channel is bounded: when a stage is slow, the one before it waits, and at the front Kafka does.

mod advice;
mod assignment;
mod attention;
mod audience;
mod commits;
mod feed;
mod fold;
mod front;
mod log;
mod read;
mod sources;
mod stages;
mod tables;
mod watch;
mod work;
mod write;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use crossbeam_channel::bounded;
use demograph_core::{
    estimate::Calibrations,
    people::Crowd,
    privacy::Policy,
    record::EventTime,
    span::Span,
    state::{self, FirstStart, Terms, TrackKey},
    views::Rolling,
    window,
};
use demograph_model::{decode::Limits, infer::Model};
use stages::Stages;

use crate::{
    clock,
    config::{Config, Duplicates, OnStop},
    cores,
    http::Health,
    inputs::{self, Inputs},
    kafka::Consumer,
    metrics::{Metrics, pace::Pace},
    shutdown::Shutdown,
    sink::Stores,
    snapshot::{Counts, Latest, Probes, Snapshot},
};

// What `benches/stages` drives without a broker.
pub use feed::{Numbered, Order};
pub use front::{Candidate, Front, Looked};
pub use watch::Sign;
pub use work::Worker;
// What the test of the attacker drives.
pub use audience::{show as show_view, show_people};

/// Batches that wait for the fold: enough that no worker waits for another's batch to be folded.
const BATCHES_QUEUED: usize = 16;
/// Signals that wait for the fold, which always listens.
const SIGNALS_QUEUED: usize = 16;
/// So many times what the stages before the fold can hold may be under way.
const UNDER_WAY: usize = 16;
/// Checkpoints that wait for the store; each holds the state of one partition.
const CHECKPOINTS_QUEUED: usize = 8;
/// Bytes of released windows that wait for a publication, a partition: some thousand windows. Every checkpoint holds
/// them again, so this bounds what one costs, however busy the topic is.
const OUTBOX_MAX: usize = 1 << 19;
/// Commits of different partitions that are under way at once.
const COMMITS_AT_ONCE: usize = 8;
/// What the writer has to say; the reader listens at every poll.
const ACKS_QUEUED: usize = 1024;

/// How long the other stages have to end after one has failed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// What the pipeline is made of.
pub struct Parts {
    pub config: Config,
    pub consumer: Consumer,
    /// Where partitions without a chain begin.
    pub first_start: FirstStart,
    /// By which ids in the state are hashed.
    pub track_key: TrackKey,
    /// One a worker.
    pub models: Vec<Box<dyn Model>>,
    pub policy: Policy,
    pub calibrations: Calibrations,
    pub stores: Stores,
    pub metrics: Metrics,
    pub health: Health,
    pub latest: Latest,
    /// Who feeds the service from within its process.
    pub inputs: Option<Arc<dyn Inputs>>,
    pub shutdown: Shutdown,
}

/// What every stage must agree on: the policy, the model, the names of what is counted.
#[derive(Clone)]
pub struct Meaning {
    pub policy: Arc<Policy>,
    pub terms: Arc<Terms>,
    pub calibrations: Arc<Calibrations>,
}

/// Runs until asked to stop, and drains; or until a stage fails.
pub fn run(parts: Parts) -> anyhow::Result<()> {
    let Parts {
        config,
        consumer,
        first_start,
        track_key,
        models,
        policy,
        calibrations,
        stores,
        metrics,
        health,
        latest,
        inputs,
        shutdown,
    } = parts;
    let facts = models
        .first()
        .context("no model was loaded")?
        .facts()
        .clone();
    let settings = window::Settings {
        pane: config.windows.pane.as_millis(),
        lateness_max: config.windows.lateness_max.as_millis(),
        idle_after: config.windows.idle_after.as_millis(),
        future_max: config.windows.future_max.as_millis(),
        drops_duplicates: config.windows.duplicates == Duplicates::Drop,
        sources_max: config.limits.sources_max,
        weighting: config.windows.weighting,
        untracked: config.policy.untracked,
        growth: window::Growth::of(
            &config.policy,
            config.windows.people_min,
            config.windows.window_max.as_millis(),
        ),
    };
    let categories = window::Categories::new(&config.windows.age_bands, &facts);
    let terms = Terms::new(&facts.id, &policy, categories, &settings).in_zones(config.zones());
    let meaning = Meaning {
        policy: Arc::new(policy),
        terms: Arc::new(terms),
        calibrations: Arc::new(calibrations),
    };

    // Twice what the workers hold, so that a full batch is there whenever a model is free.
    let records_queued = 2 * models.len() * config.inference.batch();
    let (to_work, from_read) = bounded(records_queued);
    let (to_fold, from_work) = bounded(BATCHES_QUEUED);
    let (signals, signalled) = bounded(SIGNALS_QUEUED);
    let (to_write, from_fold) = bounded(CHECKPOINTS_QUEUED);
    let (acks, from_write) = bounded(ACKS_QUEUED);
    // All that the stages before the fold can hold, and many times as much: of a track most crops go past the workers.
    let held = records_queued + (models.len() + BATCHES_QUEUED) * config.inference.batch();
    let (under_way, done) = bounded(UNDER_WAY * held);
    let signs: Vec<Sign> = models.iter().map(|_| Sign::default()).collect();

    let attention = attention::Attention::new(consumer.answer_max());
    let limits = Limits {
        payload_bytes_max: config.limits.payload_bytes_max,
        image_side_min: config.limits.image_side_min,
        image_side_max: config.limits.image_side_max,
        future_max: config.windows.future_max.as_millis(),
        past_max: config.windows.past_max.as_millis(),
    };
    let reader = read::Reader {
        consumer,
        front: front::Front {
            limits,
            policy: meaning.policy.clone(),
            track_key: track_key.clone(),
            crops_max: config.crops_max(),
            spans: settings.spans(),
            partitions: Default::default(),
        },
        to_work,
        past_the_workers: to_fold.clone(),
        to_fold: signals,
        passing: Default::default(),
        under_way,
        to_write: to_write.clone(),
        acks: from_write,
        metrics: metrics.clone(),
        health: health.clone(),
        shutdown: shutdown.clone(),
        drain_max: config.limits.drain_max.as_millis(),
        batch_stall_max: config.limits.batch_stall_max.as_millis(),
        first_start,
        idle_after: config.windows.idle_after.as_millis(),
        at_stop: match config.windows.on_stop {
            OnStop::Keep => feed::Signal::Revoked,
            OnStop::Close => feed::Signal::Ended,
        },
        assignment: Default::default(),
        early: Default::default(),
        at_end: Default::default(),
        positions: Default::default(),
        attention,
        watch: watch::Watch::over(signs.clone(), clock::now()),
        stash: Default::default(),
        next_number: 0,
        last_tick: EventTime::MIN,
        log: Default::default(),
    };
    let cores = match config.inference.pin {
        true => cores::one_each(models.len()),
        false => Vec::new(),
    };
    let workers: Vec<_> = models
        .into_iter()
        .zip(signs)
        .enumerate()
        .map(|(n, (model, sign))| work::Worker {
            model,
            sign,
            batch_max: config.inference.batch(),
            batch_wait_max: config.inference.batch_wait_max.0,
            core: cores.get(n).copied(),
            limits,
            meaning: meaning.clone(),
            input: from_read.clone(),
            output: to_fold.clone(),
            metrics: metrics.clone(),
        })
        .collect();
    // A stage ends when the ones before it have: only they may hold these ends.
    drop((from_read, to_fold));
    let fold = fold::Fold {
        observations: from_work,
        signals: signalled,
        output: to_write,
        under_way: done,
        settings,
        cadence: state::Cadence {
            checkpoint: config.state.checkpoint_interval.as_millis(),
            publish: config.output.publish_interval.as_millis(),
            rows_max: config.output.file_rows_max,
            outbox_max: OUTBOX_MAX,
        },
        views: Rolling::new(&config.windows.rolling, config.http.source_series_max),
        crowd: Crowd::new(meaning.terms.zones.clone(), settings.untracked),
        meaning: meaning.clone(),
        track_key: track_key.clone(),
        metrics: metrics.clone(),
        shards: Default::default(),
        seen: Default::default(),
        watch: sources::Watch::new(metrics.clone()),
        untracked: Default::default(),
        shown: fold::Shown {
            latest: latest.clone(),
            health: health.clone(),
            pace: Pace::of(workers.len()),
            inputs: inputs.clone(),
            ..Default::default()
        },
    };
    let writer = write::Writer {
        input: from_fold,
        acks,
        stores,
        tables: tables::Tables {
            group: config.kafka.group.clone(),
            topic: config.kafka.topic.clone(),
            cells: config.output.cells,
            meaning: meaning.clone(),
        },
        meaning,
        settings,
        track_key,
        on_other_track_key: config.state.on_other_track_key,
        history: longest(&config.windows.rolling),
        keep_for: config.state.keep_for.as_millis(),
        stall_max: config.limits.store_stall_max.as_millis(),
        writer_id: rand::random(),
        overlap: COMMITS_AT_ONCE,
        chains: Default::default(),
        tickets: Default::default(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };

    let mut stages = Stages::new(shutdown, STOP_MAX);
    stages.spawn("write", move || writer.run())?;
    stages.spawn("fold", move || fold.run())?;
    for (n, worker) in workers.into_iter().enumerate() {
        stages.spawn(&format!("work-{n}"), move || worker.run())?;
    }
    let (reads, is_read) = bounded(0);
    stages.spawn("read", move || {
        let _reads = reads;
        reader.run()
    })?;
    let advised = metrics.clone();
    stages.spawn("advise", move || {
        advice::run(&config.kafka, &advised, &is_read);
        Ok(())
    })?;
    let ended = stages.join();
    // What the writer did after the last tick.
    latest.put(Snapshot {
        at: clock::now(),
        counts: Counts::of(&metrics),
        probes: Probes::of(&health),
        inputs: inputs::of(inputs.as_ref()),
        ..Snapshot::clone(&latest.get())
    });
    ended
}

/// In milliseconds.
fn longest(spans: &[Span]) -> i64 {
    spans.iter().map(|span| span.as_millis()).max().unwrap_or(0)
}
