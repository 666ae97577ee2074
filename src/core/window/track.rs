//! One track in one pane, and whether it can be one person.

use serde::{Deserialize, Serialize};

use super::{Evidence, TrackEvidence};
use crate::record::EventTime;

/// More faces of one person in one pane are not plausible: a tracker that says the same id for everybody.
const FACES_MAX: u32 = 1_000;
/// A person has one face at an instant; a record may come twice.
const FACES_AT_ONCE_MAX: u32 = 3;
/// The same where times are whole seconds.
const FACES_A_SECOND_MAX: u32 = 60;

/// What somebody should hear of a record that was counted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// One track id has more faces in a pane than one person can have.
    ManyFaces,
    /// One track id has several faces at the same event time.
    SameInstant,
    /// So many event ids are open that this one was not kept: if the event comes again, it counts again.
    TooManyIds,
    /// The source made room for another one.
    Forgotten,
}

/// What the crops of one track say, and how many there are. Saved is the evidence alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Track {
    pub evidence: TrackEvidence,
    // For notes only: they may begin anew after a restart.
    #[serde(skip)]
    faces: u32,
    #[serde(skip)]
    instant: EventTime,
    #[serde(skip)]
    at_instant: u32,
}

impl Track {
    /// Takes in one face more, and says once where the limits are passed.
    pub(super) fn face(&mut self, time: EventTime, evidence: &Evidence) -> Option<Note> {
        self.evidence.add(evidence);
        self.seen(time)
    }

    /// The same of a face that was spared: it says nothing, and is there.
    pub(super) fn seen(&mut self, time: EventTime) -> Option<Note> {
        self.faces = self.faces.saturating_add(1);
        if self.instant != time {
            (self.instant, self.at_instant) = (time, 0);
        }
        self.at_instant = self.at_instant.saturating_add(1);
        let at_once_max = match time.0.rem_euclid(1_000) {
            0 => FACES_A_SECOND_MAX,
            _ => FACES_AT_ONCE_MAX,
        };
        if self.faces == FACES_MAX + 1 {
            Some(Note::ManyFaces)
        } else if self.at_instant == at_once_max + 1 {
            Some(Note::SameInstant)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notes of faces at these times.
    fn notes(times: impl IntoIterator<Item = i64>) -> Vec<Note> {
        let mut track = Track::default();
        times
            .into_iter()
            .filter_map(|time| track.face(EventTime(time), &Evidence::default()))
            .collect()
    }

    #[test]
    fn a_person_of_a_thousand_faces_is_named_once() {
        assert_eq!(notes((0..1_000).map(|n| 7 * n + 1)), []);
        assert_eq!(notes((0..3_000).map(|n| 7 * n + 1)), [Note::ManyFaces]);
    }

    #[test]
    fn a_crowd_at_one_instant_is_no_person() {
        assert_eq!(notes([501; 3]), []);
        assert_eq!(notes([501; 24]), [Note::SameInstant]);
    }

    #[test]
    fn a_camera_that_knows_whole_seconds_only_has_many_faces_in_each() {
        assert_eq!(notes([5_000; 30]), []);
        assert_eq!(notes([5_000; 100]), [Note::SameInstant]);
    }
}
