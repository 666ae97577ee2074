//! `demograph estimate`: exact cells of any days and sources -> true shares with intervals.
//!
//! Promises: every row of the table counts once; what does not add up (cells of other models) is an error.

mod groups;
mod lines;
mod rows;

use std::{path::PathBuf, process::ExitCode};

use anyhow::ensure;
use clap::ValueEnum;
use demograph_core::{
    estimate::{Calibrations, Method},
    privacy::Thresholds,
    record::EventTime,
    span::Span,
};
use demograph_service::wiring::calibrations;

use self::rows::Choice;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph estimate --tables out
  demograph estimate --tables out --every 1h --by source --format csv > hours.csv
  demograph estimate --tables out --from 2026-03-02 --to 2026-03-09 --every 7d
  demograph estimate --tables s3://bucket/prefix --calibration gate-calibration.json

Input: the table `cells`. `demograph run` writes it if output.cells = true, to output.cells_url (default: out-cells beside \
out). The compacted files of `demograph compact` are read, and the small files that are in none of them, so each row counts once. \
Copied files are left out, with a warning.

Method: the votes of all windows in a group are added, then the shares are estimated once. So a day is one estimate, not a \
mean of windows. A window that reaches over the end of a group counts where it begins; `until` says where it ends. Groups begin at whole multiples of --every in UTC. Weeks (7d, 14d) begin on Mondays. Cells of different models \
cannot be added: choose one model with --model, or its days with --from and --to.

Privacy: the output is as sensitive as the table `cells` that it is made of. It says exact totals and naive shares of any \
groups: less what `demographics` shows, these are the counts that were hidden. Show it only to readers who may see exact \
counts. Groups and categories of few people are left out, by the thresholds of the policy that made the cells (the highest \
one in a group); --k-total and --k-cell replace them. The thresholds apply to the votes of a group. Where crops vote \
(`unit` = detections), they are multiplied by policy.detections_factor, since cells do not say how many people voted.

CSV: a name that begins with = + - @ or a control character gets a ' in front, so that no spreadsheet runs it.")]
pub(super) struct EstimateArgs {
    /// The place in output.url: a folder, or s3://bucket/prefix with its options in the environment.
    #[arg(long, value_name = "URL", required_unless_present = "cells")]
    tables: Option<String>,
    /// The place in output.cells_url. Default: --tables with -cells at its end.
    #[arg(long, value_name = "URL")]
    cells: Option<String>,
    /// The calibration. It must be of the model that made the cells.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "models/fairface-small/calibration.int8.json"
    )]
    calibration: PathBuf,
    /// The length of a group of windows: 1h, 1d, 7d. Default: one group for all windows.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    every: Option<Span>,
    /// One estimate for each source, or one for all sources together.
    #[arg(long, value_enum, default_value_t = By::Source)]
    by: By,
    /// Only this source. Repeat the option for several.
    #[arg(long = "source", value_name = "ID")]
    sources: Vec<String>,
    /// Only cells of this model: a value of the column `model`.
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Only windows that begin at this time or later: 2026-03-01 (midnight in UTC), or 2026-03-01T09:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<EventTime>,
    /// Only windows that begin before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<EventTime>,
    /// Of earlier versions; "score" (formerly "emq") is the only estimator.
    #[arg(long, hide = true, value_parser = ["score", "emq"])]
    method: Option<String>,
    /// Suppress groups with fewer votes. Default: as the policy says that made the cells.
    #[arg(long, value_name = "N")]
    k_total: Option<u64>,
    /// Hide categories with fewer votes, and others so that these cannot be computed. Default: as the policy says.
    #[arg(long, value_name = "N")]
    k_cell: Option<u64>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Beside the output, so that a CSV is a CSV.
const SENSITIVE: &str = "note: this output is as sensitive as the exact cells it is made of. With the published tables, \
    a reader can compute hidden counts from it.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Source,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
}

fn span(text: &str) -> Result<Span, String> {
    let span = Span::try_from(text.to_owned())?;
    match span.as_millis() {
        0 => Err("a group has a length: write 1h or 24h".into()),
        _ => Ok(span),
    }
}

fn moment(text: &str) -> Result<EventTime, String> {
    let midnight = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        jiff::tz::Offset::UTC.to_timestamp(midnight).ok()
    };
    // A time with a zone first: a date is read from the beginning of a longer text too.
    let time = match text.contains(['T', 't', ' ']) {
        true => text.parse().ok(),
        false => midnight(),
    };
    let time = time.ok_or("write 2026-03-01 or 2026-03-01T09:00:00Z")?;
    Ok(EventTime(time.as_millisecond()))
}

pub(super) fn run(args: EstimateArgs) -> anyhow::Result<ExitCode> {
    if let (Some(k_total), Some(k_cell)) = (args.k_total, args.k_cell) {
        ensure!(
            k_total >= k_cell,
            "--k-total {k_total} is below --k-cell {k_cell}: the whole cannot have fewer votes than a part"
        );
    }
    let file = calibrations::read(&args.calibration)?;
    let choice = Choice {
        sources: args.sources,
        model: args.model,
        from: args.from.unwrap_or(EventTime::MIN),
        to: args.to.unwrap_or(EventTime::MAX),
    };
    let places = rows::Places {
        tables: args.tables,
        cells: args.cells,
    };
    let rows = rows::read(&places, &choice)?;
    rows::of_one_model(&rows, &file.model, &args.calibration)?;
    let groups = groups::grouped(&rows, args.every, args.by);
    if groups.values().any(|votes| votes.is_assumed) {
        tracing::warn!(
            "an earlier version wrote some of these cells, and did not say which votes are one person's: they count as \
             independent, so the intervals are too narrow where people stay"
        );
    }
    let calibrations = Calibrations::new(Method::default(), Some(file), []);
    let thresholds = |policy: Thresholds| {
        let k_cell = args.k_cell.unwrap_or(policy.k_cell);
        // A whole has at least as many votes as a part.
        let k_total = args.k_total.unwrap_or(policy.k_total).max(k_cell);
        Thresholds { k_total, k_cell }
    };
    let mut lines = Vec::new();
    for (group, votes) in &groups {
        let thresholds = thresholds(votes.thresholds);
        lines.extend(lines::estimated(group, votes, &calibrations, thresholds)?);
    }
    eprintln!("{SENSITIVE}");
    match args.format {
        Format::Table => lines::print_table(&lines),
        Format::Csv => lines::write_csv(&lines, std::io::stdout().lock())?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_with_a_zone_or_midnight_in_utc() {
        let time = |text| moment(text).unwrap().0;
        assert_eq!(time("1970-01-02"), 86_400_000);
        assert_eq!(time("1970-01-02T01:00:00+01:00"), 86_400_000);
        for wrong in ["yesterday", "1970-01-02T01:00:00", "2026-13-01"] {
            moment(wrong).unwrap_err();
        }
    }
}
