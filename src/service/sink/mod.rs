//! Released panes -> rows -> Parquet files.
//!
//! Promises: the schema is the one in `schemas/`; readers see complete files only; rows are sorted by source and window.

pub mod catalog;
mod cells;
pub mod day;
mod file;
mod objects;
mod records;
mod remains;
mod rows;
mod store;

pub use cells::CellRow;
pub(crate) use file::TOPIC;
pub use file::{CHECKPOINT, Footer, decode, encode};
pub use objects::Stores;
pub use records::records;
pub use remains::{Remains, remains};
use rows::part_seq;
pub use rows::{Provenance, Table, part_name, part_path};
pub use store::Store;
