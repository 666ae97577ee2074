//! Labelled faces as they lie on a disk: pictures in a folder or a ZIP, labels in a CSV.
//!
//! Promises: a label that is not understood is an error that lists all such labels, not a face left out; the order of the
//! rows is that of the file.

mod folder;
mod labels;
mod pictures;
mod spread;
mod unknown;

pub use folder::{expand, images};
pub use labels::{LabelOptions, Labelled, read_labels};
pub use pictures::Pictures;
pub use spread::spread;
