//! Released panes -> rows -> Parquet files.
//!
//! Promises: the schema is the one in `schemas/`; readers see complete files only; rows are sorted by source and window.

mod cells;
pub mod day;
mod file;
mod rows;
mod store;

pub use cells::CellRow;
pub use file::{Footer, decode, encode};
pub use rows::{Provenance, Table};
pub use store::Store;
