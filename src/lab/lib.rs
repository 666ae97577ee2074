//! Models against labels: what reads labelled data sets, runs a model over them, computes, and draws.
//!
//! ```text
//! dataset ─▶ measure ─▶ evaluate ─▶ report
//! rows,      answers    figures     JSON, HTML
//! pictures      ├─────▶ calibrate
//!               └─────▶ experiment
//! ```
//! It knows nothing of Kafka, tables and metrics, and prints nothing: the command line does.

#![forbid(unsafe_code)]

pub mod calibrate;
pub mod dataset;
pub mod evaluate;
pub mod experiment;
pub mod measure;
pub mod predict;
pub mod report;
