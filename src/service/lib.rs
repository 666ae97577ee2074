//! The stream processor: face crops from Kafka to Parquet and Prometheus, joined in `pipeline`.

pub mod config;

pub mod http;
pub mod inputs;
pub mod kafka;
pub mod metrics;
pub mod peers;
pub mod pipeline;
pub mod sink;
pub mod snapshot;

pub mod clock;
pub mod cores;
mod crash;
pub mod shutdown;
pub mod wiring;
