//! `demograph check`: the config and everything it names, all faults at once.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use demograph_core::privacy::Policy;
use demograph_model::infer::{Model, ModelFiles, OnnxModel};
use demograph_service::{
    config::Config,
    kafka::{self, Admin},
    peers::Peers,
    wiring::{self, calibrations, keys, memory},
};

use super::{EXIT_CODES, EXIT_ENVIRONMENT, read_config};

mod hints;

/// How long the broker may take to say what the topic is set to.
const SETTINGS_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(after_help = const_format())]
pub(super) struct CheckArgs {
    /// The TOML file to check.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Check the file and the model only, without broker and output.
    #[arg(long)]
    offline: bool,
}

fn const_format() -> String {
    format!(
        "Example:\n  demograph check --config deploy/demograph.toml\n\n\
         Prints the configuration in effect with secrets hidden, then one line for each check. Changes nothing.\n\n{EXIT_CODES}"
    )
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = match read_config(&args.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    print!("{}", config.redacted_toml());
    println!();
    for warning in config.warnings() {
        println!("note   config: {warning}");
    }
    let mut checks = vec![
        (
            "config",
            Ok(format!("{} has no faults", args.config.display())),
        ),
        ("secrets", secrets(&config)),
        ("http", config.http.listen().inspect()),
        (
            "peers",
            Peers::open(&config.http.peers()).map(|peers| peers.line()),
        ),
        ("model", model(&config)),
        ("calibration", calibration(&config)),
    ];
    if !args.offline {
        checks.push(("kafka", kafka(&config)));
        checks.push(("output", output(&config)));
        checks.push(("track key", track_key(&config)));
    }
    for (what, result) in &checks {
        match result {
            Ok(fact) => println!("ok     {what}: {fact}"),
            Err(error) => println!("FAULT  {what}: {error:#}"),
        }
    }
    println!("{}", memory::line(&config, wiring::crew(&config).workers));
    let all_well = checks.iter().all(|(_, result)| result.is_ok());
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_ENVIRONMENT)
    })
}

/// Whether every `{ env = .. }` and `{ file = .. }` can be read.
fn secrets(config: &Config) -> anyhow::Result<String> {
    let properties = config
        .kafka
        .properties
        .iter()
        .map(|(key, value)| ("kafka.properties", key, value));
    let options = config
        .output
        .options
        .iter()
        .map(|(key, value)| ("output.options", key, value));
    let key = config.state.track_key.iter();
    let key = key.map(|value| ("state", "track_key", value));
    let missing: Vec<String> = properties
        .chain(options)
        .map(|(section, key, value)| (section, key.as_str(), value))
        .chain(key)
        .filter_map(|(section, key, value)| {
            Some(format!("{section}.\"{key}\": {}", value.resolve().err()?))
        })
        .collect();
    if !missing.is_empty() {
        bail!("{}", missing.join("; "));
    }
    Ok("all values can be read".into())
}

/// Crops that the limits let through and the model's card calls too small.
fn small_faces(files: &ModelFiles, side_min: u32) -> Option<String> {
    let usable = files
        .manifest
        .min_face
        .filter(|&usable| side_min < usable)?;
    Some(format!(
        "limits.image_side_min = {side_min} lets crops through that are smaller than {usable} pixels a side, the \
         smallest that are usable by the model's card ({}). Set it to {usable}, or move the camera nearer",
        files.manifest.card
    ))
}

fn model(config: &Config) -> anyhow::Result<String> {
    let settings = wiring::inference_settings(config);
    let files = ModelFiles::read(&config.model.dir, &settings)?;
    let model = OnnxModel::load(&files, &settings)?;
    for warning in model.warnings() {
        println!("note   model: {warning}");
    }
    if let Some(note) = small_faces(&files, config.limits.image_side_min) {
        println!("note   model: {note}");
    }
    let policy = Policy::new(&config.policy, &config.sources);
    for attribute in policy.attributes().iter() {
        if !model.facts().has(attribute) {
            println!("note   model: it does not estimate {attribute}, which a source asks for");
        }
    }
    let engine = model.engine();
    Ok(format!(
        "{} loads and runs, its hash is right; {} on {}; self-test: {}",
        model.facts().id,
        engine.precision.name(),
        engine.library,
        model.self_test()
    ))
}

fn calibration(config: &Config) -> anyhow::Result<String> {
    let files = ModelFiles::read(&config.model.dir, &wiring::inference_settings(config))?;
    let calibrations = calibrations::load(config, &files.facts, files.precision)?;
    Ok(match calibrations.id() {
        Some(id) => format!("{id} is of this model: shares are estimated from it"),
        None => {
            "none, so there are counts but no estimated shares: see `demograph calibrate --help`"
                .into()
        }
    })
}

/// Tries what `run` will do; nothing is created, joined or committed.
fn kafka(config: &Config) -> anyhow::Result<String> {
    let topic = &config.kafka.topic;
    let partitions = kafka::probe(&config.kafka)?;
    match Admin::connect(&config.kafka)?.settings(SETTINGS_MAX) {
        Ok(settings) => {
            for warning in settings.warnings() {
                println!("note   kafka: {topic:?} has {warning}");
            }
        }
        Err(error) => println!(
            "note   kafka: what {topic:?} is set to (cleanup.policy, retention) could not be read: {error:#}"
        ),
    }
    Ok(format!(
        "{} answers, {topic:?} has {partitions} partitions and may be read, the group {:?} may be used",
        config.kafka.brokers, config.kafka.group
    ))
}

/// Whether the checkpoints fit the key of the hashes that they hold.
fn track_key(config: &Config) -> anyhow::Result<String> {
    keys::inspect(config, &wiring::open_stores(config)?)
}

fn output(config: &Config) -> anyhow::Result<String> {
    let stores = wiring::open_stores(config)?;
    stores.tables.probe()?;
    stores.state.probe().context("state.url")?;
    if let Some(cells) = &stores.cells {
        cells.probe().context("output.cells_url")?;
    }
    if let Some(warning) = wiring::old_cells(config, &stores.tables)? {
        println!("note   output: {warning}");
    }
    for line in hints::of_windows(config, &stores.tables)? {
        println!("note   windows: {line}");
    }
    let cells = wiring::cells_place(config, &stores);
    let cells = cells.map_or(String::new(), |place| format!(", exact cells in {place}"));
    Ok(format!(
        "{} is writable; checkpoints, with exact counts, lie in {}{cells}",
        stores.tables.place(),
        stores.state.place()
    ))
}
