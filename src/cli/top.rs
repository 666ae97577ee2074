//! `demograph top`: an instance in this terminal.

use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph top
  demograph top --url http://gate-server:9464 --search lobby
  demograph top --url https://gate-server:9464 --ca gate-ca.crt --token-file token
  demograph top --once | less
  demograph top --json | jq '.health'

Input: the API of a running instance (`run`, `demo`) or of `demograph page`. So it shows released values only: shares with 95 % \
intervals, votes, what is hidden or not released yet. A share with a tilde is counted, not corrected. Times are in UTC.

Keys: q quit, / filter by name, s sort by name, votes or first share, a attribute, v view, arrows choose a source, \
PgUp and PgDn turn the page, h health with the fix for rejected records. Sorted by votes or share, the first 1,000 sources that fit \
the filter are compared.

Without a terminal, or with --once, it prints one snapshot of at most 1,000 sources and exits.")]
pub(super) struct TopArgs {
    /// The address of an instance.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    url: String,
    /// Who signs the instance's certificate, as PEM, instead of those whom this machine trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file that holds a bearer token, in one line.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Only sources whose name holds this text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    search: String,
    /// Print one snapshot.
    #[arg(long)]
    once: bool,
    /// Print the answers of the API as one JSON document: sources, live, health.
    #[arg(long, conflicts_with = "once")]
    json: bool,
}

pub(super) fn run(args: TopArgs) -> anyhow::Result<ExitCode> {
    demograph_top::run(demograph_top::Settings {
        url: args.url,
        ca: args.ca,
        token_file: args.token_file,
        search: args.search,
        once: args.once,
        json: args.json,
    })?;
    Ok(ExitCode::SUCCESS)
}
