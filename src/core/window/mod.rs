//! Estimates -> event-time panes -> windows of enough people. A pure fold over one partition's log.
//!
//! Promises: every record is accounted for in exactly one window; state holds integers only, so that
//! merging is exact; time comes in as a value.

mod accounting;
mod categories;
mod growing;
mod pane;
mod partition;
mod source;
mod tally;
mod track;
mod votes;

pub use accounting::Accounting;
pub use categories::Categories;
pub use growing::Growth;
pub(crate) use growing::Window;
pub(crate) use pane::OpenPane;
pub use pane::{ClosedBy, ClosedWindow, Unit};
pub use partition::{ClosedPanes, PartitionWindows, Sources};
pub use source::Outcome;
pub(crate) use source::SourceWindows;
pub use tally::{Evidence, Tally, TrackEvidence};
pub use track::Note;
pub(crate) use track::Track;
pub use votes::{Untracked, Weighting};

use crate::{
    record::{EventId, EventTime, Position, SourceId, TrackId},
    reject::Reject,
};

/// A record after inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub position: Position,
    /// The wall clock when the record was polled.
    pub received: EventTime,
    pub source: SourceId,
    /// When it counts: of a face, when it was seen; of a reject, a time that can be.
    pub time: EventTime,
    /// What the event says of its time, whether that can be or not.
    pub stated: Option<EventTime>,
    pub id: Option<EventId>,
    pub track: Option<TrackId>,
    pub outcome: Result<Evidence, Reject>,
}

/// How panes are cut and closed; durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub pane: i64,
    pub lateness_max: i64,
    pub idle_after: i64,
    /// How far an event time may lie beyond the wall clock.
    pub future_max: i64,
    /// Whether an event is counted once only, however often it comes.
    pub drops_duplicates: bool,
    /// Sources with state of their own, a partition.
    pub sources_max: usize,
    /// What a vote is.
    pub weighting: Weighting,
    /// What a face without a track id does.
    pub untracked: Untracked,
    /// How long windows grow.
    pub growth: Growth,
}

impl Settings {
    /// The start of the pane that holds `time`. Panes are half-open: `[start, start + pane)`.
    fn pane_start(&self, time: EventTime) -> EventTime {
        EventTime(time.0.div_euclid(self.pane).saturating_mul(self.pane))
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod laws_of_floors;
#[cfg(test)]
mod laws_of_time;
