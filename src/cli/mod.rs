//! The command line: one module a subcommand, each with a help text that teaches by an example.

mod calibrate;
mod calibrations;
mod cameras;
mod check;
mod compact;
mod demo;
mod estimate;
mod evaluate;
mod experiment;
mod faces;
mod live;
mod memory;
mod model;
mod pace;
mod predict;
mod publish;
mod service;
mod sheets;
mod state;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use demograph_service::{config::Config, metrics::Metrics, shutdown::Shutdown};
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
  3  the configuration has faults
  4  something that the configuration names is not there (model, broker, topic, output; `check` only)";

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
    /// Check a configuration and everything it names, and print what is in effect.
    Check(check::CheckArgs),
    /// Send a folder of crops (or a CSV of them) to Kafka as face-crop events.
    Publish(publish::PublishArgs),
    /// Show what the model says of single images.
    Predict(predict::PredictArgs),
    /// Bring an ONNX model along: write a first manifest, check a model's folder.
    Model(model::ModelArgs),
    /// Measure a model on labelled faces: a report for people, figures for machines.
    Evaluate(evaluate::EvaluateArgs),
    /// Learn from labelled faces how a model errs, for the estimates of true shares.
    Calibrate(calibrate::CalibrateArgs),
    /// Estimate true shares of any days and sources from the tables.
    Estimate(estimate::EstimateArgs),
    /// Look at the checkpoints, prove them against the tables, begin a partition again.
    State(state::StateArgs),
    /// Merge the small files of past days into one a day, and delete what is older than the config keeps.
    Compact(compact::CompactArgs),
    /// Measure how near estimated shares come to the truth.
    Experiment(experiment::ExperimentArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  demograph run --config deploy/demograph.toml

SIGTERM (or Ctrl-C) stops reading, writes a last checkpoint and ends; the next start goes on with the open panes
(or they are closed and published: windows.on_stop). A second signal ends at once, and loses nothing either. /metrics, /healthz and /readyz are at http.listen.")]
struct RunArgs {
    /// The TOML file; deploy/demograph.toml explains every key.
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
            Command::Check(args) => check::run(&args),
            Command::Publish(args) => publish::run(args),
            Command::Predict(args) => predict::run(args),
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
    service::start(config, Metrics::new(), Shutdown::default())?.run()?;
    Ok(ExitCode::SUCCESS)
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
