//! One pane of one source: faces come in, one vote a track and one a face without a track goes out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Accounting, Evidence, Observation, Settings, Tally, TrackEvidence};
use crate::{
    config::{Untracked, Weighting},
    record::{Attribute, EventTime, SourceId, TrackId},
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

/// What ended a pane.
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

/// A pane that takes no more faces; its exact counts must pass through `privacy::release`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedPane {
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

impl ClosedPane {
    /// How many stand behind the votes for each category: what disclosure control judges. People as far as track ids
    /// say who is the same, else detections ([`ClosedPane::people_unit`]).
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

/// Which pane of which source it is, and what ended it.
pub(super) struct PaneName {
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
    pub(crate) tracks: HashMap<TrackId, TrackEvidence>,
    /// When the last record for it was received, by the wall clock.
    pub(crate) touched: EventTime,
}

impl OpenPane {
    pub(super) fn records(&self) -> u64 {
        self.accounting.records()
    }

    pub(super) fn face(
        &mut self,
        observation: &Observation,
        evidence: &Evidence,
        settings: &Settings,
    ) {
        self.touch(observation);
        self.accounting.faces += 1;
        let votes = match observation.track {
            Some(track) => {
                self.tracks.entry(track).or_default().add(evidence);
                settings.weighting == Weighting::Dwell
            }
            None => settings.untracked == Untracked::Count,
        };
        if !votes {
            self.faces.know(evidence);
            return;
        }
        self.faces_voted += 1;
        self.untracked_voted += u64::from(observation.track.is_none());
        self.faces.vote(evidence);
    }

    pub(super) fn late(&mut self, observation: &Observation) {
        self.touch(observation);
        self.accounting.late += 1;
    }

    pub(super) fn reject(&mut self, observation: &Observation, reason: crate::decode::Reject) {
        self.touch(observation);
        self.accounting.reject(reason);
    }

    fn touch(&mut self, observation: &Observation) {
        self.accounting.cover(observation.position);
        self.touched = self.touched.max(observation.received);
    }

    /// Counts the tracks' votes and gives the pane its name.
    pub(super) fn close(self, name: PaneName, settings: &Settings) -> ClosedPane {
        let mut tally = self.faces;
        let tracks = self.tracks.len() as u64;
        let mut votes = self.faces_voted;
        let mut people = None;
        if settings.weighting == Weighting::People {
            votes += tracks;
            self.tracks
                .values()
                .for_each(|track| tally.vote_track(track));
        } else if self.untracked_voted == 0 {
            let mut once = Tally::default();
            self.tracks
                .values()
                .for_each(|track| once.vote_track(track));
            people = Some(once);
        }
        ClosedPane {
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
