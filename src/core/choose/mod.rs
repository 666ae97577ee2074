//! Which crops of a track are estimated: a tracker sends ten to a hundred crops of a person, and the person has one vote.
//! The others are spared: nobody decodes them. Why this rule: docs/adr/0023.
//!
//! Promises: pure, and blind to answers of the model; the same crops in the same order give the same choice; of each track
//! at least one crop in each span, and so in each pane, is taken, and at most so many as asked; memory is bounded.

mod chooser;
mod quality;
mod spans;

#[cfg(test)]
mod laws;

pub use chooser::{Chooser, Chosen, CropsMax};
pub(crate) use chooser::{Source, Track};
pub use quality::Quality;
pub use spans::Spans;

use crate::record::{EventTime, SourceId, TrackId};

/// What is known of a crop before it is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The camera.
    pub source: &'a SourceId,
    /// When the face was seen.
    pub time: EventTime,
    /// Who was seen.
    pub track: TrackId,
    /// How good the crop is.
    pub quality: Quality,
}

/// Whether a crop is decoded and estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is.
    Taken,
    /// It is not: its track has enough.
    Spared,
}

/// What the chooser was told of a crop, and what it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// How good the crop is.
    pub quality: Quality,
    /// The answer.
    pub choice: Choice,
}
