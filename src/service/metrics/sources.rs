//! What must be known of single sources: whether their clocks and their tracks can be right.

use prometheus::{GaugeVec, IntCounterVec};

use super::{Declared, add, counters, float_gauges};

/// The limit on event ids that are kept; a value of the label `limit`.
pub const DUPLICATES_LIMIT: &str = "windows.duplicates";

/// Why a track cannot be one person; the values of the label `reason`.
pub mod tracks {
    pub const MANY_FACES: &str = "many_faces";
    pub const SAME_INSTANT: &str = "same_instant";
}

/// Series of sources and their tracks.
#[derive(Clone)]
pub struct Sources {
    pub late_faces: IntCounterVec,
    pub time_offset: GaugeVec,
    pub implausible_tracks: IntCounterVec,
}

impl Sources {
    pub(super) fn declare(to: &mut Declared) -> Self {
        Self {
            late_faces: add(
                to,
                counters(
                    "source_late_faces_total",
                    "Faces that came after their pane had closed, by source.",
                    &["source"],
                ),
            ),
            time_offset: add(
                to,
                float_gauges(
                    "source_time_offset_seconds",
                    "Arrival of a source's newest record less the time in the event, while nothing waits: \
                     its delay plus the lag of its clock. Negative: its clock is ahead.",
                    &["source"],
                ),
            ),
            implausible_tracks: add(
                to,
                counters(
                    "implausible_tracks_total",
                    "Track ids that cannot be one person, by reason: many_faces in a pane, or several at the same_instant.",
                    &["reason"],
                ),
            ),
        }
    }
}
