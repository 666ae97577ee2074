//! `demograph compact`: the small files of past days -> one file a day and table; what is too old goes.
//!
//! Promises: a compacted file is created once and whole, and never changed; a small file is deleted only because it is
//! older than `output.keep`, or because it is named in a compacted file and the caller asked for that.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use comfy_table::presets;
use demograph_core::{record::EventTime, span::Span, state::Created};
use demograph_service::{
    config::Config,
    sink::{
        Footer, Store, Table,
        catalog::{self, COMPACTED, Copy, Day, Once, days, name},
        day,
    },
    wiring,
};
use jiff::{
    civil::{Date, Time},
    tz::Offset,
};

use super::read_config;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph compact --config my.toml --dry-run
  demograph compact --config my.toml

Run it once a day. It takes each table and each UTC date that ended at least --older-than ago. The small files of the date \
are merged into compacted/TABLE/date=D/TABLE-D.parquet, sorted by source and start. The compacted file lies under output.url; \
of the table cells under output.cells_url.

A compacted file never changes. If small files arrive after it was written, `compact` names them, goes on with the other dates \
and exits with code 1. So choose --older-than longer than windows.window_max, and than demograph may be stopped or behind.

The small files stay beside the compacted ones. Read one or the other, never both. With --delete-compacted, small files are \
deleted once they are in a compacted file. Then read compacted/ for past dates and the small files for the last days: together \
these cover every date exactly once. `demograph estimate` does so by itself.

Dates that ended longer than output.keep ago are deleted, small and compacted files.

A small file that was copied under another name, or into the folder of another date, is an error that names it: its rows \
would count twice.

Memory: the compressed files of one day of one table, the compacted file, and about 300 MB (measured: 283 MB for 576 files with \
1.4 million rows).")]
pub(super) struct CompactArgs {
    /// The TOML file of `demograph run`. Only its output section is used.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take dates that ended at least this long ago: 2d, 36h.
    #[arg(long, value_name = "SPAN", default_value = "2d", value_parser = span)]
    older_than: Span,
    /// Delete the small files whose rows are in a compacted file.
    #[arg(long)]
    delete_compacted: bool,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

/// What a date needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DateAction {
    Wait,
    Merge,
    Compare,
    Expire,
}

/// When a date is old enough for what.
#[derive(Debug, Clone, Copy)]
struct Rules {
    now: EventTime,
    older_than: Span,
    keep: Option<Span>,
}

impl Rules {
    fn step(self, date: Date, day: &Day) -> anyhow::Result<DateAction> {
        let end = date.tomorrow()?.to_datetime(Time::midnight());
        let age = self.now.0 - Offset::UTC.to_timestamp(end)?.as_millisecond();
        Ok(match self.keep {
            Some(keep) if age >= keep.as_millis() => DateAction::Expire,
            _ if age < self.older_than.as_millis() => DateAction::Wait,
            _ if day.compacted.is_empty() => DateAction::Merge,
            _ => DateAction::Compare,
        })
    }
}

/// What was done with a date.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    what: String,
    rows: Option<u64>,
    deleted: usize,
    fault: Option<String>,
}

impl Done {
    fn new(what: &str) -> Self {
        Self {
            what: what.into(),
            ..Self::default()
        }
    }
}

pub(super) fn run(args: &CompactArgs) -> anyhow::Result<ExitCode> {
    let config = match read_config(&args.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let rules = Rules {
        now: demograph_service::clock::now(),
        older_than: args.older_than,
        keep: config.output.keep,
    };
    let tables = Store::open(&config.output).context("output.url")?;
    let cells = match has_cells(&config) {
        true => wiring::open_cells(&config)?,
        false => None,
    };
    let mut report = comfy_table::Table::new();
    report.load_style(presets::NOTHING);
    report.set_header(["table", "date", "small files", "rows", "deleted", ""]);
    let mut faults = Vec::new();
    let everywhere = Table::ALL.map(|table| (table, &tables));
    let apart = cells.iter().map(|store| (Table::Cells, store));
    for (table, store) in everywhere.into_iter().chain(apart) {
        for (date, day) in days(store, table)? {
            let one = One {
                store,
                table,
                date,
                day: &day,
            };
            let done = one.apply(rules.step(date, &day)?, args)?;
            report.add_row([
                table.name().to_owned(),
                date.to_string(),
                day.small.len().to_string(),
                done.rows.map(|rows| rows.to_string()).unwrap_or_default(),
                done.deleted.to_string(),
                done.what,
            ]);
            faults.extend(done.fault);
        }
    }
    println!("{report}");
    if args.dry_run {
        println!("Nothing was done (--dry-run).");
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether exact cells may lie in a place of their own: they are written there, or were.
fn has_cells(config: &Config) -> bool {
    let output = &config.output;
    let place = config.cells_place();
    output.cells
        || output.cells_url.is_some()
        || !place.contains("://") && Store::may_be_there(&place)
}

/// One date of one table.
struct One<'a> {
    store: &'a Store,
    table: Table,
    date: Date,
    day: &'a Day,
}

impl One<'_> {
    fn apply(&self, step: DateAction, args: &CompactArgs) -> anyhow::Result<Done> {
        match step {
            DateAction::Wait => Ok(Done::new("too recent")),
            DateAction::Merge if args.dry_run => Ok(Done::new("to be merged")),
            DateAction::Expire if args.dry_run => {
                Ok(Done::new("to be deleted: older than output.keep"))
            }
            DateAction::Expire => Ok(Done {
                deleted: self.delete(self.day.small.iter().chain(&self.day.compacted))?,
                ..Done::new("older than output.keep")
            }),
            DateAction::Merge => self.merge(args),
            DateAction::Compare => self.compare(args),
        }
    }

    fn merge(&self, args: &CompactArgs) -> anyhow::Result<Done> {
        let read = |path: &String| Ok((name(path).to_owned(), self.store.read(path)?));
        let files = self.day.small.iter().map(read);
        let files = files.collect::<anyhow::Result<Vec<_>>>()?;
        let (table, date) = (self.table.name(), self.date);
        let mut once = Once::new(date);
        let mut copies = Vec::new();
        for (path, (_, bytes)) in self.day.small.iter().zip(&files) {
            let footer = Footer::read(bytes).with_context(|| path.clone())?;
            match once.small(path, &footer) {
                Ok(copy) => copies.extend(copy),
                Err(error) => return Ok(self.fault("see below", &error.to_string())),
            }
        }
        if !copies.is_empty() {
            return Ok(self.copied(&copies));
        }
        let merged = day::merge(self.table, files).with_context(|| format!("{table}, {date}"))?;
        let path = format!("{COMPACTED}/{table}/date={date}/{table}-{date}.parquet");
        if self.store.create(&path, merged.bytes)? == Created::Exists {
            bail!("{path} has just been made: is another `demograph compact` running?");
        }
        let gone = self.day.small.iter().filter(|_| args.delete_compacted);
        Ok(Done {
            rows: Some(merged.rows),
            deleted: self.delete(gone)?,
            ..Done::new("merged")
        })
    }

    /// Whether the small files that are there are those that went into the compacted file.
    fn compare(&self, args: &CompactArgs) -> anyhow::Result<Done> {
        if self.day.small.is_empty() {
            return Ok(Done::new("already there"));
        }
        let mut once = Once::new(self.date);
        let (mut late, mut copies) = (Vec::new(), Vec::new());
        for path in &self.day.compacted {
            match once.compacted(path, &catalog::footer(self.store, path)?) {
                Ok(copy) => copies.extend(copy),
                Err(error) => return Ok(self.fault("see below", &format!("{error:#}"))),
            }
        }
        let (inside, outside): (Vec<&String>, Vec<&String>) = self
            .day
            .small
            .iter()
            .partition(|path| once.is_compacted(path));
        for path in outside {
            match once.small(path, &catalog::footer(self.store, path)?) {
                Ok(Some(copy)) => copies.push(copy),
                Ok(None) => late.push(path),
                Err(error) => return Ok(self.fault("see below", &error.to_string())),
            }
        }
        if !copies.is_empty() {
            return Ok(self.copied(&copies));
        }
        if !late.is_empty() {
            return Ok(Done {
                fault: Some(self.late(&late, inside.len() == once.inputs())),
                ..Done::new("LATE FILES: see below")
            });
        }
        let gone = inside
            .into_iter()
            .filter(|_| args.delete_compacted && !args.dry_run);
        Ok(Done {
            deleted: self.delete(gone)?,
            ..Done::new("already there")
        })
    }

    fn fault(&self, what: &str, fault: &str) -> Done {
        Done {
            fault: Some(format!("{}, {}: {fault}", self.table.name(), self.date)),
            ..Done::new(what)
        }
    }

    fn copied(&self, copies: &[Copy]) -> Done {
        let (copy, more) = (&copies[0], copies.len() - 1);
        let more = match more {
            0 => String::new(),
            more => format!(" ({more} more files are copies)"),
        };
        let fault = format!(
            "{} is a copy of {}: its rows would count twice, delete it{more}",
            copy.path, copy.of
        );
        self.fault("COPIED FILES: see below", &fault)
    }

    fn late(&self, late: &[&String], complete: bool) -> String {
        let fix = match complete {
            true => format!(
                "delete {} and run this again",
                self.day.compacted.join(" and ")
            ),
            false => "the small files that went in are deleted, so keep the compacted file and read the late ones beside it"
                .into(),
        };
        format!(
            "{}, {}: {} of its small files arrived after its compacted file was made, such as {}. Their rows are missing in it: \
             {fix}; use a longer --older-than",
            self.table.name(),
            self.date,
            late.len(),
            late[0]
        )
    }

    fn delete<'a>(&self, paths: impl Iterator<Item = &'a String>) -> anyhow::Result<usize> {
        let mut deleted = 0;
        for path in paths {
            self.store.delete(path)?;
            deleted += 1;
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        Span::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_date_is_merged_when_it_ended_long_enough_ago_and_goes_when_it_is_too_old() {
        let end: jiff::Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let date: Date = "2026-03-01".parse().unwrap();
        let (small, compacted) = (vec!["s".to_owned()], vec!["d".to_owned()]);
        let merged = Day {
            small,
            compacted,
            ..Day::default()
        };
        let fresh = Day {
            compacted: Vec::new(),
            ..merged.clone()
        };
        let step = |after_end: &str, day: &Day| {
            let now = end.as_millisecond() + span(after_end).as_millis();
            let rules = Rules {
                now: EventTime(now),
                older_than: span("2d"),
                keep: Some(span("30d")),
            };
            rules.step(date, day).unwrap()
        };
        assert_eq!(step("47h", &fresh), DateAction::Wait);
        assert_eq!(step("48h", &fresh), DateAction::Merge);
        assert_eq!(step("48h", &merged), DateAction::Compare);
        assert_eq!(step("719h", &merged), DateAction::Compare);
        assert_eq!(step("720h", &merged), DateAction::Expire);
        assert_eq!(step("720h", &fresh), DateAction::Expire);
    }
}
