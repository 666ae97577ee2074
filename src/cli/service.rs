//! The service: everything the config names is opened, then the pipeline runs. Used by `run` and by `demo`.

use std::{net::SocketAddr, thread::available_parallelism};

use anyhow::{Context, bail};
use demograph_core::{
    privacy::Policy,
    state::{self, FirstStart},
};
use demograph_model::{
    infer::{InferenceSettings, Model, ModelFiles, OnnxModel},
    manifest::Precision,
};
use demograph_service::{
    config::{self, Config},
    http::{self, Control, Endpoint, Health},
    kafka::Consumer,
    metrics::Metrics,
    pipeline::{self, Parts},
    shutdown::Shutdown,
    sink::{Store, Stores},
    snapshot::Latest,
};

use super::calibrations;

/// A service that is ready to run.
pub(super) struct Service {
    /// Where /metrics is.
    pub address: SocketAddr,
    /// What it says of itself.
    pub latest: Latest,
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
    let (health, latest) = (Health::default(), Latest::default());
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
        output = stores.tables.place(), state = stores.state.place(), "demograph runs"
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
        latest: latest.clone(),
        shutdown,
    };
    Ok(Service {
        address,
        latest,
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
    let is_known = has_begun(&stores.state, place)?;
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

/// Whether a partition of the topic has a chain there.
fn has_begun(store: &Store, (group, topic): (&str, &str)) -> anyhow::Result<bool> {
    let folder = state::topic_folder(group, topic);
    Ok(!store.folders(&folder)?.is_empty())
}

/// Opens the places of the tables and of the checkpoints.
pub(super) fn open_stores(config: &Config) -> anyhow::Result<Stores> {
    let tables = Store::open(&config.output).context("output.url")?;
    let state = open_state(config, &tables)?;
    Ok(Stores { tables, state })
}

/// Opens the place of the checkpoints. Where no state.url is written, those that an earlier version began under output.url
/// go on there: nothing begins anew unasked.
fn open_state(config: &Config, tables: &Store) -> anyhow::Result<Store> {
    let (output, place) = (&config.output, config.state_place());
    let open = |place: &str| Store::open_at(place, &output.options).context("state.url");
    if config.state.url.is_some() || place == output.url {
        return open(&place);
    }
    let (group, topic) = (&config.kafka.group, &config.kafka.topic);
    if !has_begun(tables, (group, topic))? {
        return open(&place);
    }
    // A folder that is not there is not made only to look into it.
    if Store::may_be_there(&place) && has_begun(&open(&place)?, (group, topic))? {
        bail!(
            "checkpoints of the group {group:?} and the topic {topic:?} lie in {} and in {place}: write as state.url the \
             one that was written last (`demograph state ls` with each tells), or move the other away",
            tables.place()
        );
    }
    tracing::warn!(
        "checkpoints lie under output.url ({}), where an earlier version began them: whoever may read the tables can read \
         exact counts there. Stop all instances, move the folder state/ from there to {place}, and start again",
        tables.place()
    );
    open(&output.url)
}

/// How many sessions the config asks for.
pub(super) fn sessions(config: &Config) -> usize {
    match config.inference.sessions {
        0 => available_parallelism().map_or(1, usize::from),
        n => n,
    }
}

/// Reads the files once and makes a session for each worker. Says which precision they run in.
fn load_models(config: &Config) -> anyhow::Result<(Vec<Box<dyn Model>>, Precision)> {
    let settings = inference_settings(config);
    let files = ModelFiles::read(&config.model.dir, &settings)?;
    let sessions = sessions(config);
    let models = OnnxModel::load_several(&files, &settings, sessions)?;
    if let Some(model) = models.first() {
        let engine = model.engine();
        tracing::info!(
            self_test = model.self_test().to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: &str = "state/v1/group/crops/p=0/00000000000000000001.ckpt";

    /// The config's output and state, with files in them as paths under one folder.
    fn opened(files: &[&str], state: &str) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        for file in files {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap())?;
            std::fs::write(file, "bytes")?;
        }
        let place = folder.path().display();
        let state = match state {
            "" => String::new(),
            state => format!("[state]\nurl='{place}/{state}'"),
        };
        let config = Config::parse(&format!(
            "[kafka]\nbrokers='b:1'\ntopic='crops'\ngroup='group'\n[model]\ndir='m'\n[output]\nurl='{place}/out'\n\
             [[source]]\nid='lobby'\n{state}"
        ))
        .unwrap();
        let stores = open_stores(&config)?;
        let place = stores.state.place().strip_prefix(&place.to_string());
        Ok(place.unwrap().to_owned())
    }

    #[test]
    fn a_chain_that_began_under_the_tables_goes_on_there() {
        let old = format!("out/{CHAIN}");
        let new = format!("out-state/{CHAIN}");
        let of_others = old.replace("/group/", "/others/");
        assert_eq!(opened(&[], "").unwrap(), "/out-state");
        assert_eq!(opened(&[&of_others], "").unwrap(), "/out-state");
        assert_eq!(opened(&[&new], "").unwrap(), "/out-state");
        assert_eq!(opened(&[&old], "").unwrap(), "/out");
        assert_eq!(opened(&[&old], "elsewhere").unwrap(), "/elsewhere");
        assert_eq!(opened(&[&old, &new], "out").unwrap(), "/out");
    }

    #[test]
    fn two_chains_of_one_group_and_topic_are_refused() {
        let files = [format!("out/{CHAIN}"), format!("out-state/{CHAIN}")];
        let error = opened(&[&files[0], &files[1]], "").unwrap_err().to_string();
        assert!(error.contains("write as state.url"), "{error}");
    }
}
