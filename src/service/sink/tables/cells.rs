//! The table `cells`: how many votes fell into each cell of the posteriors, in parts, since a track's vote is spread
//! over the cells of its crops, and the sums of their posteriors. Exact, small counts included, so that
//! days and sources can be estimated again; written only where the config asks for it.

use std::sync::Arc;

use anyhow::Context;
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field};
use demograph_core::{
    estimate::Cell,
    privacy::ReleasedWindow,
    record::{Attribute, EventTime, SourceId},
};

use super::{
    columns::{
        column, integer, integers, lists, partition, partitions, signed, sorted, text, texts, time,
        times,
    },
    provenance::Provenance,
};

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRow {
    pub source: SourceId,
    pub window_start: EventTime,
    pub window_end: EventTime,
    pub attribute: Attribute,
    /// See [`Grid`](demograph_core::estimate::Grid).
    pub cell: u32,
    /// In 1/720720 of a vote.
    pub parts: u64,
    /// The same, by class: each vote as its posterior divides it.
    pub posterior_sums: Vec<u64>,
    pub model: String,
}

pub(super) fn fields() -> Vec<Field> {
    vec![
        text("source"),
        time("window_start"),
        time("window_end"),
        text("attribute"),
        Field::new("cell", DataType::Int32, false),
        integer("parts"),
        Field::new_list("posterior_sums", integer("item"), false),
        text("unit"),
        text("model"),
        text("policy"),
        partition(),
    ]
}

/// One cell with votes, of one window and attribute.
struct Counted<'a> {
    window: &'a ReleasedWindow,
    attribute: Attribute,
    cell: u32,
    votes: &'a Cell,
}

/// One row a window, attribute and cell with votes, in the order of [`fields`].
pub(super) fn columns(windows: &[ReleasedWindow], provenance: &Provenance) -> Vec<ArrayRef> {
    let mut rows: Vec<Counted<'_>> = Vec::new();
    for window in sorted(windows) {
        for released in &window.content {
            rows.extend(
                released
                    .evidence
                    .for_cells_table()
                    .iter()
                    .map(|(cell, votes)| Counted {
                        window,
                        attribute: released.attribute,
                        cell,
                        votes,
                    }),
            );
        }
    }
    vec![
        texts(&rows, |row| row.window.source.as_str()),
        times(&rows, |row| row.window.start),
        times(&rows, |row| row.window.end),
        texts(&rows, |row| row.attribute.name()),
        Arc::new(
            rows.iter()
                .map(|row| row.cell as i32)
                .collect::<Int32Array>(),
        ),
        integers(&rows, |row| signed(row.votes.parts)),
        lists(rows.iter().map(|row| row.votes.sums.as_slice())),
        texts(&rows, |row| row.window.unit.name()),
        texts(&rows, |_| &provenance.terms.model),
        texts(&rows, |_| &provenance.terms.policy),
        partitions(&rows, |row| row.window.partition),
    ]
}

impl CellRow {
    /// The rows of a batch that was read back.
    pub fn read(batch: &RecordBatch) -> anyhow::Result<Vec<Self>> {
        let source: &StringArray = column(batch, "source")?;
        let start: &TimestampMillisecondArray = column(batch, "window_start")?;
        let end: &TimestampMillisecondArray = column(batch, "window_end")?;
        let attribute: &StringArray = column(batch, "attribute")?;
        let cell: &Int32Array = column(batch, "cell")?;
        let parts: &Int64Array = column(batch, "parts")?;
        let sums: &ListArray = column(batch, "posterior_sums")?;
        let model: &StringArray = column(batch, "model")?;
        (0..batch.num_rows())
            .map(|row| {
                let name = attribute.value(row);
                Ok(Self {
                    source: SourceId::new(source.value(row)),
                    window_start: EventTime(start.value(row)),
                    window_end: EventTime(end.value(row)),
                    attribute: Attribute::ALL
                        .into_iter()
                        .find(|attribute| attribute.name() == name)
                        .with_context(|| format!("attribute {name:?} is none that is known"))?,
                    cell: u32::try_from(cell.value(row)).context("a cell below 0")?,
                    parts: u64::try_from(parts.value(row)).context("parts below 0")?,
                    posterior_sums: read_sums(&sums.value(row))?,
                    model: model.value(row).to_owned(),
                })
            })
            .collect()
    }
}

fn read_sums(list: &ArrayRef) -> anyhow::Result<Vec<u64>> {
    let sums: &Int64Array = list
        .as_any()
        .downcast_ref()
        .context("posterior_sums are no lists of integers")?;
    let sum = |&sum: &i64| u64::try_from(sum).context("a sum of posteriors below 0");
    sums.values().iter().map(sum).collect()
}
