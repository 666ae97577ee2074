//! The kinds of columns that tables are made of: their fields, their arrays, and one that is read back.

use std::sync::Arc;

use anyhow::Context;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMillisecondArray,
    builder::{Int64Builder, ListBuilder},
};
use arrow_schema::{DataType, Field, TimeUnit};
use demograph_core::{privacy::ReleasedWindow, record::EventTime};

/// The first day of Parquet's calendar.
const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

pub(super) fn integer(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

pub(super) fn number(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

pub(super) fn flag(name: &str) -> Field {
    Field::new(name, DataType::Boolean, false)
}

/// True, false or unknown.
pub(super) fn known_flag(name: &str) -> Field {
    flag(name).with_nullable(true)
}

pub(super) fn time(name: &str) -> Field {
    Field::new(
        name,
        DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        false,
    )
}

pub(super) fn date(name: &str) -> Field {
    Field::new(name, DataType::Date32, false)
}

/// A small integer.
pub(super) fn small(name: &str) -> Field {
    Field::new(name, DataType::Int32, false)
}

/// The partition that a row comes from: a column of every table.
pub(super) fn partition() -> Field {
    Field::new("partition", DataType::Int32, false)
}

/// The windows in the order of every table: by source, then by window.
pub(super) fn sorted(windows: &[ReleasedWindow]) -> Vec<&ReleasedWindow> {
    let mut windows: Vec<_> = windows.iter().collect();
    windows.sort_by(|a, b| (&a.source, a.start).cmp(&(&b.source, b.start)));
    windows
}

pub(super) fn texts<'a, T>(rows: &'a [T], get: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    known_texts(rows, |row| Some(get(row)))
}

pub(super) fn known_texts<'a, T>(
    rows: &'a [T],
    get: impl Fn(&'a T) -> Option<&'a str>,
) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<StringArray>())
}

pub(super) fn integers<T>(rows: &[T], get: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Int64Array>())
}

pub(super) fn known_counts<T>(rows: &[T], get: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    let counts = rows.iter().map(|row| get(row).map(signed));
    Arc::new(counts.collect::<Int64Array>())
}

pub(super) fn known_numbers<T>(rows: &[T], get: impl Fn(&T) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Float64Array>())
}

pub(super) fn flags<T>(rows: &[T], get: impl Fn(&T) -> bool) -> ArrayRef {
    known_flags(rows, |row| Some(get(row)))
}

pub(super) fn known_flags<T>(rows: &[T], get: impl Fn(&T) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<BooleanArray>())
}

pub(super) fn times<T>(rows: &[T], get: impl Fn(&T) -> EventTime) -> ArrayRef {
    let millis: TimestampMillisecondArray = rows.iter().map(|row| Some(get(row).0)).collect();
    Arc::new(millis.with_timezone("UTC"))
}

/// Days since 1970.
pub(super) fn dates<T>(rows: &[T], get: impl Fn(&T) -> jiff::civil::Date) -> ArrayRef {
    let day = |row: &T| get(row).duration_since(EPOCH).as_hours() / 24;
    let days = rows.iter().map(|row| Some(day(row) as i32));
    Arc::new(days.collect::<Date32Array>())
}

pub(super) fn smalls<T>(rows: &[T], get: impl Fn(&T) -> i32) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Int32Array>())
}

pub(super) fn partitions<T>(rows: &[T], get: impl Fn(&T) -> i32) -> ArrayRef {
    smalls(rows, get)
}

/// A list of integers in each row.
pub(in crate::sink) fn lists<'a>(rows: impl Iterator<Item = &'a [u64]>) -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new()).with_field(integer("item"));
    for row in rows {
        lists.append_value(row.iter().map(|&count| Some(signed(count))));
    }
    Arc::new(lists.finish())
}

/// Parquet's integers have a sign.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A column of a batch that was read back.
pub(in crate::sink) fn column<'a, T: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> anyhow::Result<&'a T> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .with_context(|| {
            format!("no column {name} of the table's type: is this a file of this table?")
        })
}
