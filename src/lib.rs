//! demograph: from face crops in Kafka to demographic shares in Parquet and Prometheus.
//!
//! ```text
//! kafka ─▶ decode ─▶ infer ─▶ window ─▶ privacy ─▶ state ─▶ sink ─▶ Parquet
//!          Record    Crop     Estimate   pane    checkpoint └────▶ /metrics
//! ```
//! Modules stand in the order in which data flows; ARCHITECTURE.md is the map.

pub mod checked;
pub mod config;
pub mod event;
pub mod facts;
pub mod record;
pub mod reject;
pub mod span;

pub mod decode;
pub mod estimate;
pub mod infer;
pub mod manifest;
pub mod prepare;
pub mod privacy;
pub mod sink;
pub mod state;
pub mod views;
pub mod window;

pub mod clock;
pub mod cores;
mod crash;
pub mod http;
pub mod kafka;
pub mod pipeline;
pub mod shutdown;

pub mod evaluate;

pub mod cli;

pub mod metrics;

#[cfg(test)]
mod golden;
