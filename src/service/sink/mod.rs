//! Released windows -> rows -> Parquet files.
//!
//! Promises: the schema is the one in `schemas/`; readers see complete files only; rows are sorted by source and window.

pub mod catalog;
pub mod day;
mod file;
pub mod history;
mod names;
mod objects;
mod records;
mod remains;
mod side_by_side;
mod store;
mod tables;
mod traffic;

pub(crate) use file::TOPIC;
pub use file::{CHECKPOINT, Footer, decode, encode};
use names::part_seq;
pub use names::{part_name, part_path};
pub use objects::Stores;
pub use records::records;
pub use remains::{Remains, remains};
pub use store::Store;
pub use tables::{CellRow, Provenance, RowRepeats, Table};
pub use traffic::{Traffic, traffic};
