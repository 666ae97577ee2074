//! Columns that another program wrote, in the types of the table. Pure.
//!
//! Promises: no value differs from that of the file, and none is missing where the table has one in each row; else the error
//! names the column, its type and what to write instead.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray, cast::AsArray, new_null_array, types,
};
use arrow_schema::{DataType, Field, TimeUnit};

/// The largest whole number up to which a float holds every whole number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The column with the type that the table has.
pub(in crate::sink) fn as_in_table(column: &ArrayRef, field: &Field) -> anyhow::Result<ArrayRef> {
    let (name, from, to) = (field.name(), column.data_type(), field.data_type());
    ensure!(
        field.is_nullable() || column.logical_null_count() == 0,
        "the column {name} has no value in some rows: these are not the rows that demograph wrote"
    );
    if from == to {
        return Ok(column.clone());
    }
    if *from == DataType::Null {
        return Ok(new_null_array(to, column.len()));
    }
    let cast: Option<anyhow::Result<ArrayRef>> = match to {
        DataType::Utf8 => texts(column).map(made),
        DataType::Int64 => integers(column).map(made),
        DataType::Int32 => integers(column).map(|all| {
            let small = all?.try_unary::<_, types::Int32Type, _>(|value| {
                i32::try_from(value).map_err(|_| lost(value))
            });
            made::<Int32Array>(small)
        }),
        DataType::Float64 => numbers(column).map(made),
        DataType::Timestamp(TimeUnit::Millisecond, Some(_)) => times(column).map(made),
        _ => None,
    };
    match cast {
        Some(cast) => cast.with_context(|| format!("the column {name} is {from}")),
        None => bail!(
            "the column {name} is {from}, and in the table {to}: write it again with CAST({name} AS {})",
            sql(to)
        ),
    }
}

/// What SQL calls the type.
fn sql(kind: &DataType) -> &'static str {
    match kind {
        DataType::Utf8 => "VARCHAR",
        DataType::Int64 => "BIGINT",
        DataType::Int32 => "INTEGER",
        DataType::Float64 => "DOUBLE",
        DataType::Boolean => "BOOLEAN",
        DataType::Date32 => "DATE",
        _ => "TIMESTAMP WITH TIME ZONE",
    }
}

fn made<T: Array + 'static>(array: anyhow::Result<T>) -> anyhow::Result<ArrayRef> {
    Ok(Arc::new(array?))
}

fn lost(value: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{value} is no value of the table's type, so nothing of the file is taken")
}

/// Texts that are not marked as such.
fn texts(column: &ArrayRef) -> Option<anyhow::Result<StringArray>> {
    let bytes = column.as_binary_opt::<i32>()?;
    let read = bytes.iter().map(|bytes| bytes.map(std::str::from_utf8));
    let texts: Result<StringArray, _> = read.map(Option::transpose).collect();
    Some(texts.context("some of it is no text"))
}

fn all<T: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    column: &ArrayRef,
    cast: impl Fn(T::Native) -> Option<O::Native>,
) -> anyhow::Result<arrow_array::PrimitiveArray<O>>
where
    T::Native: std::fmt::Display,
{
    let column = column.as_primitive::<T>();
    column.try_unary(|value| cast(value).ok_or_else(|| lost(value)))
}

/// Integers of another width; and floats, which some programs make of integers where one is missing.
fn integers(column: &ArrayRef) -> Option<anyhow::Result<Int64Array>> {
    let whole =
        |value: f64| (value.fract() == 0.0 && value.abs() <= WHOLE_MAX).then_some(value as i64);
    Some(match column.data_type() {
        DataType::Int64 => Ok(column.as_primitive::<types::Int64Type>().clone()),
        DataType::Int32 => all::<types::Int32Type, _>(column, |value| Some(value.into())),
        DataType::Int16 => all::<types::Int16Type, _>(column, |value| Some(value.into())),
        DataType::Int8 => all::<types::Int8Type, _>(column, |value| Some(value.into())),
        DataType::UInt64 => all::<types::UInt64Type, _>(column, |value| value.try_into().ok()),
        DataType::UInt32 => all::<types::UInt32Type, _>(column, |value| Some(value.into())),
        DataType::UInt16 => all::<types::UInt16Type, _>(column, |value| Some(value.into())),
        DataType::UInt8 => all::<types::UInt8Type, _>(column, |value| Some(value.into())),
        DataType::Float64 => all::<types::Float64Type, _>(column, whole),
        DataType::Float32 => all::<types::Float32Type, _>(column, |value| whole(value.into())),
        _ => return None,
    })
}

fn numbers(column: &ArrayRef) -> Option<anyhow::Result<Float64Array>> {
    let whole = |value: i64| (value.unsigned_abs() <= WHOLE_MAX as u64).then_some(value as f64);
    Some(match column.data_type() {
        DataType::Float32 => all::<types::Float32Type, _>(column, |value| Some(value.into())),
        _ => match integers(column)? {
            Ok(integers) => integers.try_unary(|value| whole(value).ok_or_else(|| lost(value))),
            Err(error) => Err(error),
        },
    })
}

/// Times of another unit. The zone only says how they are shown.
fn times(column: &ArrayRef) -> Option<anyhow::Result<TimestampMillisecondArray>> {
    let DataType::Timestamp(unit, zone) = column.data_type() else {
        return None;
    };
    if zone.is_none() {
        return Some(Err(anyhow!(
            "times without a zone may be of any clock: write them again as TIMESTAMP WITH TIME ZONE (where their clock is UTC, \
             DuckDB does so with AT TIME ZONE 'UTC')"
        )));
    }
    let finer = |value: i64, parts: i64| (value % parts == 0).then_some(value / parts);
    let millis = match unit {
        TimeUnit::Second => {
            all::<types::TimestampSecondType, _>(column, |value| value.checked_mul(1_000))
        }
        TimeUnit::Millisecond => Ok(column
            .as_primitive::<types::TimestampMillisecondType>()
            .clone()),
        TimeUnit::Microsecond => {
            all::<types::TimestampMicrosecondType, _>(column, |value| finer(value, 1_000))
        }
        TimeUnit::Nanosecond => {
            all::<types::TimestampNanosecondType, _>(column, |value| finer(value, 1_000_000))
        }
    };
    Some(millis.map(|millis| millis.with_timezone("UTC")))
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, Float32Array, NullArray, TimestampMicrosecondArray, TimestampNanosecondArray,
        UInt8Array,
    };

    use super::*;
    use crate::sink::Table;

    fn field(name: &str) -> Field {
        let schema = Table::Hourly.schema();
        schema.field_with_name(name).unwrap().clone()
    }

    fn cast(name: &str, column: impl Array + 'static) -> Result<ArrayRef, String> {
        let column: ArrayRef = Arc::new(column);
        as_in_table(&column, &field(name)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn other_types_become_those_of_the_table_where_no_value_is_lost() {
        let people: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
        let same = |made: Result<ArrayRef, String>| assert_eq!(&made.unwrap(), &people);
        same(cast("people", Int64Array::from(vec![Some(7), None])));
        same(cast("people", Int32Array::from(vec![Some(7), None])));
        same(cast("people", UInt8Array::from(vec![Some(7), None])));
        same(cast("people", Float64Array::from(vec![Some(7.0), None])));
        same(cast("people", Float32Array::from(vec![Some(7.0), None])));
        let none = cast("people", NullArray::new(2)).unwrap();
        assert_eq!((none.null_count(), none.data_type()), (2, &DataType::Int64));
        let small = cast("partition", Int64Array::from(vec![3])).unwrap();
        assert_eq!(small.as_primitive::<types::Int32Type>().value(0), 3);
        let share = cast("share", Float32Array::from(vec![0.5])).unwrap();
        assert_eq!(share.as_primitive::<types::Float64Type>().value(0), 0.5);
        let text = cast("source", BinaryArray::from(vec!["café".as_bytes()])).unwrap();
        assert_eq!(text.as_string::<i32>().value(0), "café");
        let micros = TimestampMicrosecondArray::from(vec![-1_000]).with_timezone("+02:00");
        let nanos = TimestampNanosecondArray::from(vec![-1_000_000]).with_timezone("UTC");
        for made in [cast("period_start", micros), cast("period_start", nanos)] {
            let made = made.unwrap();
            let millis = made.as_primitive::<types::TimestampMillisecondType>();
            assert_eq!((millis.value(0), millis.timezone()), (-1, Some("UTC")));
        }
    }

    #[test]
    fn what_would_lose_a_value_is_refused_with_the_column_its_type_and_the_fix() {
        let naive = TimestampMicrosecondArray::from(vec![0]);
        let fine = TimestampMicrosecondArray::from(vec![1_500]).with_timezone("UTC");
        for (said, parts) in [
            (
                cast("people", Float64Array::from(vec![7.5])),
                ["people is Float64", "7.5 is no value"],
            ),
            (
                cast("people", Float64Array::from(vec![f64::NAN])),
                ["people is Float64", "NaN is no value"],
            ),
            (
                cast("people", Float64Array::from(vec![1e300])),
                ["people is Float64", "no value"],
            ),
            (
                cast("partition", Int64Array::from(vec![1 << 40])),
                ["partition is Int64", "1099511627776 is"],
            ),
            (
                cast("share", Int64Array::from(vec![i64::MAX])),
                ["share is Int64", "9223372036854775807 is"],
            ),
            (
                cast("people", StringArray::from(vec!["7"])),
                ["people is Utf8", "CAST(people AS BIGINT)"],
            ),
            (
                cast("suppressed", Int32Array::from(vec![0])),
                ["suppressed is Int32", "AS BOOLEAN)"],
            ),
            (
                cast("source", BinaryArray::from(vec![&[0xff_u8][..]])),
                ["source is Binary", "no text"],
            ),
            (
                cast("source", StringArray::from(vec![None::<&str>])),
                ["the column source", "no value in some rows"],
            ),
            (
                cast("period_start", naive),
                ["without a zone", "WITH TIME ZONE"],
            ),
            (
                cast("period_start", fine),
                ["period_start is Timestamp", "1500 is no value"],
            ),
        ] {
            let said = said.unwrap_err();
            assert!(
                parts.iter().all(|part| said.contains(part)),
                "{said}: {parts:?}"
            );
        }
    }
}
