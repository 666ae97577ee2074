//! What the fold counts and measures in /metrics, but for the audience.

use demograph_core::{
    record::SourceId,
    state::Shard,
    window::{ClosedBy, ClosedPanes, Outcome, Sources},
};

use super::Fold;
use crate::{metrics::outcome, pipeline::feed::Tick};

impl Fold {
    pub(super) fn count(&self, outcome: Outcome) {
        let label = match outcome {
            Outcome::Face => outcome::FACE,
            Outcome::Spared => outcome::SPARED,
            Outcome::Late => outcome::LATE,
            Outcome::Rejected(reason) => {
                self.metrics
                    .rejected_records
                    .with_label_values(&[reason.name()])
                    .inc();
                outcome::REJECTED
            }
        };
        self.metrics.records.with_label_values(&[label]).inc();
    }

    /// Counts panes that were closed, and says whether there were any.
    pub(super) fn count_closed(&self, closed: ClosedPanes) -> bool {
        let mut is_any = false;
        for (by, panes) in ClosedBy::ALL.into_iter().zip(closed) {
            if panes > 0 {
                is_any = true;
                let counter = self.metrics.closed_panes.with_label_values(&[by.name()]);
                counter.inc_by(panes as u64);
            }
        }
        is_any
    }

    pub(super) fn watermarks(&self, partition: i32) {
        let Some(shard) = self.shards.get(&partition) else {
            return;
        };
        for (source, ..) in shard.windows().sources().iter() {
            self.watermark(partition, source);
        }
    }

    pub(super) fn watermark(&self, partition: i32, source: &SourceId) {
        let until = self
            .shards
            .get(&partition)
            .and_then(|shard| shard.windows().closed_until(source));
        if let Some(until) = until
            && !self.views.is_folded(source)
        {
            let gauge = self
                .metrics
                .source_watermark
                .with_label_values(&[source.as_str()]);
            gauge.set(until.0 as f64 / 1_000.0);
        }
    }

    pub(super) fn measure(&mut self, tick: &Tick) {
        let sources = || self.shards.values().map(|shard| shard.windows().sources());
        let open: usize = sources().map(Sources::open_panes).sum();
        let growing: usize = sources().map(Sources::growing).sum();
        self.metrics.open_panes.set(open as i64);
        self.metrics.growing_windows.set(growing as i64);
        let waiting = self.shards.values().filter_map(Shard::waiting_since);
        let oldest = waiting.map(|since| tick.now.0 - since.0).max();
        self.metrics
            .oldest_unpublished
            .set(oldest.unwrap_or(0) / 1_000);
        for (partition, shard) in &self.shards {
            let Some(end) = tick.ends.get(partition) else {
                continue;
            };
            let lag = (end - shard.next_offset()).max(0);
            self.metrics
                .partition_lag
                .with_label_values(&[&partition.to_string()])
                .set(lag);
            self.shown.lag.insert(*partition, lag);
        }
    }
}
