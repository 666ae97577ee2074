//! The whole program on one screen: four kinds of threads, the channels between them, and their joins.
//!
//! ```text
//! read ─▶ work × n ─▶ fold ─▶ write
//!   ▲                           │
//!   └── where to begin, what is durable
//! ```
//! Every channel is bounded: when a stage is slow, the one before it waits, and at the front Kafka does.

mod attention;
mod audience;
mod feed;
mod fold;
mod read;
mod tables;
mod work;
mod write;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
use crossbeam_channel::bounded;

use crate::{
    clock,
    config::{Config, OnStop, Span},
    cores,
    decode::Limits,
    estimate::Calibrations,
    http::Health,
    infer::Model,
    kafka::Consumer,
    metrics::Metrics,
    privacy::Policy,
    record::EventTime,
    shutdown::Shutdown,
    sink::Stores,
    state::{self, Terms},
    window,
};

// What `benches/stages` drives without a broker.
pub use feed::{Feed, Numbered, Order};
pub use work::Worker;

/// Batches that wait for the fold: enough that no worker waits for another's batch to be folded.
const BATCHES_QUEUED: usize = 16;
/// Checkpoints that wait for the store; each holds the state of one partition.
const CHECKPOINTS_QUEUED: usize = 16;
/// What the writer has to say; the reader listens at every poll.
const ACKS_QUEUED: usize = 1024;

/// What the pipeline is made of.
pub struct Parts {
    pub config: Config,
    pub consumer: Consumer,
    /// One a worker.
    pub models: Vec<Box<dyn Model>>,
    pub policy: Policy,
    pub calibrations: Calibrations,
    pub stores: Stores,
    pub metrics: Metrics,
    pub health: Health,
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
        models,
        policy,
        calibrations,
        stores,
        metrics,
        health,
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
        sources_max: config.limits.sources_max,
        weighting: config.windows.weighting,
    };
    let categories = window::Categories::new(&config.windows.age_bands, &facts);
    let terms = Terms::new(&facts.id, &policy, (categories, &settings));
    let meaning = Meaning {
        policy: Arc::new(policy),
        terms: Arc::new(terms),
        calibrations: Arc::new(calibrations),
    };

    // Twice what the workers hold, so that a full batch is there whenever a model is free.
    let records_queued = 2 * models.len() * config.inference.batch_max;
    let (to_work, from_read) = bounded(records_queued);
    let (to_fold, from_work) = bounded(BATCHES_QUEUED);
    let (to_write, from_fold) = bounded(CHECKPOINTS_QUEUED);
    let (acks, from_write) = bounded(ACKS_QUEUED);

    let reader = read::Reader {
        consumer,
        output: to_work,
        to_write: to_write.clone(),
        acks: from_write,
        metrics: metrics.clone(),
        health,
        shutdown: shutdown.clone(),
        drain_max: config.limits.drain_max.as_millis(),
        idle_after: config.windows.idle_after.as_millis(),
        at_stop: match config.windows.on_stop {
            OnStop::Keep => feed::Feed::Revoked,
            OnStop::Close => feed::Feed::Ended,
        },
        assigned: Default::default(),
        expected: Default::default(),
        early: Default::default(),
        at_end: Default::default(),
        attention: attention::Attention::from(clock::now()),
        stash: Default::default(),
        next_number: 0,
        last_tick: EventTime::MIN,
    };
    let cores = match config.inference.pin {
        true => cores::one_each(models.len()),
        false => Vec::new(),
    };
    let workers: Vec<_> = models
        .into_iter()
        .enumerate()
        .map(|(n, model)| work::Worker {
            model,
            batch_max: config.inference.batch_max,
            batch_wait_max: config.inference.batch_wait_max.0,
            core: cores.get(n).copied(),
            limits: Limits {
                payload_bytes_max: config.limits.payload_bytes_max,
                image_side_min: config.limits.image_side_min,
                image_side_max: config.limits.image_side_max,
                future_max: config.windows.future_max.as_millis(),
            },
            meaning: meaning.clone(),
            input: from_read.clone(),
            output: to_fold.clone(),
            metrics: metrics.clone(),
        })
        .collect();
    // A stage ends when the ones before it have: only they may hold these ends.
    drop((from_read, to_fold));
    let fold = fold::Fold {
        input: from_work,
        output: to_write,
        settings,
        cadence: state::Cadence {
            checkpoint: config.state.checkpoint_interval.as_millis(),
            publish: config.output.publish_interval.as_millis(),
            panes_max: config.output.file_rows_max,
        },
        views: window::Rolling::new(&config.windows.rolling, config.http.source_series_max),
        meaning: meaning.clone(),
        metrics: metrics.clone(),
        shards: Default::default(),
        seen: Default::default(),
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
        history: longest(&config.windows.rolling),
        keep_for: config.state.keep_for.as_millis(),
        stall_max: config.limits.store_stall_max.as_millis(),
        writer_id: rand::random(),
        chains: Default::default(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };

    let mut stages = Stages::new(shutdown);
    stages.spawn("write", move || writer.run())?;
    stages.spawn("fold", move || fold.run())?;
    for (n, worker) in workers.into_iter().enumerate() {
        stages.spawn(&format!("work-{n}"), move || worker.run())?;
    }
    stages.spawn("read", move || reader.run())?;
    stages.join()
}

/// In milliseconds.
fn longest(spans: &[Span]) -> i64 {
    spans.iter().map(|span| span.as_millis()).max().unwrap_or(0)
}

/// The running threads. The first error of any of them stops the others and is what the program ends with.
struct Stages {
    threads: Vec<JoinHandle<()>>,
    shutdown: Shutdown,
    failure: Arc<OnceLock<anyhow::Error>>,
}

impl Stages {
    fn new(shutdown: Shutdown) -> Self {
        Self {
            threads: Vec::new(),
            shutdown,
            failure: Arc::default(),
        }
    }

    fn spawn(
        &mut self,
        name: &str,
        stage: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (shutdown, failure) = (self.shutdown.clone(), self.failure.clone());
        let stage_name = name.to_owned();
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(stage))
                .unwrap_or_else(|_| Err(anyhow!("it panicked")));
            if let Err(error) = result {
                // Later errors follow from the first.
                let _later = failure.set(error.context(format!("stage {stage_name}")));
                shutdown.fail();
            }
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .with_context(|| format!("start the thread {name}"))?;
        self.threads.push(thread);
        Ok(())
    }

    fn join(self) -> anyhow::Result<()> {
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?;
        }
        match Arc::into_inner(self.failure).and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
