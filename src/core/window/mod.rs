//! Estimates -> event-time panes -> windows of enough people. A pure fold over one partition's log.
//!
//! Promises: every record is accounted for in exactly one window; state holds integers only, so that
//! merging is exact; time comes in as a value.

mod accounting;
mod bursts;
mod categories;
mod ended;
mod growing;
mod pane;
mod partition;
mod source;
mod stays;
mod tally;
mod track;
mod votes;

pub use accounting::Accounting;
pub(crate) use bursts::Bursts;
pub use categories::Categories;
pub use ended::{ClosedBy, ClosedWindow, Counted, Ended, Unit};
pub use growing::Growth;
pub(crate) use growing::Window;
pub(crate) use pane::OpenPane;
pub use partition::{ClosedPanes, PartitionWindows, Sources};
pub use source::Outcome;
pub(crate) use source::SourceWindows;
pub(crate) use stays::Stays;
pub use tally::{Evidence, Tally, TrackEvidence};
pub use track::Note;
pub(crate) use track::Track;
pub use votes::{Untracked, Weighting};

use crate::{
    choose::{Choice, Judged, Spans},
    record::{EventId, EventTime, Position, SourceId, TrackId},
    reject::Reject,
};

/// A record after inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its place in the log.
    pub position: Position,
    /// The wall clock when the record was polled.
    pub received: EventTime,
    /// Where it comes from.
    pub source: SourceId,
    /// Its event time. A reject whose own is missing or not plausible has another one.
    pub time: EventTime,
    /// The time that the event states, plausible or not.
    pub stated: Option<EventTime>,
    /// The hash of the event's id, if it has one.
    pub id: Option<EventId>,
    /// The hash of the track's id, if it has one.
    pub track: Option<TrackId>,
    /// What the chooser said; none of a crop that it was not asked about.
    pub judged: Option<Judged>,
    /// The model's probabilities for a face, none for a spared crop; for a reject, the reason.
    pub outcome: Result<Evidence, Reject>,
}

impl Observation {
    /// Whether the crop was never looked at, because its track has enough.
    pub fn is_spared(&self) -> bool {
        self.judged
            .is_some_and(|judged| judged.choice == Choice::Spared)
    }
}

/// How panes are cut and closed; durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The length of a pane.
    pub pane: i64,
    /// How far behind its source's newest face a face may be, and is not late.
    pub lateness_max: i64,
    /// After so long without a face, by the wall clock, a source's panes that have ended are closed.
    pub idle_after: i64,
    /// How far an event time may lie ahead of the wall clock.
    pub future_max: i64,
    /// Whether an event is counted once only, however often it comes.
    pub drops_duplicates: bool,
    /// How many sources of a partition have state of their own. The faces of others are rejected.
    pub sources_max: usize,
    /// What a vote is.
    pub weighting: Weighting,
    /// What a face without a track id does.
    pub untracked: Untracked,
    /// How long windows grow.
    pub growth: Growth,
}

impl Settings {
    /// Panes of ten seconds, each a window, without lateness, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub const EXAMPLE: Self = Self {
        pane: 10_000,
        lateness_max: 0,
        idle_after: 30_000,
        future_max: 60_000,
        drops_duplicates: false,
        sources_max: 10,
        weighting: Weighting::People,
        untracked: Untracked::Count,
        growth: Growth::NONE,
    };

    /// How panes lie, for who chooses crops.
    pub fn spans(&self) -> Spans {
        Spans {
            pane: self.pane,
            lateness_max: self.lateness_max,
        }
    }

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
#[cfg(test)]
mod spared_tests;
