//! The real parts that the end-to-end tests run: the program itself, Apache Kafka, Prometheus, DuckDB, pyarrow.
//!
//! Promises: a part that is missing fails the test with the command that fetches it; nothing that was started
//! outlives the test binary; waiting is for a condition, and a wait in vain shows the log of what was waited for.

mod audit;
mod broker;
mod faulty;
#[cfg(feature = "gateway")]
mod film;
mod process;
mod prometheus;
#[cfg(feature = "gateway")]
mod relay;
mod service;
mod tables;

pub use audit::{Audit, Produced, Sent, audit, counted, hours_and_days};
pub use broker::{Broker, Topic, free_port};
pub use faulty::{Fault, Faulty};
#[cfg(feature = "gateway")]
pub use film::{Film, Walker};
pub use process::{Finished, Process, command};
pub use prometheus::{Prometheus, promtool_check};
#[cfg(feature = "gateway")]
pub use relay::Relay;
pub use service::{
    LOBBY_AND_CAFE, Launched, Service, check_config, composites, crops_csv, demograph, launch,
    metric, publish, run_until, with_config,
};
pub use tables::{duckdb, pyarrow_schema, pyarrow_totals};

use std::path::{Path, PathBuf};

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A part that setup fetches.
pub fn setup(path: &str, script: &str) -> PathBuf {
    let found = repository(".setup").join(path);
    assert!(
        found.exists(),
        "{} is not there: run `{script}` (`make test` does)",
        found.display()
    );
    found
}
