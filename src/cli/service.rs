//! The service: everything the config names is opened, then the pipeline runs. Used by `run` and by `demo`.

use std::{net::SocketAddr, thread::available_parallelism};

use anyhow::Context;

use super::calibrations;
use crate::{
    config::{self, Config},
    http::{self, Control, Endpoint, Health},
    infer::{InferenceSettings, Model, ModelFiles, OnnxModel, Passed, Precision},
    kafka::Consumer,
    metrics::Metrics,
    pipeline::{self, Parts},
    privacy::Policy,
    shutdown::Shutdown,
    sink::{Store, Stores},
    state::{self, FirstStart},
};

/// A service that is ready to run.
pub(super) struct Service {
    /// Where /metrics is.
    pub address: SocketAddr,
    endpoint: Endpoint,
    parts: Parts,
}

/// Opens everything; fails with the first thing that is not there.
pub(super) fn start(
    config: Config,
    metrics: Metrics,
    shutdown: Shutdown,
) -> anyhow::Result<Service> {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let policy = Policy::new(&config.policy, &config.sources);
    for (source, basis) in policy.legal_bases() {
        tracing::info!(%source, basis, "ethnicity is estimated for this source");
    }
    let (models, precision) = load_models(&config)?;
    let facts = models
        .first()
        .context("inference.sessions gives no session")?
        .facts();
    let model = facts.id.clone();
    let calibrations = calibrations::load(&config, facts, precision)?;
    let stores = open_stores(&config)?;
    stores.tables.probe()?;
    stores.state.probe()?;
    let health = Health::default();
    let endpoint = http::serve(
        &config.http.listen,
        Control {
            metrics: metrics.clone(),
            health: health.clone(),
            shutdown: shutdown.clone(),
            drain_max: config.limits.drain_max.0,
        },
    )?;
    metrics
        .build_info
        .with_label_values(&[
            env!("CARGO_PKG_VERSION"),
            &model,
            &policy.id,
            calibrations.id().unwrap_or_default(),
        ])
        .set(1);
    let address = endpoint.address;
    let consumer = Consumer::join(&config.kafka)?;
    let first_start = first_start(&config.kafka, &stores, &consumer)?;
    tracing::info!(
        brokers = config.kafka.brokers, topic = config.kafka.topic, group = config.kafka.group,
        model, policy = policy.id, sessions = models.len(), metrics = %format!("http://{address}/metrics"),
        output = stores.tables.place(), "demograph runs"
    );
    let parts = Parts {
        config,
        consumer,
        first_start,
        models,
        policy,
        calibrations,
        stores,
        metrics,
        health,
        shutdown,
    };
    Ok(Service {
        address,
        endpoint,
        parts,
    })
}

/// Where partitions without a chain begin.
fn first_start(
    kafka: &config::Kafka,
    stores: &Stores,
    consumer: &Consumer,
) -> anyhow::Result<FirstStart> {
    if kafka.start == config::Start::Earliest {
        return Ok(FirstStart::default());
    }
    let place = (kafka.group.as_str(), kafka.topic.as_str());
    let partition = state::folder(place.0, place.1, 0);
    let topic = partition
        .rsplit_once('/')
        .map_or(partition.as_str(), |(topic, _)| topic);
    let is_known = !stores.state.folders(topic)?.is_empty();
    FirstStart::settle(stores, place, is_known, || consumer.ends())
        .context("kafka.start = \"latest\": where the partitions end at the first start")
}

impl Service {
    /// Runs until asked to stop, and drains.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let ended = pipeline::run(self.parts);
        self.endpoint.end()?;
        ended?;
        tracing::info!("everything that was read is in a checkpoint");
        Ok(())
    }
}

/// Opens the places of the tables and of the checkpoints.
pub(super) fn open_stores(config: &Config) -> anyhow::Result<Stores> {
    let output = &config.output;
    let state = config.state.url.as_ref().unwrap_or(&output.url);
    Ok(Stores {
        tables: Store::open(output)?,
        state: Store::open_at(state, &output.options).context("state.url")?,
    })
}

/// Reads the files once and makes a session for each worker. Says which precision they run in.
fn load_models(config: &Config) -> anyhow::Result<(Vec<Box<dyn Model>>, Precision)> {
    let settings = inference_settings(config);
    let files = ModelFiles::read(&config.model.dir, &settings)?;
    let sessions = match config.inference.sessions {
        0 => available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let models = OnnxModel::load_several(&files, &settings, sessions)?;
    if let Some(model) = models.first() {
        let engine = model.engine();
        tracing::info!(
            self_test = self_test(model.self_test()),
            precision = engine.precision.name(),
            provider = ?engine.provider,
            library = engine.library,
            sessions,
            "every session answers as it should"
        );
    }
    let models = models
        .into_iter()
        .map(|model| Box::new(model) as Box<dyn Model>)
        .collect();
    Ok((models, files.precision))
}

/// A passed self-test in words.
pub(super) fn self_test(passed: &Passed) -> String {
    match passed.images {
        0 => "none in the manifest".into(),
        images => format!(
            "{images} images, largest difference {:.5} of {} allowed",
            passed.largest_difference, passed.tolerance
        ),
    }
}

/// The config's words in those of inference.
pub(super) fn inference_settings(config: &Config) -> InferenceSettings {
    let inference = &config.inference;
    InferenceSettings {
        provider: inference.provider,
        precision: inference.precision,
        allow_cpu_fallback: inference.allow_cpu_fallback,
        device_id: inference.device_id,
        batch_max: inference.batch_max,
        onnxruntime: inference.onnxruntime.clone(),
        flush_denormals: config.model.flush_denormals,
    }
}
