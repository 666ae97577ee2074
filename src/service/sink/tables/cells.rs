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
    estimate::{Cell, CellCounts, Repeats},
    privacy::{PolicyRules, ReleasedWindow, Thresholds},
    record::{Attribute, EventTime, SourceId},
    window::Unit,
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
    /// Which votes are one person's; nothing in rows of an earlier version.
    pub repeats: Option<RowRepeats>,
    /// Of the policy, in votes; of the default policy in rows of an earlier version.
    pub thresholds: Thresholds,
}

/// Which votes of a window and attribute are one person's: in the first of its rows, so that rows can be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowRepeats {
    pub repeats: Repeats,
    /// See [`CellCounts::squares`].
    pub squares: u64,
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
        // Of files that an earlier version wrote, `compact` knows none of these.
        integer("windows").with_nullable(true),
        integer("pairs").with_nullable(true),
        Field::new_list("pairs_before", integer("item"), true),
        integer("squares").with_nullable(true),
        integer("k_total").with_nullable(true),
        integer("k_cell").with_nullable(true),
    ]
}

/// One cell with votes, of one window and attribute.
struct Counted<'a> {
    window: &'a ReleasedWindow,
    attribute: Attribute,
    cell: u32,
    votes: &'a Cell,
    /// In the first row of a window and attribute.
    all: Option<&'a CellCounts>,
}

impl Counted<'_> {
    fn repeats(&self) -> Option<&Repeats> {
        self.all.map(CellCounts::repeats)
    }
}

/// One row a window, attribute and cell with votes, in the order of [`fields`].
pub(super) fn columns(windows: &[ReleasedWindow], provenance: &Provenance) -> Vec<ArrayRef> {
    let mut rows: Vec<Counted<'_>> = Vec::new();
    for window in sorted(windows) {
        for released in &window.content {
            let votes = released.evidence.for_cells_table();
            let cells = votes.iter().enumerate();
            rows.extend(cells.map(|(place, (cell, of_cell))| Counted {
                window,
                attribute: released.attribute,
                cell,
                votes: of_cell,
                all: (place == 0).then_some(votes),
            }));
        }
    }
    let thresholds = |unit| provenance.terms.thresholds(unit);
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
        integers(&rows, |row| {
            row.repeats().map_or(0, |all| signed(all.windows))
        }),
        integers(&rows, |row| {
            row.repeats().map_or(0, |all| signed(all.within))
        }),
        lists(
            rows.iter()
                .map(|row| row.repeats().map_or(&[][..], |all| &all.before)),
        ),
        integers(&rows, |row| row.all.map_or(0, |all| signed(all.squares()))),
        integers(&rows, |row| signed(thresholds(row.window.unit).k_total)),
        integers(&rows, |row| signed(thresholds(row.window.unit).k_cell)),
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
        let repeats = Columns::of(batch)?;
        let unit: &StringArray = column(batch, "unit")?;
        let policy = ["k_total", "k_cell"].map(|name| column::<Int64Array>(batch, name).ok());
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
                    posterior_sums: read_list(&sums.value(row))?,
                    model: model.value(row).to_owned(),
                    repeats: repeats
                        .as_ref()
                        .map(|all| all.read(row))
                        .transpose()?
                        .flatten(),
                    thresholds: read_thresholds(policy, unit, row),
                })
            })
            .collect()
    }
}

/// The columns that say which votes are one person's.
struct Columns<'a> {
    windows: &'a Int64Array,
    pairs: &'a Int64Array,
    before: &'a ListArray,
    squares: &'a Int64Array,
}

impl<'a> Columns<'a> {
    /// None in files of an earlier version.
    fn of(batch: &'a RecordBatch) -> anyhow::Result<Option<Self>> {
        if batch.column_by_name("pairs").is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            windows: column(batch, "windows")?,
            pairs: column(batch, "pairs")?,
            before: column(batch, "pairs_before")?,
            squares: column(batch, "squares")?,
        }))
    }

    /// Nothing where a compacted file holds a row of an earlier version.
    fn read(&self, row: usize) -> anyhow::Result<Option<RowRepeats>> {
        if self.pairs.is_null(row) {
            return Ok(None);
        }
        let count = |column: &Int64Array| u64::try_from(column.value(row)).context("pairs below 0");
        Ok(Some(RowRepeats {
            repeats: Repeats {
                windows: count(self.windows)?,
                within: count(self.pairs)?,
                before: read_list(&self.before.value(row))?,
            },
            squares: count(self.squares)?,
        }))
    }
}

/// Rows of an earlier version do not say them: then those of the default policy are assumed.
fn read_thresholds(policy: [Option<&Int64Array>; 2], unit: &StringArray, row: usize) -> Thresholds {
    let unit = match unit.value(row) {
        name if name == Unit::Tracks.name() => Unit::Tracks,
        _ => Unit::Detections,
    };
    let assumed = Thresholds::of(&PolicyRules::default(), unit);
    let said = |column: Option<&Int64Array>, assumed| {
        let said = column.filter(|column| !column.is_null(row));
        said.map_or(assumed, |column| column.value(row).unsigned_abs())
    };
    let [k_total, k_cell] = policy;
    Thresholds {
        k_total: said(k_total, assumed.k_total),
        k_cell: said(k_cell, assumed.k_cell),
    }
}

fn read_list(list: &ArrayRef) -> anyhow::Result<Vec<u64>> {
    let list: &Int64Array = list
        .as_any()
        .downcast_ref()
        .context("no list of integers")?;
    let number = |&number: &i64| u64::try_from(number).context("a number below 0 in a list");
    list.values().iter().map(number).collect()
}
