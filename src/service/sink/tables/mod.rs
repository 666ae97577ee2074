//! The tables: what each is called, its columns, and its rows of released windows. One file a table.
//!
//! To add a column: a line in the table's `fields`, the same place in its arrays, and `make bless` for the file in
//! `schemas/`.

pub(super) mod cells;
pub(super) mod columns;
mod demographics;
mod provenance;
mod windows;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use demograph_core::privacy::ReleasedWindow;

pub use cells::{CellRow, RowRepeats};
pub use provenance::Provenance;

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
            Self::Demographics => demographics::fields(),
            Self::Windows => windows::fields(),
            Self::Cells => cells::fields(),
        };
        Arc::new(Schema::new(fields))
    }

    /// The rows of the windows, sorted by source and window.
    pub fn rows(self, windows: &[ReleasedWindow], provenance: &Provenance) -> RecordBatch {
        let columns = match self {
            Self::Demographics => demographics::columns(windows, provenance),
            Self::Windows => windows::columns(windows, provenance),
            Self::Cells => cells::columns(windows, provenance),
        };
        RecordBatch::try_new(self.schema(), columns)
            .expect("the arrays are made in the schema's order and types")
    }
}

#[cfg(test)]
mod tests;
