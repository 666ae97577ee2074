//! Hours and days of one source and attribute, read back from the tables `hourly` and `daily`.
//!
//! Promises: each row is read once, as everywhere ([`catalog`]). What was read stays in memory up to a bound; a date is read
//! again when its files change.

mod newest;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{bail, ensure};
use arrow_array::{
    Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use demograph_core::{
    periods::PeriodKind,
    privacy::ShownShare,
    record::{Attribute, EventTime},
};
use jiff::civil::Date;

use super::{Store, Table, catalog, file, tables::columns::column};

pub use newest::{NewestPeriod, NewestPeriods};

/// Rows that stay in memory: some 20 MB.
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
    pub category: Option<String>,
    pub people: Option<i64>,
    pub total: Option<i64>,
    pub shown_ratio: Option<f64>,
    pub share_naive: Option<f64>,
    pub share: ShownShare,
    pub shift_p: Option<f64>,
    pub calibration_fits: Option<bool>,
    pub suppressed: bool,
    pub model: String,
    pub policy: String,
    pub partition: i32,
}

/// The tables' history.
pub struct History {
    store: Store,
    kept: Mutex<Kept>,
    seen: Mutex<newest::Seen>,
}

#[derive(Default)]
struct Kept {
    rows: usize,
    dates: BTreeMap<Key, Read>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    table: Table,
    source: String,
    attribute: Attribute,
    date: Date,
}

/// The rows of a date, and the files that they came from.
#[derive(Clone)]
struct Read {
    files: catalog::Day,
    rows: Arc<[PeriodRow]>,
}

impl History {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            kept: Mutex::default(),
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
            let is_there = !catalog::days(&self.store, table)?.is_empty();
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
    pub fn rows(&self, asked: &Asked) -> anyhow::Result<Vec<PeriodRow>> {
        let table = table_of(asked.kind);
        let (from, until) = asked.dates;
        let mut rows = Vec::new();
        for (date, files) in catalog::days(&self.store, table)? {
            if (from..=until).contains(&date) {
                rows.extend_from_slice(&self.date(asked, table, date, files)?);
            }
        }
        rows.sort_by_key(|row| (row.start, row.partition, row.covers_until));
        Ok(rows)
    }

    fn date(
        &self,
        asked: &Asked,
        table: Table,
        date: Date,
        files: catalog::Day,
    ) -> anyhow::Result<Arc<[PeriodRow]>> {
        let key = Key {
            table,
            source: asked.source.clone(),
            attribute: asked.attribute,
            date,
        };
        let known = self.kept().dates.get(&key).cloned();
        if let Some(known) = known
            && known.files == files
        {
            return Ok(known.rows);
        }
        let mut rows = Vec::new();
        let only = file::Only {
            columns: &COLUMNS,
            equal: &[
                ("source", &asked.source),
                ("attribute", asked.attribute.name()),
            ],
        };
        let dates = BTreeMap::from([(date, vec![(&self.store, files.clone())])]);
        catalog::read_dates(
            dates,
            |bytes| file::decode_only(bytes, &only),
            |batch| add(&mut rows, batch),
        )?;
        let rows: Arc<[PeriodRow]> = rows.into();
        self.kept().keep(key, files, rows.clone());
        Ok(rows)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Kept {
    fn keep(&mut self, key: Key, files: catalog::Day, rows: Arc<[PeriodRow]>) {
        // A date without a row takes a place too.
        let size = rows.len().max(1);
        if self.rows + size > ROWS_MAX {
            *self = Self::default();
        }
        if let Some(before) = self.dates.insert(key, Read { files, rows }) {
            self.rows -= before.rows.len().max(1);
        }
        self.rows += size;
    }
}

const COLUMNS: [&str; 21] = [
    "source",
    "attribute",
    "period_start",
    "period_end",
    "covers_until",
    "time_zone",
    "category",
    "people",
    "total",
    "shown_ratio",
    "share_naive",
    "share",
    "share_low",
    "share_high",
    "effective_n",
    "shift_p",
    "calibration_fits",
    "suppressed",
    "model",
    "policy",
    "partition",
];

fn add(rows: &mut Vec<PeriodRow>, batch: &RecordBatch) -> anyhow::Result<()> {
    let times = |name| column::<TimestampMillisecondArray>(batch, name);
    let texts = |name| column::<StringArray>(batch, name);
    let numbers = |name| column::<Float64Array>(batch, name);
    let counts = |name| column::<Int64Array>(batch, name);
    let (start, end) = (times("period_start")?, times("period_end")?);
    let covers_until = times("covers_until")?;
    let (zone, category) = (texts("time_zone")?, texts("category")?);
    let (model, policy) = (texts("model")?, texts("policy")?);
    let (people, total) = (counts("people")?, counts("total")?);
    let (shown, naive) = (numbers("shown_ratio")?, numbers("share_naive")?);
    let (share, effective_n) = (numbers("share")?, numbers("effective_n")?);
    let (low, high) = (numbers("share_low")?, numbers("share_high")?);
    let shift_p = numbers("shift_p")?;
    let fits: &BooleanArray = column(batch, "calibration_fits")?;
    let suppressed: &BooleanArray = column(batch, "suppressed")?;
    let partition: &Int32Array = column(batch, "partition")?;
    for row in 0..batch.num_rows() {
        let number = |of: &Float64Array| of.is_valid(row).then(|| of.value(row));
        let count = |of: &Int64Array| of.is_valid(row).then(|| of.value(row));
        rows.push(PeriodRow {
            start: EventTime(start.value(row)),
            end: EventTime(end.value(row)),
            covers_until: EventTime(covers_until.value(row)),
            time_zone: zone.value(row).to_owned(),
            category: category
                .is_valid(row)
                .then(|| category.value(row).to_owned()),
            people: count(people),
            total: count(total),
            shown_ratio: number(shown),
            share_naive: number(naive),
            share: ShownShare {
                share: number(share),
                low: number(low),
                high: number(high),
                effective_n: number(effective_n),
            },
            shift_p: number(shift_p),
            calibration_fits: fits.is_valid(row).then(|| fits.value(row)),
            suppressed: suppressed.value(row),
            model: model.value(row).to_owned(),
            policy: policy.value(row).to_owned(),
            partition: partition.value(row),
        });
    }
    Ok(())
}
