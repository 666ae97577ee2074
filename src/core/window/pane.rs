//! One pane of one source: faces come in, one vote a track and one a face without a track goes out.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Accounting, Evidence, Growth, Note, Observation, Settings, Tally, track::Track};
use crate::{
    record::{Attribute, EventId, EventTime, SourceId, TrackId},
    reject::Reject,
    window::{Untracked, Weighting},
};

/// What a vote stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A vote is a person's track.
    Tracks,
    /// Faces voted for themselves: some had no track id, or votes are weighted by dwell. A person may have several.
    Detections,
}

impl Unit {
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
    pub const ALL: [Self; 4] = [Self::Watermark, Self::Idle, Self::End, Self::Change];

    pub fn name(self) -> &'static str {
        match self {
            Self::Watermark => "watermark",
            Self::Idle => "idle",
            Self::End => "end",
            Self::Change => "change",
        }
    }
}

/// A window that has ended: one pane or several. Its exact counts must pass through `privacy::release`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedWindow {
    pub source: SourceId,
    pub partition: i32,
    pub start: EventTime,
    pub end: EventTime,
    pub by: ClosedBy,
    pub accounting: Accounting,
    pub tracks: u64,
    /// Tracks, plus faces that voted for themselves.
    pub votes: u64,
    pub unit: Unit,
    pub tally: Tally,
    /// One vote a track, where the tally holds other votes of tracks only.
    pub people: Option<Tally>,
}

impl ClosedWindow {
    /// How many stand behind the votes for each category: what disclosure control judges. People as far as track ids
    /// say who is the same, else detections ([`ClosedWindow::people_unit`]).
    pub fn people(&self, attribute: Attribute) -> &[u64] {
        self.people
            .as_ref()
            .unwrap_or(&self.tally)
            .counts(attribute)
    }

    pub fn people_unit(&self) -> Unit {
        match self.people {
            Some(_) => Unit::Tracks,
            None => self.unit,
        }
    }
}

/// Which window of which source it is, and what ended it.
pub(super) struct WindowName {
    pub source: SourceId,
    pub partition: i32,
    pub start: EventTime,
    pub end: EventTime,
    pub by: ClosedBy,
}

/// An open pane.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct OpenPane {
    pub(crate) accounting: Accounting,
    /// The votes of faces that vote for themselves.
    pub(crate) faces: Tally,
    pub(crate) faces_voted: u64,
    /// Those of them that have no track id.
    pub(crate) untracked_voted: u64,
    pub(crate) tracks: HashMap<TrackId, Track>,
    /// When its last face was received, by the wall clock; while it has none, its first record.
    pub(crate) touched: EventTime,
    /// The events that it holds, where they are to be known again.
    pub(crate) ids: HashSet<EventId>,
}

impl OpenPane {
    pub(super) fn records(&self) -> u64 {
        self.accounting.records()
    }

    pub(super) fn is_without_faces(&self) -> bool {
        self.accounting.seen() == 0
    }

    pub(super) fn ids(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn remembers(&self, id: EventId) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn remember(&mut self, id: Option<EventId>) {
        self.ids.extend(id);
    }

    /// Whether somebody votes: without votes there is nothing to protect.
    pub(super) fn has_votes(&self) -> bool {
        self.faces_voted > 0 || !self.tracks.is_empty()
    }

    /// Whether so many people stand behind the votes, judged as disclosure control judges: by tracks, or by votes where
    /// some have no track.
    pub(super) fn has_people(&self, least: u64, growth: &Growth) -> bool {
        let tracks = self.tracks.len() as u64;
        match self.untracked_voted {
            0 => tracks >= least,
            // Weighted by dwell, the votes of tracks are among those of faces.
            untracked if untracked == self.faces_voted => {
                self.faces_voted + tracks >= least.saturating_mul(growth.votes_a_person)
            }
            _ => self.faces_voted >= least.saturating_mul(growth.votes_a_person),
        }
    }

    /// Takes in another pane of the same source: a track of both is one track.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.accounting.merge(&other.accounting);
        self.faces.merge(&other.faces);
        self.faces_voted += other.faces_voted;
        self.untracked_voted += other.untracked_voted;
        self.touched = self.touched.max(other.touched);
        if self.tracks.len() < other.tracks.len() {
            std::mem::swap(&mut self.tracks, &mut other.tracks);
        }
        for (id, track) in other.tracks {
            let own = self.tracks.entry(id).or_default();
            own.evidence.merge(&track.evidence);
        }
    }

    pub(super) fn rename(
        &mut self,
        (track, event): (&impl Fn(TrackId) -> TrackId, &impl Fn(EventId) -> EventId),
    ) {
        let tracks = std::mem::take(&mut self.tracks).into_iter();
        self.tracks = tracks.map(|(id, faces)| (track(id), faces)).collect();
        let ids = std::mem::take(&mut self.ids).into_iter();
        self.ids = ids.map(event).collect();
    }

    pub(super) fn face(
        &mut self,
        (observation, evidence): (&Observation, &Evidence),
        settings: &Settings,
    ) -> Option<Note> {
        self.touch(observation, true);
        self.accounting.faces += 1;
        let votes = match observation.track {
            Some(_) => settings.weighting == Weighting::Dwell,
            None => settings.untracked == Untracked::Count,
        };
        if votes {
            self.faces_voted += 1;
            self.untracked_voted += u64::from(observation.track.is_none());
            self.faces.vote(evidence);
        } else {
            self.faces.know(evidence);
        }
        let track = self.tracks.entry(observation.track?).or_default();
        track.face(observation.time, evidence)
    }

    /// A face that nobody looked at: it casts no vote, and its track may be implausible all the same.
    pub(super) fn spared(&mut self, observation: &Observation) -> Option<Note> {
        self.touch(observation, true);
        self.accounting.spared += 1;
        let track = self.tracks.get_mut(&observation.track?)?;
        track.seen(observation.time)
    }

    pub(super) fn late(&mut self, observation: &Observation) {
        self.touch(observation, false);
        self.accounting.late += 1;
    }

    pub(super) fn reject(&mut self, observation: &Observation, reason: Reject) {
        self.touch(observation, false);
        self.accounting.reject(reason);
    }

    /// Only faces keep a pane from being closed for silence: others would hold back the faces that it has.
    fn touch(&mut self, observation: &Observation, is_face: bool) {
        if is_face || self.accounting.records() == 0 {
            self.touched = match self.accounting.seen() {
                0 => observation.received,
                _ => self.touched.max(observation.received),
            };
        }
        self.accounting.cover(observation.position);
    }

    /// Counts the tracks' votes and gives the window its name.
    pub(super) fn close(self, name: WindowName, settings: &Settings) -> ClosedWindow {
        let mut tally = self.faces;
        let tracks = self.tracks.len() as u64;
        let mut votes = self.faces_voted;
        let mut people = None;
        if settings.weighting == Weighting::People {
            votes += tracks;
            for track in self.tracks.values() {
                tally.vote_track(&track.evidence);
            }
        } else if self.untracked_voted == 0 {
            let mut once = Tally::default();
            for track in self.tracks.values() {
                once.vote_track(&track.evidence);
            }
            people = Some(once);
        }
        ClosedWindow {
            source: name.source,
            partition: name.partition,
            start: name.start,
            end: name.end,
            by: name.by,
            accounting: self.accounting,
            tracks,
            votes,
            unit: if self.faces_voted == 0 {
                Unit::Tracks
            } else {
                Unit::Detections
            },
            tally,
            people,
        }
    }
}
