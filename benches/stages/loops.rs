//! Inference alone, and the whole path from memory without Kafka, by the clock: `cargo bench --bench stages -- loops`. For
//! machines with a GPU; `benches/gpu.py` sets what runs and compares.
//!
//! What is read from the environment: PROVIDER, PRECISION, SESSIONS, WORKERS, BATCH (0: as the service), EVENTS (of the path),
//! SECONDS (of the loop), CROPS (a folder of JPEGs), MODEL.

use std::{env, fs, path::PathBuf, str::FromStr, thread, time::Duration};

use anyhow::{Context, anyhow, ensure};
use demograph_model::infer::{Inference, InferenceSettings, Model, ModelFiles, OnnxModel};
use serde_json::{Value, json};

use crate::{cost, inference::model_folder, path, rounded};

/// Sessions of a provider, as the service opens them.
struct Sessions {
    models: Vec<OnnxModel>,
    batch: usize,
    /// What each row says of them.
    about: Value,
}

impl Sessions {
    fn open() -> anyhow::Result<Self> {
        let inference: Inference = serde_json::from_value(json!({
            "provider": said("PROVIDER").unwrap_or("cuda".into()),
            "precision": said("PRECISION").unwrap_or("fp32".into()),
            "sessions": number::<usize>("SESSIONS", 0)?,
            "workers": number::<usize>("WORKERS", 0)?,
            "batch_max": number::<usize>("BATCH", 0)?,
        }))?;
        let batch = inference.batch();
        let settings = InferenceSettings {
            provider: inference.provider,
            precision: inference.precision,
            batch_max: batch,
            ..Default::default()
        };
        let cores = thread::available_parallelism()?.get();
        let crew = inference.crew_on(cores);
        let files = ModelFiles::read(&model_folder(), &settings)?;
        let models = OnnxModel::load_several(&files, &settings, crew)?;
        let engine = models.first().context("no session")?.engine();
        let about = json!({
            "model": files.facts.id,
            "precision": engine.precision,
            "provider": engine.provider,
            "library": engine.library,
            "sessions": crew.sessions,
            "workers": crew.workers,
            "batch": batch,
        });
        Ok(Self {
            models,
            batch,
            about,
        })
    }
}

fn print(row: &str, crops: usize, wall: Duration, about: &Value) {
    let mut said = json!({
        "row": row,
        "crops_per_second": rounded(crops as f64 / wall.as_secs_f64()),
        "crops": crops,
    });
    if let (Some(said), Value::Object(about)) = (said.as_object_mut(), about) {
        said.extend(about.clone());
    }
    println!("{said}");
}

pub fn run() -> anyhow::Result<()> {
    let mut sessions = Sessions::open()?;
    alone(&mut sessions)?;
    from_memory(sessions)
}

/// Full batches whose levels lie ready, one after the other in each session: what the library and the card can do.
fn alone(sessions: &mut Sessions) -> anyhow::Result<()> {
    let wanted = Duration::from_secs_f64(number("SECONDS", 5.0)?);
    let batch = sessions.batch;
    let runs = |models: &mut [OnnxModel], times: usize| -> anyhow::Result<Duration> {
        let mut ended = Vec::new();
        let cost = cost(|| {
            ended = thread::scope(|scope| {
                let run = |model: &mut OnnxModel| (0..times).try_for_each(|_| model.rerun(batch));
                let threads: Vec<_> = models
                    .iter_mut()
                    .map(|model| scope.spawn(move || run(model)))
                    .collect();
                let ended = threads.into_iter().map(|thread| thread.join());
                ended.collect()
            });
        });
        for one in ended {
            one.map_err(|_| anyhow!("a session panicked"))??;
        }
        Ok(cost.wall)
    };
    // Some first, which tell how many fill the time.
    let mut times = 4;
    let mut wall = runs(&mut sessions.models, times)?;
    if wall < wanted {
        times = (wanted.div_duration_f64(wall) * times as f64).ceil() as usize;
        wall = runs(&mut sessions.models, times)?;
    }
    let crops = times * batch * sessions.models.len();
    print("inference alone", crops, wall, &sessions.about);
    Ok(())
}

/// Records from the reader's place to the fold's: opened, decoded, estimated, put in order.
fn from_memory(sessions: Sessions) -> anyhow::Result<()> {
    let events: usize = number("EVENTS", 60_000)?;
    let jpegs = jpegs()?;
    let images = jpegs.iter().cycle().take(events).enumerate();
    let records = images.map(|(n, jpeg)| path::record(n, ("camera-00000", None), jpeg));
    let records = records.collect();
    let Sessions {
        models,
        batch,
        about,
    } = sessions;
    let models = models.into_iter();
    let models = models.map(|model| Box::new(model) as Box<dyn Model>);
    let workers = path::Workers {
        models: models.collect(),
        batch_max: batch,
    };
    let cost = cost(|| workers.run(records));
    print("from memory", events, cost.wall, &about);
    Ok(())
}

fn jpegs() -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = env::var_os("CROPS").map(PathBuf::from);
    let folder = folder.context("CROPS names a folder of JPEGs, such as benches/gpu.py makes")?;
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    paths.sort();
    let jpegs: Vec<_> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
    ensure!(!jpegs.is_empty(), "{} is empty", folder.display());
    Ok(jpegs)
}

fn said(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok()
}

/// What the environment says, or this.
fn number<T: FromStr>(name: &str, usual: T) -> anyhow::Result<T> {
    match said(name) {
        None => Ok(usual),
        Some(text) => text
            .parse()
            .map_err(|_| anyhow!("{name} = {text:?} is no number")),
    }
}
