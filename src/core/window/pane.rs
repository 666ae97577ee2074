//! One pane of one source: faces come in, one vote a track and one a face without a track goes out.

use std::collections::{HashMap, HashSet};

use super::{
    Accounting, ClosedWindow, Counted, Ended, Evidence, Growth, Note, Observation, Settings, Tally,
    Unit, bursts::Looks, ended::Place, stays::Stayed, track::Track,
};
use crate::{
    record::{Attribute, EventId, EventTime, TrackId},
    reject::Reject,
    window::{Untracked, Weighting},
};

/// What the votes of a window have to do with one another, and with those of the windows before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Known {
    pub stayed: Stayed,
    /// By attribute, where faces without a track vote.
    pub looks: Option<[Looks; 3]>,
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

    /// Whether faces without a track vote.
    pub(super) fn has_untracked_votes(&self) -> bool {
        self.untracked_voted > 0
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
        track: &impl Fn(TrackId) -> TrackId,
        event: &impl Fn(EventId) -> EventId,
    ) {
        let tracks = std::mem::take(&mut self.tracks).into_iter();
        self.tracks = tracks.map(|(id, faces)| (track(id), faces)).collect();
        let ids = std::mem::take(&mut self.ids).into_iter();
        self.ids = ids.map(event).collect();
    }

    pub(super) fn face(
        &mut self,
        observation: &Observation,
        evidence: &Evidence,
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

    /// Each track, and how many votes it has.
    pub(super) fn votes_of_tracks(
        &self,
        weighting: Weighting,
    ) -> impl Iterator<Item = (TrackId, u64)> {
        let votes = move |track: &Track| match weighting {
            Weighting::People => 1,
            Weighting::Dwell => track.evidence.crops(),
        };
        self.tracks
            .iter()
            .map(move |(&id, track)| (id, votes(track)))
    }

    /// Says which votes of the tally are one person's.
    fn repeat(&self, tally: &mut Tally, known: &Known, weighting: Weighting) {
        for attribute in Attribute::ALL {
            let mut before = known.stayed.before.clone();
            if let Some(looks) = &known.looks {
                let looks = &looks[attribute as usize];
                // Crops of tracks are among the detections.
                if weighting == Weighting::Dwell {
                    before.clear();
                }
                before.resize(before.len().max(looks.before.len()), 0);
                let pairs = before.iter_mut().zip(&looks.before);
                pairs.for_each(|(sum, &more)| *sum += self.faces_voted.saturating_mul(more) / 100);
            }
            tally.repeat_before(attribute, &before);
        }
    }

    /// Counts the tracks' votes.
    pub(super) fn close(mut self, place: Place, known: Known, settings: &Settings) -> ClosedWindow {
        let mut tally = std::mem::take(&mut self.faces);
        let detections = known.looks.as_ref().map(|_| tally.clone());
        if let Some(looks) = &known.looks {
            for attribute in Attribute::ALL {
                tally.repeat_alike(attribute, looks[attribute as usize].design_effect);
            }
        } else if settings.weighting == Weighting::Dwell {
            tally.vote_each(self.tracks.values().map(|track| &track.evidence));
        }
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
        self.repeat(&mut tally, &known, settings.weighting);
        Ended {
            source: place.source,
            partition: place.partition,
            start: place.start,
            end: place.end,
            by: place.by,
            accounting: self.accounting,
            tracks,
            stayed: known.stayed.tracks,
            votes,
            unit: if self.faces_voted == 0 {
                Unit::Tracks
            } else {
                Unit::Detections
            },
            content: Counted {
                tally,
                people,
                detections,
            },
        }
    }
}
