//! The service: everything the config names is opened, then the pipeline runs. Used by `run` and by `demo`.

pub mod calibrations;
pub mod keys;
pub mod memory;

use std::{iter, net::SocketAddr, sync::Arc, thread::available_parallelism};

use anyhow::{Context, bail};
use demograph_core::{
    privacy::Policy,
    state::{FirstStart, TopicFolder},
};
use demograph_model::{
    infer::{Crew, InferenceSettings, Model, ModelFiles, OnnxModel},
    manifest::Precision,
};

use crate::{
    config::{self, Config},
    http::{self, Answers, Control, Endpoint, Exposed, Health, Routes},
    inputs::Inputs,
    kafka::Consumer,
    metrics::Metrics,
    peers::Peers,
    pipeline::{self, Parts},
    shutdown::Shutdown,
    sink::{Store, Stores, Table, catalog::compacted_folders, history::History},
    snapshot::Latest,
};

/// A service that is ready to run.
pub struct Service {
    /// Where /metrics is.
    pub address: SocketAddr,
    /// What it says of itself.
    pub latest: Latest,
    endpoint: Endpoint,
    /// Held here too: it has a runtime, which must not end on the endpoint's own.
    history: Arc<History>,
    parts: Parts,
}

/// What others may see of a service: what it shows, and the rules for it.
pub struct Visible {
    pub latest: Latest,
    pub policy: Policy,
    /// A window is released when it holds so many people.
    pub people_min: u64,
    /// The model's id.
    pub model: String,
    /// The id of the calibration that most sources have.
    pub calibration: Option<String>,
    /// Hours and days, from the tables.
    pub history: Arc<History>,
    /// Whether the endpoint listens on a loopback address.
    pub is_local: bool,
    /// The other instances of the site.
    pub peers: Arc<Peers>,
}

/// What runs beside the service in its process, and feeds it.
pub struct Beside {
    /// Shown at /metrics, too.
    pub metrics: Box<dyn Exposed>,
    /// How it is.
    pub inputs: Arc<dyn Inputs>,
}

/// Opens everything; fails with the first thing that is not there. `page` makes paths that are answered beside /metrics.
pub fn start(
    config: Config,
    metrics: Metrics,
    beside: Option<Beside>,
    shutdown: Shutdown,
    page: impl FnOnce(Visible) -> Routes,
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
    if let Some(cells) = &stores.cells {
        cells.probe().context("output.cells_url")?;
    }
    if let Some(warning) = old_cells(&config, &stores.tables)? {
        tracing::warn!("{warning}");
    }
    let (track_key, key_place) = keys::open(&config, &stores)?;
    let (health, latest) = (Health::default(), Latest::default());
    let history = Arc::new(History::new(
        Store::open(&config.output).context("output.url")?,
    ));
    let own: Box<dyn Exposed> = Box::new(metrics.clone());
    let (more, inputs) = beside.map(|beside| (beside.metrics, beside.inputs)).unzip();
    let peers = Arc::new(Peers::open(&config.http.peers())?);
    let endpoint = http::serve(
        config.http.listen(),
        Control {
            metrics: iter::once(own).chain(more).collect(),
            health: health.clone(),
            answers: Answers::OF_RUN,
            shutdown: shutdown.clone(),
            drain_max: config.limits.drain_max.0,
        },
        page(Visible {
            latest: latest.clone(),
            policy: policy.clone(),
            people_min: config.windows.people_min,
            model: model.clone(),
            calibration: calibrations.id().map(str::to_owned),
            history: history.clone(),
            is_local: http::is_local(&config.http.listen),
            peers,
        }),
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
    let (address, url) = (endpoint.address, endpoint.url());
    let consumer = Consumer::join(&config.kafka)?;
    let first_start = first_start(&config.kafka, &stores, &consumer)?;
    tracing::info!(
        brokers = config.kafka.brokers, topic = config.kafka.topic, group = config.kafka.group,
        model, policy = policy.id, workers = models.len(), metrics = %format!("{url}/metrics"),
        output = stores.tables.place(), state = stores.state.place(), track_key = key_place,
        cells = cells_place(&config, &stores), "demograph runs"
    );
    let parts = Parts {
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
        latest: latest.clone(),
        inputs,
        shutdown,
    };
    Ok(Service {
        address,
        latest,
        endpoint,
        history,
        parts,
    })
}

/// Whether there is a file under the dates of a folder.
fn holds_files(store: &Store, folder: &str) -> anyhow::Result<bool> {
    for date in store.folders(folder)? {
        if !store.files(&date)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where exact cells go, if they are written.
pub fn cells_place<'a>(config: &Config, stores: &'a Stores) -> Option<&'a str> {
    let cells = stores.cells.as_ref().unwrap_or(&stores.tables);
    config.output.cells.then(|| cells.place())
}

/// Where partitions without a chain begin.
fn first_start(
    kafka: &config::Kafka,
    stores: &Stores,
    consumer: &Consumer,
) -> anyhow::Result<FirstStart> {
    if kafka.start == config::StartOffset::Earliest {
        return Ok(FirstStart::default());
    }
    let topic = TopicFolder::new(&kafka.group, &kafka.topic);
    let is_known = has_begun(&stores.state, &topic)?;
    FirstStart::settle(stores, &topic, is_known, || consumer.ends())
        .context("kafka.start = \"latest\": where the partitions end at the first start")
}

impl Service {
    /// Runs until asked to stop, and drains.
    pub fn run(self) -> anyhow::Result<()> {
        let ended = pipeline::run(self.parts);
        self.endpoint.end()?;
        drop(self.history);
        ended?;
        tracing::info!("everything that was read is in a checkpoint");
        Ok(())
    }
}

/// Whether a partition of the topic has a chain there.
fn has_begun(store: &Store, topic: &TopicFolder) -> anyhow::Result<bool> {
    let folders = store.folders(topic.path())?;
    Ok(folders
        .iter()
        .any(|folder| topic.partition(folder).is_some()))
}

/// Opens the places of the tables, of the checkpoints, and of exact cells where they are written.
pub fn open_stores(config: &Config) -> anyhow::Result<Stores> {
    let tables = Store::open(&config.output).context("output.url")?;
    let state = open_state(config, &tables)?;
    let cells = match config.output.cells {
        true => open_cells(config)?,
        false => None,
    };
    Ok(Stores {
        tables,
        state,
        cells,
    })
}

/// Opens the place of exact cells, unless they lie among the other tables.
pub fn open_cells(config: &Config) -> anyhow::Result<Option<Store>> {
    let (output, place) = (&config.output, config.cells_place());
    if config::is_same_place(&place, &output.url) {
        return Ok(None);
    }
    let store = Store::open_at(&place, &output.options).context("output.cells_url")?;
    Ok(Some(store))
}

/// Whether exact cells of an earlier version lie under the tables, though their place is another one.
pub fn old_cells(config: &Config, tables: &Store) -> anyhow::Result<Option<String>> {
    let place = config.cells_place();
    if config::is_same_place(&place, &config.output.url) {
        return Ok(None);
    }
    let name = Table::Cells.name();
    let [compacted, daily] = compacted_folders(Table::Cells);
    let mut are_there = false;
    for folder in [name, &compacted, &daily] {
        are_there |= holds_files(tables, folder)?;
    }
    if !are_there {
        return Ok(None);
    }
    Ok(Some(format!(
        "exact cells of an earlier version lie under output.url ({}): everyone who may read the tables can read exact counts \
         there. Move the folders cells/, compacted/cells/ and daily/cells/ from there to {}",
        tables.place(),
        config::without_login(&place)
    )))
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
    let folder = TopicFolder::new(group, topic);
    if !has_begun(tables, &folder)? {
        return open(&place);
    }
    // A folder that is not there is not made only to look into it.
    if Store::may_be_there(&place) && has_begun(&open(&place)?, &folder)? {
        bail!(
            "checkpoints of the group {group:?} and the topic {topic:?} lie in {} and in {place}: write as state.url the \
             one that was written last (`demograph state ls` with each tells), or move the other away",
            tables.place()
        );
    }
    tracing::warn!(
        "checkpoints lie under output.url ({}), where an earlier version began them: everyone who may read the tables can read \
         exact counts there. Stop all instances, move the folders state/ and keys/ from there to {place}, and start again",
        tables.place()
    );
    open(&output.url)
}

/// How many threads and sessions the config asks for.
pub fn crew(config: &Config) -> Crew {
    let cores = available_parallelism().map_or(1, usize::from);
    config.inference.crew_on(cores)
}

/// Reads the files once and makes what each worker has of the model. Says which precision they run in.
fn load_models(config: &Config) -> anyhow::Result<(Vec<Box<dyn Model>>, Precision)> {
    let settings = inference_settings(config);
    let files = ModelFiles::read(&config.model.dir, &settings)?;
    let crew = crew(config);
    let models = OnnxModel::load_several(&files, &settings, crew)?;
    if let Some(model) = models.first() {
        let engine = model.engine();
        tracing::info!(
            self_test = model.self_test().to_string(),
            precision = engine.precision.name(),
            provider = ?engine.provider,
            library = engine.library,
            sessions = crew.sessions,
            workers = crew.workers,
            "every session passed its self-test"
        );
    }
    let models = models
        .into_iter()
        .map(|model| Box::new(model) as Box<dyn Model>)
        .collect();
    Ok((models, files.precision))
}

/// The config's words in those of inference.
pub fn inference_settings(config: &Config) -> InferenceSettings {
    let inference = &config.inference;
    InferenceSettings {
        provider: inference.provider,
        precision: inference.precision,
        allow_cpu_fallback: inference.allow_cpu_fallback,
        device_id: inference.device_id,
        batch_max: inference.batch(),
        onnxruntime: inference.onnxruntime.clone(),
        engine_cache: inference.engine_cache.clone(),
        flush_denormals: config.model.flush_denormals,
        ethnicity: config.model.ethnicity.clone(),
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
    fn exact_cells_of_an_earlier_version_are_told_as_long_as_they_lie_there() {
        let told = |file: Option<&str>, more: &str| {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out").display().to_string();
            let config = format!(
                "[kafka]\nbrokers='b:1'\ntopic='t'\n[model]\ndir='m'\n[output]\nurl='{out}'\n{more}"
            );
            let config = Config::parse(&config.replace("OUT", &out)).unwrap();
            let stores = open_stores(&config).unwrap();
            if let Some(file) = file {
                stores.tables.create(file, b"bytes".to_vec()).unwrap();
            }
            old_cells(&config, &stores.tables).unwrap().is_some()
        };
        assert!(!told(None, "cells=true"));
        for old in ["cells", "compacted/cells", "daily/cells"] {
            let file = format!("{old}/date=1970-01-01/a.parquet");
            assert!(told(Some(&file), "cells=true"), "{old}");
            assert!(told(Some(&file), ""), "{old}");
            assert!(!told(Some(&file), "cells=true\ncells_url='OUT/'"), "{old}");
        }
    }

    #[test]
    fn two_chains_of_one_group_and_topic_are_refused() {
        let files = [format!("out/{CHAIN}"), format!("out-state/{CHAIN}")];
        let error = opened(&[&files[0], &files[1]], "").unwrap_err().to_string();
        assert!(error.contains("write as state.url"), "{error}");
    }
}
