//! The table `cells`: how many votes fell into each cell of the posteriors, in parts, since a track's vote is spread
//! over the cells of its crops, and the sums of their posteriors. Exact, small counts included, so that
//! days and sources can be estimated again; written only where the config asks for it.

use std::sync::Arc;

use anyhow::Context;
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
    builder::{Int64Builder, ListBuilder},
};
use arrow_schema::{DataType, Field};
use demograph_core::{
    estimate::Cell,
    privacy::ReleasedPane,
    record::{Attribute, EventTime, SourceId},
};

use super::rows::{
    Provenance, Table, batch, integer, integers, signed, sorted, text, texts, time, times,
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
        Field::new("partition", DataType::Int32, false),
    ]
}

/// One row a pane, attribute and cell with votes.
pub(super) fn rows(panes: &[ReleasedPane], provenance: &Provenance) -> RecordBatch {
    let mut rows: Vec<(&ReleasedPane, Attribute, u32, &Cell)> = Vec::new();
    for pane in sorted(panes) {
        for released in &pane.attributes {
            let cells = released.evidence.iter();
            rows.extend(cells.map(|(cell, votes)| (pane, released.attribute, cell, votes)));
        }
    }
    let columns: Vec<ArrayRef> = vec![
        texts(&rows, |row| row.0.source.as_str()),
        times(&rows, |row| row.0.start),
        times(&rows, |row| row.0.end),
        texts(&rows, |row| row.1.name()),
        Arc::new(rows.iter().map(|row| row.2 as i32).collect::<Int32Array>()),
        integers(&rows, |row| signed(row.3.parts)),
        sums(rows.iter().map(|row| row.3.sums.as_slice())),
        texts(&rows, |row| row.0.unit.name()),
        texts(&rows, |_| &provenance.terms.model),
        texts(&rows, |_| &provenance.terms.policy),
        Arc::new(
            rows.iter()
                .map(|row| row.0.partition)
                .collect::<Int32Array>(),
        ),
    ];
    batch(Table::Cells, columns)
}

pub(super) fn sums<'a>(rows: impl Iterator<Item = &'a [u64]>) -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new()).with_field(integer("item"));
    for sums in rows {
        lists.append_value(sums.iter().map(|&sum| Some(signed(sum))));
    }
    Arc::new(lists.finish())
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

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> anyhow::Result<&'a T> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .with_context(|| format!("no column {name} of the table's type: is this a file of cells?"))
}
