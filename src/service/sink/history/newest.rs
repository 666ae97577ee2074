//! The newest hour and day of each source, and its people by hour before that.
//!
//! Promises: after the first look, only the files of changed dates are read.

use std::collections::BTreeMap;

use anyhow::Context;
use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use demograph_core::{
    people::{Newest as NewestWindow, People},
    periods::{PeriodKind, Zone},
    record::{Attribute, EventTime},
    window::Unit,
};
use jiff::civil::Date;

use super::{COLUMNS, History, LeftOut, PeriodRow, add, files, shown, table_of};
use crate::sink::{catalog, file::Only, tables::columns::column};

/// The newest periods, the people by the names of their sources, and the files that were left out of them.
pub struct Newest {
    pub periods: NewestPeriods,
    pub people: BTreeMap<String, People>,
    pub left_out: Vec<LeftOut>,
}

/// The newest periods of the sources, by their names.
pub type NewestPeriods = BTreeMap<String, BTreeMap<PeriodKind, NewestPeriod>>;

/// Hours that are kept before the newest of a source: the last 24 are shown, and a day may have 25.
const HOURS_KEPT: i64 = 26 * 3_600_000;

/// A period of a source, with all its attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestPeriod {
    /// From when to when its windows go.
    pub covers: (EventTime, EventTime),
    /// In the order of the table.
    pub rows: Vec<(Attribute, PeriodRow)>,
}

/// An hour of a source. It may be there twice, for other windows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Hour {
    start: EventTime,
    covers_until: EventTime,
    partition: i32,
    /// They tell hours apart that began anew.
    model: String,
    policy: String,
}

/// The people of an hour.
#[derive(Debug, Clone, PartialEq)]
struct Hourly {
    zone: String,
    covers_from: EventTime,
    tracks: u64,
    stayed: u64,
    unit: Unit,
}

/// By the name of the source.
type Hours = BTreeMap<String, BTreeMap<Hour, Hourly>>;

/// What was found, and in which files; and those that were left out.
#[derive(Default)]
pub(super) struct Seen {
    files: BTreeMap<(PeriodKind, Date), (catalog::Day, Vec<LeftOut>)>,
    periods: NewestPeriods,
    hours: Hours,
}

/// A row of a period, with what only the newest ones need.
struct Row {
    source: String,
    attribute: Attribute,
    row: PeriodRow,
    hourly: Hourly,
}

impl History {
    /// The newest hour and day of each source in the newest dates of each table, at most so many. An hour may be there twice,
    /// for other windows: then the last of them. And the people of its last hours.
    pub fn newest(&self, dates: usize) -> anyhow::Result<Newest> {
        let (mut found, mut left_out) = (BTreeMap::new(), Vec::new());
        for kind in PeriodKind::ALL {
            let (days, strays) = catalog::wanted_days(&self.store, table_of(kind), |_| true)?;
            left_out.extend(strays.into_iter().map(LeftOut::stray));
            let newest = days.into_iter().rev().take(dates);
            found.extend(newest.map(|(date, day)| ((kind, date), day)));
        }
        let mut seen = std::mem::take(&mut *self.seen());
        let mut known = seen.files.iter();
        let is_as_it_was = known.all(|(key, (before, _))| {
            let now: Option<&catalog::Day> = found.get(key);
            now.is_some_and(|now| now.has_all_of(before))
        });
        if !is_as_it_was {
            // What is gone, or was written anew, may have held the newest period of a source.
            seen = Seen::default();
        }
        for (&(kind, date), day) in &found {
            let known = seen.files.get(&(kind, date));
            if known.is_none_or(|(known, _)| known != day) {
                let left_out = self.take(&mut seen, kind, date, day)?;
                seen.files.insert((kind, date), (day.clone(), left_out));
            }
        }
        left_out.extend(
            seen.files
                .values()
                .flat_map(|(_, left_out)| left_out)
                .cloned(),
        );
        let people = seen.hours.iter();
        let people = people.map(|(source, hours)| (source.clone(), people_of(hours)));
        let newest = Newest {
            periods: seen.periods.clone(),
            people: people.collect(),
            left_out,
        };
        *self.seen() = seen;
        Ok(newest)
    }

    fn take(
        &self,
        seen: &mut Seen,
        kind: PeriodKind,
        date: Date,
        day: &catalog::Day,
    ) -> anyhow::Result<Vec<LeftOut>> {
        let columns = [
            &shown::COLUMNS[..],
            &COLUMNS,
            &["covers_from", "tracks", "stayed", "unit"],
        ]
        .concat();
        let only = Only {
            schema: &table_of(kind).schema(),
            columns: &columns,
            equal: &[],
        };
        files::read(&self.store, (date, day), &only, parse, |said| {
            for row in said.rows {
                seen.keep(kind, row);
            }
            Ok(())
        })
    }
}

fn parse(rows: &mut Vec<Row>, batch: &RecordBatch) -> anyhow::Result<()> {
    let texts = |name| column::<StringArray>(batch, name);
    let (source, attribute) = (texts("source")?, texts("attribute")?);
    let unit = texts("unit")?;
    let covers_from: &TimestampMillisecondArray = column(batch, "covers_from")?;
    let (tracks, stayed): (&Int64Array, &Int64Array) =
        (column(batch, "tracks")?, column(batch, "stayed")?);
    let mut periods = Vec::new();
    add(&mut periods, batch)?;
    for (at, row) in periods.into_iter().enumerate() {
        let count = |of: &Int64Array| u64::try_from(of.value(at)).unwrap_or(0);
        let hourly = Hourly {
            zone: row.time_zone.clone(),
            covers_from: EventTime(covers_from.value(at)),
            tracks: count(tracks),
            stayed: count(stayed),
            unit: match unit.value(at) == Unit::Tracks.name() {
                true => Unit::Tracks,
                false => Unit::Detections,
            },
        };
        rows.push(Row {
            source: source.value(at).to_owned(),
            attribute: named(attribute.value(at))?,
            row,
            hourly,
        });
    }
    Ok(())
}

impl Seen {
    fn keep(&mut self, kind: PeriodKind, row: Row) {
        let Row {
            source,
            attribute,
            row,
            hourly,
        } = row;
        let covers = (hourly.covers_from, row.covers_until);
        if kind == PeriodKind::Hour {
            keep_hour(&mut self.hours, &source, &row, hourly);
        }
        let of_source = self.periods.entry(source).or_default();
        let known = of_source.entry(kind).or_insert_with(|| NewestPeriod {
            covers,
            rows: Vec::new(),
        });
        let order = |covers: (EventTime, EventTime), row: &PeriodRow| {
            (row.start, covers.1, covers.0, row.shown.partition)
        };
        let before = known.rows.first();
        let before = before.map(|(_, first)| order(known.covers, first));
        let this = order(covers, &row);
        if before.is_some_and(|before| this < before) {
            return;
        }
        if before != Some(this) {
            known.covers = covers;
            known.rows.clear();
        }
        // A file that changed is read again.
        let is_there = |(other, one): &(Attribute, PeriodRow)| {
            *other == attribute && one.shown.category == row.shown.category
        };
        if !known.rows.iter().any(is_there) {
            known.rows.push((attribute, row));
        }
    }
}

/// The rows of an hour say the same of its people. A file that changed is read again.
fn keep_hour(hours: &mut Hours, source: &str, row: &PeriodRow, hourly: Hourly) {
    let of_source = hours.entry(source.to_owned()).or_default();
    let newest = of_source.last_key_value().map(|(hour, _)| hour.start);
    let begin = newest.map_or(EventTime::MIN, |newest| newest.minus(HOURS_KEPT));
    if row.start < begin {
        return;
    }
    let hour = Hour {
        start: row.start,
        covers_until: row.covers_until,
        partition: row.shown.partition,
        model: row.shown.model.clone(),
        policy: row.shown.policy.clone(),
    };
    if of_source.insert(hour, hourly).is_none() {
        let begin = newest.unwrap_or(row.start).max(row.start).minus(HOURS_KEPT);
        of_source.retain(|hour, _| hour.start >= begin);
    }
}

fn people_of(hours: &BTreeMap<Hour, Hourly>) -> People {
    let zone = hours.last_key_value();
    let zone = zone.and_then(|(_, hourly)| Zone::named(&hourly.zone).ok());
    let mut people = People::new(zone.unwrap_or_else(Zone::utc));
    for (hour, hourly) in hours {
        let newest = NewestWindow {
            from: hourly.covers_from,
            until: hour.covers_until,
            people: hourly.tracks.saturating_sub(hourly.stayed),
        };
        people.add_hour(hour.start, newest, hourly.unit);
    }
    people
}

fn named(name: &str) -> anyhow::Result<Attribute> {
    let mut all = Attribute::ALL.into_iter();
    let found = all.find(|attribute| attribute.name() == name);
    found.with_context(|| format!("the attribute {name:?} is of a later version of demograph"))
}
