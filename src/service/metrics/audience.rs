//! The series of who was seen. The gauges come from released windows only.

use demograph_core::periods::CarriedWindows;
use prometheus::{GaugeVec, IntCounter, IntCounterVec};

use super::declare::{Declared, add, counter, counters, float_gauges};
use crate::sink::Table;

/// Gauges of the rolling views.
#[derive(Clone)]
pub struct Audience {
    pub votes: GaugeVec,
    pub share_naive: GaugeVec,
    pub share: GaugeVec,
    pub share_low: GaugeVec,
    pub share_high: GaugeVec,
    pub effective_n: GaugeVec,
    pub shift_p: GaugeVec,
    pub calibration_fits: GaugeVec,
    pub faces: GaugeVec,
    pub shown: GaugeVec,
    pub from: GaugeVec,
    pub until: GaugeVec,
    pub untracked: IntCounter,
    pub carried: IntCounterVec,
}

const CATEGORY: &[&str] = &["source", "attribute", "category", "window"];
const ATTRIBUTE: &[&str] = &["source", "attribute", "window"];

impl Audience {
    pub(super) fn declare(to: &mut Declared) -> Self {
        let untracked = counter(
            "untracked_faces_total",
            "Faces without a track id. With policy.untracked = \"ignore\" they cast no vote.",
        );
        let untracked = add(to, untracked);
        let carried = counters(
            "carried_windows_total",
            "Windows that began in an hour or a day that was published already. They count in the next row of the table.",
            &["table"],
        );
        let carried = add(to, carried);
        let mut gauges = |name, help, labels| add(to, float_gauges(name, help, labels));
        Self {
            votes: gauges(
                "audience_votes",
                "Votes for a category in the released windows of the view, not people: a person votes in each window that holds him. Where detections vote, each is a vote.",
                CATEGORY,
            ),
            share_naive: gauges(
                "audience_share_naive_ratio",
                "Counted share of the category in the windows that show it, with the model's errors.",
                CATEGORY,
            ),
            share: gauges(
                "audience_share_ratio",
                "Estimated true share of the category, corrected for the model's errors. Absent if the data are insufficient.",
                CATEGORY,
            ),
            share_low: gauges(
                "audience_share_low_ratio",
                "Lower end of the 95 % interval of the share.",
                CATEGORY,
            ),
            share_high: gauges(
                "audience_share_high_ratio",
                "Upper end of the 95 % interval of the share.",
                CATEGORY,
            ),
            effective_n: gauges(
                "audience_effective_n",
                "Effective sample size: this many error-free labels of different people would give the same precision.",
                CATEGORY,
            ),
            shift_p: gauges(
                "audience_shift_p_value",
                "p-value of the shift test. Small: the model's errors are no longer those of the calibration.",
                ATTRIBUTE,
            ),
            calibration_fits: gauges(
                "audience_calibration_fits",
                "1 if the shift test finds that the calibration fits, 0 if its p-value is below 0.001. Absent without a test.",
                ATTRIBUTE,
            ),
            faces: gauges(
                "audience_faces",
                "Faces in all released windows of the view, also those that were spared or are suppressed.",
                &["source", "window"],
            ),
            shown: gauges(
                "audience_shown_ratio",
                "Part of the view's votes that is shown, not suppressed.",
                ATTRIBUTE,
            ),
            from: gauges(
                "audience_from_timestamp_seconds",
                "Since when a view covers its source: the start of the first of its released windows.",
                &["source", "window"],
            ),
            until: gauges(
                "audience_until_timestamp_seconds",
                "Until when a view covers its source: the end of the last released window.",
                &["source", "window"],
            ),
            untracked,
            carried,
        }
    }

    /// Counts windows whose hour or day was published before them.
    pub fn count_carried(&self, windows: CarriedWindows) {
        for (table, windows) in [Table::Hourly, Table::Daily].into_iter().zip(windows) {
            if windows > 0 {
                let counter = self.carried.with_label_values(&[table.name()]);
                counter.inc_by(windows as u64);
            }
        }
    }
}

/// Sets a series, or removes it: what is hidden or unknown has none, rather than a zero.
pub fn put(gauge: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauge.with_label_values(labels).set(value),
        // Removing what was never shown is an error of no interest.
        None => drop(gauge.remove_label_values(labels)),
    }
}
