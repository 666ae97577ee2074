//! The tables: what each is called, its columns, and its rows of what is released. One file a table.
//!
//! To add a column: a line in the table's `fields`, the same place in its arrays, and `make bless` for the file in
//! `schemas/`.

pub(super) mod cast;
pub(super) mod cells;
pub(super) mod columns;
mod demographics;
mod periods;
mod provenance;
mod windows;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use demograph_core::{periods::PeriodKind, state::Publication};

pub use cells::{CellRow, RowRepeats};
pub use provenance::Provenance;

/// When a window starts; when an hour or a day starts; the date of its start by the clock on the wall.
pub(super) const WINDOW_START: &str = "window_start";
pub(super) const PERIOD_START: &str = "period_start";
pub(super) const LOCAL_DATE: &str = "local_date";

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Demographics,
    Windows,
    /// Windows added up by the hours of their source.
    Hourly,
    /// The same by days.
    Daily,
    /// Exact, so written only where the config asks for it.
    Cells,
}

impl Table {
    pub const ALL: [Self; 5] = [
        Self::Demographics,
        Self::Windows,
        Self::Hourly,
        Self::Daily,
        Self::Cells,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Demographics => "demographics",
            Self::Windows => "windows",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Cells => "cells",
        }
    }

    pub fn schema(self) -> SchemaRef {
        let fields = match self {
            Self::Demographics => demographics::fields(),
            Self::Windows => windows::fields(),
            Self::Hourly => periods::fields(PeriodKind::Hour),
            Self::Daily => periods::fields(PeriodKind::Day),
            Self::Cells => cells::fields(),
        };
        Arc::new(Schema::new(fields))
    }

    /// The column by which rows of a source are sorted: when the window or the period starts.
    pub(super) fn start(self) -> &'static str {
        match self {
            Self::Demographics | Self::Windows | Self::Cells => WINDOW_START,
            Self::Hourly | Self::Daily => PERIOD_START,
        }
    }

    /// The rows of a publication, sorted by source and start.
    pub fn rows(self, rows: &Publication, provenance: &Provenance) -> RecordBatch {
        let Publication { windows, periods } = rows;
        let columns = match self {
            Self::Demographics => demographics::columns(windows, provenance),
            Self::Windows => self::windows::columns(windows, provenance),
            Self::Hourly => self::periods::columns(periods, PeriodKind::Hour, provenance),
            Self::Daily => self::periods::columns(periods, PeriodKind::Day, provenance),
            Self::Cells => cells::columns(windows, provenance),
        };
        RecordBatch::try_new(self.schema(), columns)
            .expect("the arrays are made in the schema's order and types")
    }
}

#[cfg(test)]
mod tests;
