//! The series whose labels are known beforehand, at zero from the start: the first event is then a step that
//! `rate` and `increase` see, and a panel says "none so far" rather than "no data".

use demograph_core::{record::Attribute, reject::Reject, window::ClosedBy};

use super::{DUPLICATES_LIMIT, Metrics, SOURCE_SERIES_LIMIT, outcome, rebalance, stage, tracks};
use crate::sink::Table;

impl Metrics {
    /// Makes the series of every label that has a closed set of values.
    pub(super) fn with_known_series(self) -> Self {
        for outcome in outcome::ALL {
            self.records.with_label_values(&[outcome]);
        }
        for reason in Reject::ALL {
            self.rejected_records.with_label_values(&[reason.name()]);
        }
        for stage in [stage::DECODE, stage::INFER, stage::FOLD, stage::WRITE] {
            self.stage_seconds.with_label_values(&[stage]);
        }
        for stage in [stage::POLL, stage::INFER, stage::FOLD] {
            self.stage_blocked_seconds.with_label_values(&[stage]);
        }
        for kind in rebalance::ALL {
            self.rebalances.with_label_values(&[kind]);
        }
        for by in ClosedBy::ALL {
            self.closed_panes.with_label_values(&[by.name()]);
            self.released_windows.with_label_values(&[by.name()]);
        }
        for attribute in Attribute::ALL {
            self.suppressed_windows
                .with_label_values(&[attribute.name()]);
        }
        for limit in [SOURCE_SERIES_LIMIT, DUPLICATES_LIMIT] {
            self.limit_hits.with_label_values(&[limit]);
        }
        for reason in [tracks::MANY_FACES, tracks::SAME_INSTANT] {
            let tracks = &self.sources.implausible_tracks;
            tracks.with_label_values(&[reason]);
        }
        for table in [Table::Hourly, Table::Daily] {
            let carried = &self.audience.carried;
            carried.with_label_values(&[table.name()]);
        }
        for table in Table::ALL {
            self.files_written.with_label_values(&[table.name()]);
            self.rows_written.with_label_values(&[table.name()]);
            self.bytes_written.with_label_values(&[table.name()]);
        }
        self
    }
}
