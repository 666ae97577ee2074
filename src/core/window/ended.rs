//! A window that has ended: first with exact counts, then with what was released of them.

use serde::{Deserialize, Serialize};

use super::{Accounting, Tally};
use crate::record::{Attribute, EventTime, SourceId};

/// What a vote stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A vote is a person's track.
    Tracks,
    /// Faces voted for themselves: some had no track id, or votes are weighted by dwell. A person may have several.
    Detections,
}

impl Unit {
    /// The word for it in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tracks => "tracks",
            Self::Detections => "detections",
        }
    }
}

/// What ended a window: what closed its last pane, or time that has passed without another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClosedBy {
    /// The source's watermark passed its end.
    Watermark,
    /// Nothing came for it for `idle_after`.
    Idle,
    /// The stream has ended: nothing more is expected.
    End,
    /// Another model, policy or kind of window took over: more rows of the same pane follow.
    Change,
}

impl ClosedBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Watermark, Self::Idle, Self::End, Self::Change];

    /// The word for it in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Watermark => "watermark",
            Self::Idle => "idle",
            Self::End => "end",
            Self::Change => "change",
        }
    }
}

/// A window that has ended, one pane or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended<C> {
    /// Where its faces were seen.
    pub source: SourceId,
    /// The Kafka partition that they came from.
    pub partition: i32,
    /// The start of its first pane.
    pub start: EventTime,
    /// The end of its last pane.
    pub end: EventTime,
    /// What ended it.
    pub by: ClosedBy,
    /// Records by what became of them. Exact, and never suppressed.
    pub accounting: Accounting,
    /// Different track ids.
    pub tracks: u64,
    /// Those of them that stood in the source's window before, too.
    pub stayed: u64,
    /// Tracks, plus faces that voted for themselves.
    pub votes: u64,
    /// What a vote stands for.
    pub unit: Unit,
    /// The votes by category, in one form or another.
    pub content: C,
}

/// With its exact counts, which must pass through `privacy::release`.
pub type ClosedWindow = Ended<Counted>;

/// The exact counts of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    pub(crate) tally: Tally,
    /// One vote a track, where the tally holds other votes of tracks only.
    pub(crate) people: Option<Tally>,
    /// The votes of faces alone, where some of them have no track.
    pub(crate) detections: Option<Tally>,
}

impl Counted {
    /// How many stand behind the votes for each category: what disclosure control judges. People as far as track ids
    /// say who is the same, else detections ([`ClosedWindow::people_unit`]).
    pub(crate) fn people(&self, attribute: Attribute) -> &[u64] {
        let people = self.people.as_ref().unwrap_or(&self.tally);
        people.counts(attribute)
    }
}

impl ClosedWindow {
    /// What stands behind the votes: what the thresholds of disclosure control are about.
    pub fn people_unit(&self) -> Unit {
        match self.content.people {
            Some(_) => Unit::Tracks,
            None => self.unit,
        }
    }
}

/// Which window of which source it is, and what ended it.
pub(super) struct Place {
    pub source: SourceId,
    pub partition: i32,
    pub start: EventTime,
    pub end: EventTime,
    pub by: ClosedBy,
}
