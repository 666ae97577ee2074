//! The command line: one module a subcommand, each with a help text that teaches by an example.

mod calibrate;
#[cfg(feature = "gateway")]
mod camera;
mod cameras;
mod check;
mod compact;
mod demo;
#[cfg(feature = "camera")]
mod detect;
mod estimate;
mod evaluate;
mod experiment;
mod faces;
mod live;
mod model;
mod pace;
#[cfg(feature = "page")]
mod page;
mod predict;
#[cfg(feature = "gateway")]
mod preview;
mod publish;
mod stage;
mod state;
#[cfg(feature = "top")]
mod top;
#[cfg(feature = "gateway")]
mod watch;
#[cfg(feature = "gateway")]
mod watched;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use demograph_service::{
    config::Config, http::Routes, metrics::Metrics, shutdown::Shutdown, wiring,
};
use tracing_subscriber::filter::LevelFilter;

/// The configuration has faults.
const EXIT_CONFIG: u8 = 3;
/// Something that the configuration names is not there.
const EXIT_ENVIRONMENT: u8 = 4;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed while running
  2  wrong usage
  3  the configuration has errors
  4  something that the configuration names is missing: model, broker, topic, output (`check` only)";

/// Demographic trends of a population from streams of face crops: Kafka in, Parquet and Prometheus out.
#[derive(Debug, Parser)]
#[command(name = "demograph", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// How much to log: error, warn, info, debug, trace.
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole path with simulated cameras and an embedded broker.
    Demo(demo::DemoArgs),
    /// Run the service: consume face crops, write Parquet, serve /metrics.
    Run(RunArgs),
    /// Show the page over tables alone, in the browser of this machine, without Kafka.
    #[cfg(feature = "page")]
    Page(page::PageArgs),
    /// Show an instance in this terminal: shares, what is withheld, health.
    #[cfg(feature = "top")]
    Top(top::TopArgs),
    /// Check a configuration and everything it names. Print the configuration in effect.
    Check(check::CheckArgs),
    /// Send face crops from a folder or a CSV to Kafka, as face-crop events.
    Publish(publish::PublishArgs),
    /// Run the model on single images and print its answers.
    Predict(predict::PredictArgs),
    /// Find the faces in photographs. Write them as crops that a model knows.
    #[cfg(feature = "camera")]
    Detect(detect::DetectArgs),
    /// Watch cameras, and send the faces before them to Kafka, as face-crop events.
    #[cfg(feature = "gateway")]
    Camera(camera::CameraArgs),
    /// Show the shares of who is before a camera or in a video, in this terminal. Nothing leaves the machine.
    #[cfg(feature = "gateway")]
    Watch(watch::WatchArgs),
    /// Prepare your own ONNX model: write a first manifest, check a model folder.
    Model(model::ModelArgs),
    /// Measure a model on labelled faces. Writes a report and its figures as JSON.
    Evaluate(evaluate::EvaluateArgs),
    /// Measure a model's errors on labelled faces, to correct the estimated shares.
    Calibrate(calibrate::CalibrateArgs),
    /// Estimate true shares for any period and sources, from the tables.
    Estimate(estimate::EstimateArgs),
    /// Inspect checkpoints, verify them against the tables, restart a partition.
    State(state::StateArgs),
    /// Merge the small files of each past day into one. Delete days older than output.keep.
    Compact(compact::CompactArgs),
    /// Measure the errors of estimated shares and the coverage of their intervals.
    Experiment(experiment::ExperimentArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  demograph run --config deploy/demograph.toml

SIGTERM (or Ctrl-C) stops reading, writes a last checkpoint and exits. The next start resumes with the open panes; \
windows.on_stop = \"close\" closes and publishes them instead. A second signal exits immediately; the next start resumes from \
the last checkpoint.

/metrics, /healthz and /readyz are served at http.listen.")]
struct RunArgs {
    /// The TOML file. deploy/demograph.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Cli {
    /// Runs the command and says how it ended.
    pub fn run(self) -> ExitCode {
        tracing_subscriber::fmt()
            .with_max_level(self.log)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init();
        let result = match self.command {
            Command::Demo(args) => demo::run(args),
            Command::Run(args) => run(&args),
            #[cfg(feature = "page")]
            Command::Page(args) => page::run(&args),
            #[cfg(feature = "top")]
            Command::Top(args) => top::run(args),
            Command::Check(args) => check::run(&args),
            Command::Publish(args) => publish::run(args),
            Command::Predict(args) => predict::run(args),
            #[cfg(feature = "camera")]
            Command::Detect(args) => detect::run(args),
            #[cfg(feature = "gateway")]
            Command::Camera(args) => camera::run(&args),
            #[cfg(feature = "gateway")]
            Command::Watch(args) => watch::run(&args),
            Command::Model(args) => model::run(args),
            Command::Evaluate(args) => evaluate::run(args),
            Command::Calibrate(args) => calibrate::run(args),
            Command::Estimate(args) => estimate::run(args),
            Command::Compact(args) => compact::run(&args),
            Command::Experiment(args) => experiment::run(args),
            Command::State(args) => state::run(args),
        };
        result.unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        })
    }
}

fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = match read_config(&args.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    wiring::start(config, Metrics::new(), None, Shutdown::default(), routes)?.run()?;
    Ok(ExitCode::SUCCESS)
}

/// What is answered beside /metrics.
fn routes(service: wiring::Visible) -> Routes {
    #[cfg(feature = "page")]
    return demograph_page::routes(demograph_page::Origin::Service(Box::new(service)));
    #[cfg(not(feature = "page"))]
    {
        drop(service);
        demograph_service::http::index()
    }
}

/// The configuration. Where it has faults, they are printed, and the exit code is returned.
fn read_config(path: &Path) -> Result<Config, ExitCode> {
    Config::read(path).map_err(|faults| {
        eprint!("error: {}: {faults}", path.display());
        ExitCode::from(EXIT_CONFIG)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_subcommand_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|text| text.contains("demograph ")),
                "{}",
                subcommand.get_name()
            );
        }
    }
}
