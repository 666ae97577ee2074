//! The newest hour and day of each source.
//!
//! Promises: after the first look, only the files of changed dates are read.

use std::collections::BTreeMap;

use anyhow::Context;
use arrow_array::{RecordBatch, StringArray, TimestampMillisecondArray};
use demograph_core::{
    periods::PeriodKind,
    record::{Attribute, EventTime},
};
use jiff::civil::Date;

use super::{COLUMNS, History, PeriodRow, add, table_of};
use crate::sink::{catalog, file, tables::columns::column};

/// The newest periods of the sources, by their names.
pub type NewestPeriods = BTreeMap<String, BTreeMap<PeriodKind, NewestPeriod>>;

/// A period of a source, with all its attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestPeriod {
    /// From when to when its windows go.
    pub covers: (EventTime, EventTime),
    /// In the order of the table.
    pub rows: Vec<(Attribute, PeriodRow)>,
}

/// What was found, and in which files.
#[derive(Default)]
pub(super) struct Seen {
    files: BTreeMap<(PeriodKind, Date), catalog::Day>,
    periods: NewestPeriods,
}

impl History {
    /// The newest hour and day of each source in the newest dates of each table, at most so many. An hour may be there twice,
    /// for other windows: then the last of them.
    pub fn newest(&self, dates: usize) -> anyhow::Result<NewestPeriods> {
        let mut files = BTreeMap::new();
        for kind in PeriodKind::ALL {
            let days = catalog::days(&self.store, table_of(kind))?;
            let newest = days.into_iter().rev().take(dates);
            files.extend(newest.map(|(date, day)| ((kind, date), day)));
        }
        let mut seen = std::mem::take(&mut *self.seen());
        if !seen.files.keys().all(|key| files.contains_key(key)) {
            // A date that is gone may have held the newest period of a source.
            seen = Seen::default();
        }
        for (key, day) in &files {
            if seen.files.get(key) != Some(day) {
                let &(kind, date) = key;
                self.take(&mut seen.periods, kind, date, day.clone())?;
                seen.files.insert(*key, day.clone());
            }
        }
        let periods = seen.periods.clone();
        *self.seen() = seen;
        Ok(periods)
    }

    fn take(
        &self,
        periods: &mut NewestPeriods,
        kind: PeriodKind,
        date: Date,
        day: catalog::Day,
    ) -> anyhow::Result<()> {
        let columns = [&COLUMNS[..], &["covers_from"]].concat();
        let only = file::Only {
            columns: &columns,
            equal: &[],
        };
        let dates = BTreeMap::from([(date, vec![(&self.store, day)])]);
        catalog::read_dates(
            dates,
            |bytes| file::decode_only(bytes, &only),
            |batch| keep_newest(periods, kind, batch),
        )?;
        Ok(())
    }
}

fn keep_newest(
    periods: &mut NewestPeriods,
    kind: PeriodKind,
    batch: &RecordBatch,
) -> anyhow::Result<()> {
    let texts = |name| column::<StringArray>(batch, name);
    let (source, attribute) = (texts("source")?, texts("attribute")?);
    let covers_from: &TimestampMillisecondArray = column(batch, "covers_from")?;
    let mut rows = Vec::new();
    add(&mut rows, batch)?;
    for (at, row) in rows.into_iter().enumerate() {
        let attribute = named(attribute.value(at))?;
        let covers = (EventTime(covers_from.value(at)), row.covers_until);
        let of_source = periods.entry(source.value(at).to_owned()).or_default();
        let known = of_source.entry(kind).or_insert_with(|| NewestPeriod {
            covers,
            rows: Vec::new(),
        });
        let order = |covers: (EventTime, EventTime), row: &PeriodRow| {
            (row.start, covers.1, covers.0, row.partition)
        };
        let before = known.rows.first();
        let before = before.map(|(_, first)| order(known.covers, first));
        let this = order(covers, &row);
        if before.is_some_and(|before| this < before) {
            continue;
        }
        if before != Some(this) {
            known.covers = covers;
            known.rows.clear();
        }
        // A file that changed is read again.
        let is_there = |(other, one): &(Attribute, PeriodRow)| {
            *other == attribute && one.category == row.category
        };
        if !known.rows.iter().any(is_there) {
            known.rows.push((attribute, row));
        }
    }
    Ok(())
}

fn named(name: &str) -> anyhow::Result<Attribute> {
    let mut all = Attribute::ALL.into_iter();
    let found = all.find(|attribute| attribute.name() == name);
    found.with_context(|| format!("the attribute {name:?} is of a later version of demograph"))
}
