//! Released panes as Arrow rows. To add a column: a line in the schema, the same place in the arrays,
//! and `make bless` for the file in `schemas/`.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
    builder::{Int64Builder, MapBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use demograph_core::{
    estimate::{Calibrations, Estimator},
    privacy::{Cells, ReleasedPane, ShownShare, show_shares},
    record::{Attribute, EventTime},
    state::{Terms, plain},
    window::Accounting,
};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Demographics,
    Windows,
    /// Exact, so written only where the config asks for it.
    Cells,
}

impl Table {
    pub const ALL: [Self; 3] = [Self::Demographics, Self::Windows, Self::Cells];

    pub fn name(self) -> &'static str {
        match self {
            Self::Demographics => "demographics",
            Self::Windows => "windows",
            Self::Cells => "cells",
        }
    }

    pub fn schema(self) -> SchemaRef {
        let fields = match self {
            Self::Demographics => demographics_fields(),
            Self::Windows => windows_fields(),
            Self::Cells => super::cells::fields(),
        };
        Arc::new(Schema::new(fields))
    }

    pub fn rows(self, panes: &[ReleasedPane], provenance: &Provenance) -> RecordBatch {
        match self {
            Self::Demographics => demographics(panes, provenance),
            Self::Windows => windows(panes, provenance),
            Self::Cells => super::cells::rows(panes, provenance),
        }
    }
}

/// The name of the file that a checkpoint publishes.
pub fn part_name((group, topic): (&str, &str), partition: i32, seq: u64) -> String {
    let tail = part_tail(topic, partition);
    format!("part-{}{tail}{seq:020}.parquet", plain(group))
}

/// The checkpoint's number in such a name, of any group.
pub(super) fn part_seq(name: &str, (topic, partition): (&str, i32)) -> Option<u64> {
    let (_, seq) = name.rsplit_once(&part_tail(topic, partition))?;
    seq.strip_suffix(".parquet")?.parse().ok()
}

/// What stands between the group and the checkpoint's number in such a name.
fn part_tail(topic: &str, partition: i32) -> String {
    format!("-{}-p{partition}-", plain(topic))
}

/// Where a table's file of a date lies.
pub fn part_path(table: Table, date: &str, name: &str) -> String {
    format!("{}/date={date}/{name}", table.name())
}

/// What stands behind every row.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub terms: Arc<Terms>,
    pub calibrations: Arc<Calibrations>,
}

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

pub(super) fn integer(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

pub(super) fn time(name: &str) -> Field {
    Field::new(
        name,
        DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        false,
    )
}

fn demographics_fields() -> Vec<Field> {
    vec![
        text("source"),
        time("window_start"),
        time("window_end"),
        text("attribute"),
        text("category").with_nullable(true),
        integer("count").with_nullable(true),
        integer("total").with_nullable(true),
        number("share_naive"),
        number("share"),
        number("share_low"),
        number("share_high"),
        number("effective_n"),
        number("shift_p"),
        text("method").with_nullable(true),
        text("calibration").with_nullable(true),
        text("unit"),
        Field::new("suppressed", DataType::Boolean, false),
        text("model"),
        text("policy"),
        Field::new("partition", DataType::Int32, false),
    ]
}

fn windows_fields() -> Vec<Field> {
    vec![
        text("source"),
        time("window_start"),
        time("window_end"),
        integer("faces"),
        integer("tracks"),
        integer("votes"),
        text("unit"),
        integer("late"),
        integer("rejected"),
        reasons_field(),
        text("closed_by"),
        text("model"),
        text("policy"),
        Field::new("partition", DataType::Int32, false),
        integer("first_offset"),
        integer("next_offset"),
    ]
}

/// Reason -> number of records.
fn reasons_field() -> Field {
    let entry = DataType::Struct(vec![text("key"), integer("value")].into());
    let entries = Field::new("entries", entry, false);
    Field::new(
        "rejected_by_reason",
        DataType::Map(Arc::new(entries), false),
        false,
    )
}

/// One cell of the table `demographics`.
#[derive(Clone, Copy)]
struct Cell<'a> {
    pane: &'a ReleasedPane,
    attribute: Attribute,
    category: Option<&'a str>,
    count: Option<u64>,
    total: Option<u64>,
    estimated: ShownShare,
    shift_p: Option<f64>,
    estimator: Option<Estimator<'a>>,
}

/// One row a pane, attribute and category; a single row without a category where all is suppressed.
pub fn demographics(panes: &[ReleasedPane], provenance: &Provenance) -> RecordBatch {
    let cells: Vec<Cell<'_>> = sorted(panes)
        .into_iter()
        .filter(|pane| pane.accounting.faces > 0)
        .flat_map(|pane| cells_of(pane, provenance))
        .collect();
    let naive = |cell: &Cell<'_>| Some(cell.count? as f64 / cell.total? as f64);
    let columns: Vec<ArrayRef> = vec![
        texts(&cells, |cell| cell.pane.source.as_str()),
        times(&cells, |cell| cell.pane.start),
        times(&cells, |cell| cell.pane.end),
        texts(&cells, |cell| cell.attribute.name()),
        known(&cells, |cell| cell.category),
        Arc::new(
            cells
                .iter()
                .map(|cell| cell.count.map(signed))
                .collect::<Int64Array>(),
        ),
        Arc::new(
            cells
                .iter()
                .map(|cell| cell.total.map(signed))
                .collect::<Int64Array>(),
        ),
        numbers(&cells, naive),
        numbers(&cells, |cell| cell.estimated.share),
        numbers(&cells, |cell| cell.estimated.low),
        numbers(&cells, |cell| cell.estimated.high),
        numbers(&cells, |cell| cell.estimated.effective_n),
        numbers(&cells, |cell| cell.shift_p),
        known(&cells, |cell| Some(cell.estimator?.method.name())),
        known(&cells, |cell| Some(cell.estimator?.id)),
        texts(&cells, |cell| cell.pane.unit.name()),
        Arc::new(
            cells
                .iter()
                .map(|cell| Some(cell.count.is_none()))
                .collect::<BooleanArray>(),
        ),
        texts(&cells, |_| &provenance.terms.model),
        texts(&cells, |_| &provenance.terms.policy),
        Arc::new(
            cells
                .iter()
                .map(|cell| cell.pane.partition)
                .collect::<Int32Array>(),
        ),
    ];
    batch(Table::Demographics, columns)
}

/// One row a pane.
pub fn windows(panes: &[ReleasedPane], provenance: &Provenance) -> RecordBatch {
    let panes = sorted(panes);
    let total =
        |get: fn(&Accounting) -> u64| integers(&panes, move |pane| signed(get(&pane.accounting)));
    let columns: Vec<ArrayRef> = vec![
        texts(&panes, |pane| pane.source.as_str()),
        times(&panes, |pane| pane.start),
        times(&panes, |pane| pane.end),
        total(|accounting| accounting.faces),
        integers(&panes, |pane| signed(pane.tracks)),
        integers(&panes, |pane| signed(pane.votes)),
        texts(&panes, |pane| pane.unit.name()),
        total(|accounting| accounting.late),
        total(Accounting::rejected),
        reasons(&panes),
        texts(&panes, |pane| pane.by.name()),
        texts(&panes, |_| &provenance.terms.model),
        texts(&panes, |_| &provenance.terms.policy),
        Arc::new(
            panes
                .iter()
                .map(|pane| pane.partition)
                .collect::<Int32Array>(),
        ),
        integers(&panes, |pane| pane.accounting.first_offset),
        integers(&panes, |pane| pane.accounting.next_offset),
    ];
    batch(Table::Windows, columns)
}

pub(super) fn sorted(panes: &[ReleasedPane]) -> Vec<&ReleasedPane> {
    let mut panes: Vec<_> = panes.iter().collect();
    panes.sort_by(|a, b| (&a.source, a.start).cmp(&(&b.source, b.start)));
    panes
}

fn cells_of<'a>(pane: &'a ReleasedPane, provenance: &'a Provenance) -> Vec<Cell<'a>> {
    let k_cell = provenance.terms.thresholds(pane.unit).k_cell;
    let mut cells = Vec::new();
    for released in &pane.attributes {
        let attribute = released.attribute;
        let estimator = provenance.calibrations.estimator(&pane.source, attribute);
        let nothing = Cell {
            pane,
            attribute,
            category: None,
            count: None,
            total: None,
            estimated: ShownShare::default(),
            shift_p: None,
            estimator,
        };
        let Cells::Shown { total, counts } = &released.cells else {
            cells.push(nothing);
            continue;
        };
        let estimated = show_shares(&released.cells, &released.evidence, estimator, k_cell);
        let labels = provenance.terms.categories.labels(attribute);
        let categories = labels.iter().zip(counts).enumerate();
        cells.extend(categories.map(|(place, (label, &count))| Cell {
            category: Some(label),
            count,
            total: Some(*total),
            estimated: estimated.shares.get(place).copied().unwrap_or_default(),
            shift_p: estimated.shift_p,
            ..nothing
        }));
    }
    cells
}

fn reasons(panes: &[&ReleasedPane]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new())
        .with_keys_field(text("key"))
        .with_values_field(integer("value"));
    for pane in panes {
        for (reason, count) in pane.accounting.rejected_by_reason() {
            builder.keys().append_value(reason.name());
            builder.values().append_value(signed(count));
        }
        builder.append(true).expect("each key was given a value");
    }
    Arc::new(builder.finish())
}

pub(super) fn texts<'a, T>(rows: &'a [T], get: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    Arc::new(
        rows.iter()
            .map(|row| Some(get(row)))
            .collect::<StringArray>(),
    )
}

fn known<'a, T>(rows: &'a [T], get: impl Fn(&'a T) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<StringArray>())
}

fn numbers<T>(rows: &[T], get: impl Fn(&T) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Float64Array>())
}

pub(super) fn integers<T>(rows: &[T], get: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Int64Array>())
}

pub(super) fn times<T>(rows: &[T], get: impl Fn(&T) -> EventTime) -> ArrayRef {
    let millis: TimestampMillisecondArray = rows.iter().map(|row| Some(get(row).0)).collect();
    Arc::new(millis.with_timezone("UTC"))
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn batch(table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns)
        .expect("the arrays are made in the schema's order and types")
}

#[cfg(test)]
mod tests;
