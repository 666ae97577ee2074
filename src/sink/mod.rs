//! Released panes -> rows -> Parquet files.
//!
//! Promises: the schema is the one in `schemas/`; readers see complete files only; rows are sorted by source and window.

mod file;
mod rows;
mod store;

pub use file::encode;
pub use rows::{Provenance, Table, demographics, windows};
pub use store::Store;
