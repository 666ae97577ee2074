//! What an evaluation found: `evaluation.json` for machines, `report.html` for people.
//!
//! Promises: text from outside (labels, file names) cannot break out of a page or a picture ([`text::Text`]).

mod document;
mod html;
mod sheet;
pub(crate) mod text;

pub use document::{Document, SelfTest, Throughput};
pub use html::page;
pub use sheet::draw as contact_sheet;
