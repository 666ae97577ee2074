//! Hours, days and windows of one source and attribute, read back from the tables `hourly`, `daily` and `demographics`.
//!
//! Promises: each row is read once, as everywhere ([`catalog`]). What was read stays in memory up to a bound; a date is read
//! again when its files change. A file that cannot be read is left out, and named.

mod files;
mod newest;
mod shown;
mod windows;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{bail, ensure};
use arrow_array::{Array, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use demograph_core::{
    periods::PeriodKind,
    record::{Attribute, EventTime},
};
use jiff::civil::Date;

use super::{
    Store, Table, catalog, file::Only, side_by_side::side_by_side, tables::columns::column,
};
use files::Said;

pub use files::LeftOut;
pub use newest::{Newest, NewestPeriod, NewestPeriods};
pub use shown::ShownRow;
pub use windows::{AskedWindows, FoundWindows, WindowRow};

/// Rows that stay in memory, of periods and of windows: some 20 MB each.
const ROWS_MAX: usize = 100_000;

/// What is asked of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub source: String,
    pub attribute: Attribute,
    pub kind: PeriodKind,
    /// The first and the last date, by the clock of the source.
    pub dates: (Date, Date),
}

/// One row of a period: a category, or none where nothing is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodRow {
    pub start: EventTime,
    pub end: EventTime,
    pub covers_until: EventTime,
    pub time_zone: String,
    pub shown_ratio: Option<f64>,
    pub shown: ShownRow,
}

/// Rows that were found, and the files that were left out of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<R> {
    pub rows: Vec<R>,
    pub left_out: Vec<LeftOut>,
}

/// The tables' history.
pub struct History {
    store: Store,
    periods: Mutex<Kept<PeriodRow>>,
    windows: Mutex<Kept<WindowRow>>,
    seen: Mutex<newest::Seen>,
}

struct Kept<R> {
    rows: usize,
    dates: BTreeMap<Key, Read<R>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    table: Table,
    source: String,
    attribute: Attribute,
    date: Date,
}

/// The rows of a date, the files that they came from, and those that were left out.
#[derive(Clone)]
struct Read<R> {
    files: catalog::Day,
    rows: Arc<[R]>,
    left_out: Arc<[LeftOut]>,
}

/// A row that shows something.
trait Row: PartialEq + Send + Sync {
    fn shown(&self) -> &ShownRow;
}

impl Row for PeriodRow {
    fn shown(&self) -> &ShownRow {
        &self.shown
    }
}

impl Row for WindowRow {
    fn shown(&self) -> &ShownRow {
        &self.shown
    }
}

impl History {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            periods: Mutex::default(),
            windows: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// What the user called the place of the tables.
    pub fn place(&self) -> &str {
        self.store.place()
    }

    /// Fails where neither hours nor days are, and says what is there instead.
    pub fn probe(&self) -> anyhow::Result<()> {
        let mut others = Vec::new();
        for table in Table::ALL {
            let (days, strays) = catalog::wanted_days(&self.store, table, |_| true)?;
            let is_there = !days.is_empty() || !strays.is_empty();
            match table {
                Table::Hourly | Table::Daily if is_there => return Ok(()),
                _ if is_there => others.push(table.name()),
                _ => {}
            }
        }
        let place = self.place();
        ensure!(
            !others.is_empty(),
            "no table \"hourly\" or \"daily\" in {place}: name the place in output.url of `demograph run`"
        );
        bail!(
            "no table \"hourly\" or \"daily\" in {place}, but {}: no hour is finished yet, or an earlier version wrote them. \
             An hour is written when its last window has ended",
            others.join(", ")
        )
    }

    /// The rows in the order of time; those of a period in the order of the model.
    pub fn rows(&self, asked: &Asked) -> anyhow::Result<Found<PeriodRow>> {
        let table = table_of(asked.kind);
        let (from, until) = asked.dates;
        let wanted = |date: Date| (from..=until).contains(&date);
        let (days, strays) = catalog::wanted_days(&self.store, table, wanted)?;
        let days: Vec<_> = days.into_iter().collect();
        let dates = side_by_side(&days, |(date, files)| {
            let key = Key {
                table,
                source: asked.source.clone(),
                attribute: asked.attribute,
                date: *date,
            };
            self.date(&self.periods, key, files, &COLUMNS, add)
        })?;
        let mut found = Found {
            rows: Vec::new(),
            left_out: strays.into_iter().map(LeftOut::stray).collect(),
        };
        for date in dates {
            found.rows.extend_from_slice(&date.rows);
            found.left_out.extend_from_slice(&date.left_out);
        }
        let order = |row: &PeriodRow| (row.start, row.shown.partition, row.covers_until);
        found.rows.sort_by_key(order);
        Ok(found)
    }

    /// The rows of a date: those that are kept, while its files are the same.
    fn date<R: Row + Clone>(
        &self,
        kept: &Mutex<Kept<R>>,
        key: Key,
        files: &catalog::Day,
        columns: &[&str],
        add: impl Fn(&mut Vec<R>, &RecordBatch) -> anyhow::Result<()>,
    ) -> anyhow::Result<Read<R>> {
        let kept = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().dates.get(&key)
            && known.files == *files
        {
            return Ok(known.clone());
        }
        let mut rows = Vec::new();
        let columns = [&shown::COLUMNS[..], columns].concat();
        let only = Only {
            schema: &key.table.schema(),
            columns: &columns,
            equal: &[("source", &key.source), ("attribute", key.attribute.name())],
        };
        let left_out = files::read(&self.store, (key.date, files), &only, add, |said| {
            take(&mut rows, said)
        })?;
        let read = Read {
            files: files.clone(),
            rows: rows.into(),
            left_out: left_out.into(),
        };
        kept().keep(key, read.clone());
        Ok(read)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, newest::Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table_of(kind: PeriodKind) -> Table {
    match kind {
        PeriodKind::Hour => Table::Hourly,
        PeriodKind::Day => Table::Daily,
    }
}

impl<R> Default for Kept<R> {
    fn default() -> Self {
        Self {
            rows: 0,
            dates: BTreeMap::new(),
        }
    }
}

impl<R> Kept<R> {
    fn keep(&mut self, key: Key, read: Read<R>) {
        // A date without a row takes a place too.
        let size = read.rows.len().max(1);
        if self.rows + size > ROWS_MAX {
            *self = Self::default();
        }
        if let Some(before) = self.dates.insert(key, read) {
            self.rows -= before.rows.len().max(1);
        }
        self.rows += size;
    }
}

/// Takes the rows of a file in. Nothing but its rows tells a copy that another program made.
fn take<R: Row>(rows: &mut Vec<R>, said: Said<R>) -> anyhow::Result<()> {
    let is_shown = |row: &&R| row.shown().votes.is_some();
    let is_copy = said.is_foreign
        && said
            .rows
            .iter()
            .filter(is_shown)
            .any(|row| rows.contains(row));
    ensure!(
        !is_copy,
        "rows of it are in other files of its date, too, and would count twice: keep it or the others, and move the rest away"
    );
    rows.extend(said.rows);
    Ok(())
}

/// Those of hours and days besides what they show.
const COLUMNS: [&str; 6] = [
    "people",
    "period_start",
    "period_end",
    "covers_until",
    "time_zone",
    "shown_ratio",
];

fn add(rows: &mut Vec<PeriodRow>, batch: &RecordBatch) -> anyhow::Result<()> {
    let times = |name| column::<TimestampMillisecondArray>(batch, name);
    let (start, end) = (times("period_start")?, times("period_end")?);
    let covers_until = times("covers_until")?;
    let zone: &StringArray = column(batch, "time_zone")?;
    let ratio: &Float64Array = column(batch, "shown_ratio")?;
    let shown = shown::shown(batch, "people")?.into_iter().enumerate();
    rows.extend(shown.map(|(row, shown)| PeriodRow {
        start: EventTime(start.value(row)),
        end: EventTime(end.value(row)),
        covers_until: EventTime(covers_until.value(row)),
        time_zone: zone.value(row).to_owned(),
        shown_ratio: ratio.is_valid(row).then(|| ratio.value(row)),
        shown,
    }));
    Ok(())
}
