//! Every metric, declared once. To add one: a field, its registration below, and a panel in `dashboards/`.
//!
//! Promises: names by Prometheus' rules; audience series come from released windows only;
//! the number of sources with series of their own is bounded.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use prometheus::{
    Counter, CounterVec, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Registry,
};

mod audience;
pub mod declare;
mod known;
mod labels;
pub mod pace;
#[cfg(test)]
mod sample;
mod sources;

pub use audience::{Audience, put};
pub use labels::{SOURCE_SERIES_LIMIT, outcome, rebalance, stage};
#[cfg(test)]
pub(crate) use sample::Sample;
pub use sources::{DUPLICATES_LIMIT, Sources, tracks};

use declare::{
    Declared, add, counter, counters, float_counters, float_gauges, gauge, gauges, histogram,
    stage_histogram,
};

/// The program's metrics. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    names: Arc<[String]>,
    /// Held while series that belong together change, and while all are read.
    whole: Arc<Mutex<()>>,

    pub build_info: IntGaugeVec,
    pub records: IntCounterVec,
    pub rejected_records: IntCounterVec,
    pub presences: IntCounter,
    pub batch_crops: Histogram,
    pub event_to_estimate: Histogram,
    pub stage_seconds: HistogramVec,
    pub stage_blocked_seconds: CounterVec,
    pub batch_held: IntGauge,

    pub assigned_partitions: IntGauge,
    pub waiting_partitions: IntGauge,
    pub rebalances: IntCounterVec,
    pub partition_lag: IntGaugeVec,
    pub kafka_errors: IntCounter,
    pub commits: IntCounter,
    pub skipped_offsets: IntCounter,
    pub partition_conflicts: IntCounter,
    pub topic_compacts: IntGauge,

    pub source_watermark: GaugeVec,
    pub open_panes: IntGauge,
    pub growing_windows: IntGauge,
    pub oldest_unpublished: IntGauge,
    pub closed_panes: IntCounterVec,
    pub released_windows: IntCounterVec,
    pub suppressed_windows: IntCounterVec,
    pub limit_hits: IntCounterVec,

    pub checkpoints: IntCounter,
    pub last_checkpoint: IntGauge,
    pub store_errors: IntCounter,
    pub files_written: IntCounterVec,
    pub rows_written: IntCounterVec,
    pub bytes_written: IntCounterVec,

    pub sources: Sources,
    pub audience: Audience,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut declared = Declared::default();
        let r = &mut declared;
        Self {
            build_info: add(
                r,
                gauges(
                    "build_info",
                    "Constant 1; the labels say what runs.",
                    &["version", "model", "policy", "calibration"],
                ),
            ),
            records: add(
                r,
                counters(
                    "records_total",
                    "Records by outcome: face, spared, late, rejected, replayed.",
                    &["outcome"],
                ),
            ),
            rejected_records: add(
                r,
                counters(
                    "rejected_records_total",
                    "Rejected records by reason.",
                    &["reason"],
                ),
            ),
            presences: add(
                r,
                counter(
                    "presence_events_total",
                    "Presence events read. They are no faces, are in no row, and are not part of demograph_records_total.",
                ),
            ),
            batch_crops: add(
                r,
                histogram(
                    "batch_crops",
                    "Crops in a batch given to the model.",
                    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0],
                ),
            ),
            event_to_estimate: add(
                r,
                histogram(
                    "event_to_estimate_seconds",
                    "Delay from a face's record timestamp to its estimate. Without a timestamp: from its arrival.",
                    &[
                        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
                    ],
                ),
            ),
            stage_seconds: add(
                r,
                stage_histogram(
                    "stage_seconds",
                    "Working time of a stage for one batch, record chunk or file.",
                ),
            ),
            stage_blocked_seconds: add(
                r,
                float_counters(
                    "stage_blocked_seconds_total",
                    "Time that a stage waited for the next, busy stage.",
                    &["stage"],
                ),
            ),

            batch_held: add(
                r,
                gauge(
                    "batch_held_seconds",
                    "Time that the slowest worker has held its current batch.",
                ),
            ),
            assigned_partitions: add(
                r,
                gauge(
                    "assigned_partitions",
                    "Partitions that this instance reads.",
                ),
            ),
            waiting_partitions: add(
                r,
                gauge(
                    "waiting_partitions",
                    "Assigned partitions that this instance does not read yet.",
                ),
            ),
            rebalances: add(
                r,
                counters(
                    "rebalances_total",
                    "Changes of the assignment by kind: assigned, revoked, lost, fenced.",
                    &["kind"],
                ),
            ),
            partition_lag: add(
                r,
                gauges(
                    "partition_lag_records",
                    "Records of the partition that are not in the state yet.",
                    &["partition"],
                ),
            ),
            kafka_errors: add(
                r,
                counter(
                    "kafka_errors_total",
                    "Errors of the Kafka client. It retries by itself.",
                ),
            ),
            commits: add(
                r,
                counter(
                    "offset_commits_total",
                    "Offset commits to Kafka, each after its state was durable. Only lag tools read them.",
                ),
            ),
            skipped_offsets: add(
                r,
                counter(
                    "skipped_offsets_total",
                    "Offsets without a record: compacted, marks of transactions, or deleted before they were read.",
                ),
            ),
            partition_conflicts: add(
                r,
                counter(
                    "source_partition_conflicts_total",
                    "Times that a known source appeared on another partition. The keying contract is broken.",
                ),
            ),

            topic_compacts: add(
                r,
                gauge(
                    "topic_compacts",
                    "1 if the topic's cleanup.policy compacts: the broker deletes unread crops. Asked every ten minutes.",
                ),
            ),
            source_watermark: add(
                r,
                float_gauges(
                    "source_watermark_timestamp_seconds",
                    "Watermark: the event time up to which a source's panes are closed.",
                    &["source"],
                ),
            ),
            open_panes: add(r, gauge("open_panes", "Panes that still accept faces.")),
            growing_windows: add(
                r,
                gauge(
                    "growing_windows",
                    "Windows that wait for more people: at most one for each source.",
                ),
            ),
            oldest_unpublished: add(
                r,
                gauge(
                    "oldest_unpublished_seconds",
                    "Age of the oldest row that is in no file yet. 0 if none waits.",
                ),
            ),
            released_windows: add(
                r,
                counters(
                    "released_windows_total",
                    "Windows released, by what ended them: watermark, idle, end, change.",
                    &["by"],
                ),
            ),
            closed_panes: add(
                r,
                counters(
                    "closed_panes_total",
                    "Closed panes by cause: watermark, idle, end, change. Most only let a window grow.",
                    &["by"],
                ),
            ),
            suppressed_windows: add(
                r,
                counters(
                    "suppressed_windows_total",
                    "Released windows whose attribute was suppressed: too few people.",
                    &["attribute"],
                ),
            ),
            limit_hits: add(
                r,
                counters(
                    "limit_hits_total",
                    "Times that a limit applied.",
                    &["limit"],
                ),
            ),

            checkpoints: add(r, counter("checkpoints_total", "Checkpoints written.")),
            last_checkpoint: add(
                r,
                gauge(
                    "last_checkpoint_timestamp_seconds",
                    "When the last checkpoint of this instance was written. 0 before the first.",
                ),
            ),
            store_errors: add(
                r,
                counter(
                    "store_errors_total",
                    "Failed requests to the store that were repeated.",
                ),
            ),
            files_written: add(
                r,
                counters("files_written_total", "Parquet files written.", &["table"]),
            ),
            rows_written: add(
                r,
                counters(
                    "rows_written_total",
                    "Rows in the Parquet files written.",
                    &["table"],
                ),
            ),
            bytes_written: add(
                r,
                counters(
                    "bytes_written_total",
                    "Bytes of the Parquet files written.",
                    &["table"],
                ),
            ),

            sources: Sources::declare(r),
            audience: Audience::declare(r),
            names: declared.names.into(),
            whole: Arc::default(),
            registry: declared.registry,
        }
        .with_known_series()
    }

    /// Counts the time until the guard is dropped as time that the stage was blocked.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures a duration for a metric"
    )]
    pub fn blocked(&self, stage: &str) -> Blocked {
        Blocked {
            counter: self.stage_blocked_seconds.with_label_values(&[stage]),
            since: Instant::now(),
        }
    }

    /// The names of all metrics.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Records that were folded.
    pub fn records_read(&self) -> u64 {
        let outcomes = outcome::ALL.iter();
        outcomes
            .map(|outcome| self.records.with_label_values(&[outcome]).get())
            .sum()
    }

    /// The current values of a counter or gauge, by its name without the program's prefix.
    #[cfg(test)]
    pub(crate) fn samples(&self, name: &str) -> Vec<Sample> {
        let families = self.gather();
        let family = families
            .iter()
            .find(|family| family.name().strip_prefix("demograph_") == Some(name));
        let metrics = family.map_or(&[][..], |family| family.get_metric());
        metrics.iter().map(Sample::of).collect()
    }

    /// The sum over all labels of a counter or gauge.
    #[cfg(test)]
    pub(crate) fn sum(&self, name: &str) -> f64 {
        // The sum of nothing is -0.0, which reads badly.
        self.samples(name)
            .iter()
            .map(|sample| sample.value)
            .sum::<f64>()
            + 0.0
    }

    /// No scrape comes between the changes that are made while this is held: shares of one view sum to 1 in each.
    pub fn change_together(&self) -> MutexGuard<'_, ()> {
        // It guards no data, so a panic elsewhere left nothing half done behind it.
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        let _whole = self.change_together();
        self.registry.gather()
    }

    /// The text exposition format: all metrics, or those with one of these names.
    pub fn render(&self, names: &[String]) -> String {
        declare::text(self.gather(), names)
    }
}

/// Time in which a stage waits for the next one.
pub struct Blocked {
    counter: Counter,
    since: Instant,
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.counter.inc_by(self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_registered_under_the_program_s_name() {
        let metrics = Metrics::new();
        metrics.records.with_label_values(&[outcome::FACE]).inc();
        metrics.commits.inc();
        let records = "demograph_records_total{outcome=\"face\"} 1";
        let text = metrics.render(&[]);
        assert!(text.contains(records), "{text}");
        assert!(text.contains("demograph_offset_commits_total 1"), "{text}");
        let text = metrics.render(&["demograph_records_total".into()]);
        assert!(text.contains(records), "{text}");
        assert!(!text.contains("demograph_offset_commits_total"), "{text}");
    }
}
