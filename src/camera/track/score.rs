//! Tracks beside the truth: who was counted, counted twice, or missed. For the simulations.

use std::collections::{BTreeMap, BTreeSet};

use super::TrackNumber;

/// A person whose face could be found less often is not there.
const SHOWN_MIN: usize = 3;

/// What is noted while people pass.
#[derive(Default)]
pub(super) struct Score {
    shown: BTreeMap<usize, usize>,
    tracks_of: BTreeMap<usize, Vec<TrackNumber>>,
    counted: BTreeSet<TrackNumber>,
}

/// People of one simulation.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Whose face could be found three times at least.
    pub there: usize,
    /// Tracks.
    pub counted: usize,
    /// Changes from one track to another within a person.
    pub switches: usize,
    /// Those there without a track.
    pub missed: usize,
}

impl Score {
    /// The person's face could be found in a frame.
    pub fn show(&mut self, person: usize) {
        *self.shown.entry(person).or_default() += 1;
    }

    /// A face was given this track; nobody's face where there is no person.
    pub fn give(&mut self, person: Option<usize>, track: Option<TrackNumber>) {
        self.counted.extend(track);
        let (Some(person), Some(track)) = (person, track) else {
            return;
        };
        let tracks = self.tracks_of.entry(person).or_default();
        if tracks.last() != Some(&track) {
            tracks.push(track);
        }
    }

    pub fn people(&self) -> People {
        let there = self.shown.iter().filter(|&(_, &shown)| shown >= SHOWN_MIN);
        let mut people = People {
            counted: self.counted.len(),
            ..People::default()
        };
        for (person, _) in there {
            people.there += 1;
            match self.tracks_of.get(person).map_or(0, Vec::len) {
                0 => people.missed += 1,
                tracks => people.switches += tracks - 1,
            }
        }
        people
    }
}

/// The mean of a figure over outcomes.
pub(super) fn mean<T>(outcomes: &[T], of: impl Fn(&T) -> usize) -> f64 {
    outcomes.iter().map(of).sum::<usize>() as f64 / outcomes.len() as f64
}
