//! `demograph camera`: the gateway from cameras to face-crop events.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use demograph_core::record::SourceId;
use demograph_gateway::{
    CameraMetrics, Config, Gateway, Input, Kafka, OpenCamera, Outlet, detector,
};
use demograph_service::{
    http::{self, Answers, Control, Endpoint, Health},
    shutdown::Shutdown,
};

use super::{EXIT_CODES, EXIT_CONFIG, EXIT_ENVIRONMENT, preview};

/// What the probes say.
const ANSWERS: Answers = Answers {
    not_alive: "a frame has been worked on for half a minute, or the cameras are not looked after\n",
    not_ready: "no camera is up, or Kafka takes no events\n",
};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  demograph camera --config deploy/camera.toml --check
  demograph camera --config deploy/camera.toml
  demograph camera --config deploy/camera.toml --preview entrance

Of each camera five frames a second are looked at (with ffmpeg). The best three crops of a person in ten seconds go to Kafka, \
as face-crop events. No picture is written anywhere.

SIGTERM (or Ctrl-C) ends the cameras, delivers what is queued and exits. /metrics, /healthz and /readyz are served at \
http.listen.

{EXIT_CODES}"))]
pub(super) struct CameraArgs {
    /// The TOML file. deploy/camera.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the file and everything it names, but open no camera. Print the configuration in effect.
    #[arg(long)]
    check: bool,
    /// Show the pictures of this camera with boxes around the faces, to aim it: in a browser on this machine only.
    #[arg(long, value_name = "NAME", conflicts_with = "check")]
    preview: Option<String>,
}

pub(super) fn run(args: &CameraArgs) -> anyhow::Result<ExitCode> {
    let config = match Config::read(&args.config) {
        Ok(config) => config,
        Err(faults) => {
            eprint!("error: {}: {faults}", args.config.display());
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    match args.check {
        true => Ok(check(&config)),
        false => watch(&config, args.preview.as_deref()),
    }
}

fn watch(config: &Config, preview: Option<&str>) -> anyhow::Result<ExitCode> {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let outlet = Arc::new(Kafka::connect(
        &config.kafka,
        config.presence.topic.as_deref(),
    )?);
    outlet.probe()?;
    let cameras = config.cameras.iter();
    let cameras = cameras.map(|camera| OpenCamera::of(config, camera));
    let cameras = cameras.collect::<anyhow::Result<Vec<_>>>()?;
    let names = cameras.iter().map(|camera| &camera.source);
    let preview = preview.map(|name| preview::open(name, names)).transpose()?;
    let (preview, showing) = preview.unzip();
    let (metrics, health, shutdown) =
        (CameraMetrics::new(), Health::default(), Shutdown::default());
    let endpoint = http::serve(
        config.http.listen(),
        Control {
            metrics: vec![Box::new(metrics.clone())],
            health: health.clone(),
            answers: ANSWERS,
            shutdown: shutdown.clone(),
            drain_max: config.limits.drain_max.0 + config.limits.grace.0,
        },
        http::index(),
    )?;
    tracing::info!(
        brokers = config.kafka.brokers,
        topic = config.kafka.topic,
        cameras = cameras.len(),
        metrics = %format!("{}/metrics", endpoint.url()),
        "demograph camera runs"
    );
    let names: Vec<SourceId> = cameras.iter().map(|camera| camera.source.clone()).collect();
    let gateway = Gateway {
        cameras,
        outlet: outlet.clone(),
        metrics: metrics.clone(),
        health,
        shutdown,
        preview,
    };
    let ended = gateway.run(|| ());
    let flushed = outlet.flush(config.limits.drain_max.0);
    let deliveries = outlet.deliveries();
    let statuses = || names.iter().map(|name| metrics.status(name.as_str()));
    tracing::info!(
        delivered = deliveries.delivered,
        failed = deliveries.failed,
        waiting = deliveries.queued,
        dropped_faces = statuses().map(|status| status.dropped_faces).sum::<u64>(),
        dropped_presences = statuses()
            .map(|status| status.dropped_presences)
            .sum::<u64>(),
        "no camera is watched any more"
    );
    endpoint.end()?;
    showing.map_or(Ok(()), Endpoint::end)?;
    ended?;
    flushed?;
    Ok(ExitCode::SUCCESS)
}

fn check(config: &Config) -> ExitCode {
    print!("{}", config.redacted_toml());
    println!();
    for warning in config.warnings() {
        println!("note   config: {warning}");
    }
    let mut checks = vec![
        ("detector", finder(config)),
        ("ffmpeg", decoder(config)),
        ("http", config.http.listen().inspect()),
        ("kafka", kafka(config)),
    ];
    for camera in &config.cameras {
        let opened = OpenCamera::of(config, camera);
        let fact = opened.map(|opened| match opened.input {
            Input::Camera(settings) => format!("{:?} is {settings:?}", camera.id),
            Input::Recording(..) | Input::Photographs(_) => camera.id.clone(),
        });
        checks.push(("camera", fact));
    }
    for (what, result) in &checks {
        match result {
            Ok(fact) => println!("ok     {what}: {fact}"),
            Err(error) => println!("FAULT  {what}: {error:#}"),
        }
    }
    match checks.iter().all(|(_, result)| result.is_ok()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_ENVIRONMENT),
    }
}

fn finder(config: &Config) -> anyhow::Result<String> {
    let part = &config.detector;
    let detector = detector(&part.dir, part.onnxruntime.as_deref())?;
    Ok(format!(
        "{} loads and passes its self-test",
        detector.name()
    ))
}

fn decoder(config: &Config) -> anyhow::Result<String> {
    let program = &config.detector.ffmpeg;
    let said = std::process::Command::new(program).arg("-version").output();
    let said = said.with_context(|| {
        format!(
            "the program {} is not there: run setup/system-packages, or install the package ffmpeg",
            program.display()
        )
    })?;
    let said = String::from_utf8_lossy(&said.stdout);
    let words: Vec<&str> = said.split_whitespace().take(3).collect();
    Ok(words.join(" "))
}

fn kafka(config: &Config) -> anyhow::Result<String> {
    let partitions = Kafka::connect(&config.kafka, config.presence.topic.as_deref())?.probe()?;
    let kafka = &config.kafka;
    Ok(format!(
        "{} answers, {:?} has {partitions} partitions",
        kafka.brokers, kafka.topic
    ))
}
