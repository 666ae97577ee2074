use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array};

use super::*;
use crate::sink::{
    catalog::{checkpoints, inputs},
    decode, encode,
};

/// Rows of the table `cells`: (source, minute, parts).
pub fn cells(rows: &[(&str, i64, i64)]) -> RecordBatch {
    let text = |value: &str| -> ArrayRef {
        Arc::new(rows.iter().map(|_| Some(value)).collect::<StringArray>())
    };
    let number =
        |value: i32| -> ArrayRef { Arc::new(rows.iter().map(|_| value).collect::<Int32Array>()) };
    let long =
        |value: i64| -> ArrayRef { Arc::new(rows.iter().map(|_| value).collect::<Int64Array>()) };
    let time = |after: i64| -> ArrayRef {
        let minutes = rows.iter().map(|row| Some((row.1 + after) * 60_000));
        let minutes: TimestampMillisecondArray = minutes.collect();
        Arc::new(minutes.with_timezone("UTC"))
    };
    let columns = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()) as ArrayRef,
        time(0),
        time(1),
        text("gender"),
        number(3),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
        crate::sink::tables::columns::lists(rows.iter().map(|_| &[1, 2][..])),
        text("tracks"),
        text("m@1"),
        text("p"),
        number(0),
        long(1),
        long(0),
        crate::sink::tables::columns::lists(rows.iter().map(|_| &[][..])),
        long(2),
        long(10),
        long(5),
    ];
    RecordBatch::try_new(Table::Cells.schema(), columns).unwrap()
}

fn file(name: &str, rows: &[(&str, i64, i64)], basis: &str) -> (String, Vec<u8>) {
    let facts = [
        ("legal_basis", basis.to_owned()),
        (CHECKPOINT, format!("of {name}")),
    ];
    (name.into(), encode(&cells(rows), &facts).unwrap())
}

fn read(merged: &Merged) -> Vec<(String, i64, i64)> {
    let mut rows = Vec::new();
    for batch in decode(merged.bytes.clone()).unwrap() {
        let source: &StringArray = column(&batch, "source").unwrap();
        let start: &TimestampMillisecondArray = column(&batch, "window_start").unwrap();
        let parts: &Int64Array = column(&batch, "parts").unwrap();
        rows.extend((0..batch.num_rows()).map(|row| {
            let minute = start.value(row) / 60_000;
            (source.value(row).to_owned(), minute, parts.value(row))
        }));
    }
    rows
}

#[test]
fn rows_of_all_files_come_out_once_sorted_with_what_went_in() {
    let files = vec![
        file(
            "a",
            &[("gate", 1, 1), ("gate", 5, 2), ("lobby", 0, 3)],
            "x: 1\ny: 2",
        ),
        file(
            "b",
            &[("cafe", 9, 4), ("gate", 3, 5), ("gate", 5, 6)],
            "x: 1",
        ),
        file("c", &[], "z: 3"),
    ];
    let merged = merge(Table::Cells, files.clone()).unwrap();
    let rows = read(&merged);
    let rows: Vec<(&str, i64, i64)> = rows.iter().map(|r| (r.0.as_str(), r.1, r.2)).collect();
    assert_eq!(
        rows,
        [
            ("cafe", 9, 4),
            ("gate", 1, 1),
            ("gate", 3, 5),
            ("gate", 5, 2),
            ("gate", 5, 6),
            ("lobby", 0, 3)
        ]
    );
    let footer = Footer::read(&merged.bytes).unwrap();
    assert_eq!((merged.rows, footer.rows), (6, 6));
    assert_eq!(footer.facts["legal_basis"], "x: 1\ny: 2\nz: 3");
    assert_eq!((&*footer.facts[INPUTS], &*footer.facts[ROWS]), ("3", "6"));
    assert_eq!(footer.facts[INPUTS_SHA256].len(), 64);
    assert_eq!(
        inputs(&footer).unwrap(),
        ["a", "b", "c"].map(String::from).into()
    );
    assert!(checkpoints(&footer).eq(["of a", "of b", "of c"].map(String::from)));
    assert!(!footer.facts.contains_key(CHECKPOINT));
    assert_eq!(footer.dates.unwrap().1.to_string(), "1970-01-01");
    assert_eq!(merge(Table::Cells, files).unwrap().bytes, merged.bytes);
}

#[test]
fn more_rows_than_a_chunk_keep_their_order_and_sum() {
    let many = |first: i64| -> Vec<(&str, i64, i64)> {
        (0..3 * CHUNK as i64)
            .map(|n| ("gate", first + 2 * n, n))
            .collect()
    };
    let files = vec![file("a", &many(0), ""), file("b", &many(1), "")];
    let rows = read(&merge(Table::Cells, files).unwrap());
    assert!(rows.iter().map(|row| row.1).eq(0..6 * CHUNK as i64));
    let sum: i64 = rows.iter().map(|row| row.2).sum();
    let of_one: i64 = (0..3 * CHUNK as i64).sum();
    assert_eq!(sum, 2 * of_one);
}

#[test]
fn more_files_than_can_be_open_keep_the_order_of_their_names() {
    let number = |n: usize| n as i64;
    let files: Vec<_> = (0..2 * OPEN + 1)
        .map(|n| {
            file(
                &format!("{n:05}"),
                &[("gate", 0, number(n)), ("gate", 1 + number(n), 0)],
                "",
            )
        })
        .collect();
    let rows = read(&merge(Table::Cells, files).unwrap());
    let (first, rest) = rows.split_at(2 * OPEN + 1);
    assert!(
        first
            .iter()
            .map(|row| (row.1, row.2))
            .eq((0..2 * OPEN + 1).map(|n| (0, number(n))))
    );
    assert!(
        rest.iter()
            .map(|row| row.1)
            .eq((0..2 * OPEN + 1).map(|n| 1 + number(n)))
    );
}

#[test]
fn a_file_that_is_not_sorted_or_not_of_the_table_is_named() {
    let unsorted = file("late.parquet", &[("b", 1, 1), ("a", 1, 1)], "");
    let error = merge(Table::Cells, vec![unsorted]).err().unwrap();
    assert!(
        format!("{error:#}").contains("late.parquet is not sorted"),
        "{error:#}"
    );
    let cells = file("cells.parquet", &[("a", 1, 1)], "");
    let error = merge(Table::Windows, vec![cells]).err().unwrap();
    assert!(
        format!("{error:#}").contains("cells.parquet: no column faces"),
        "{error:#}"
    );
}
