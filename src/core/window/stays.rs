//! Who stood in the window before, and for how long: so a sum of windows knows how many of its votes are one person's.
//!
//! Promises: what is kept are the tracks of the last window that had any, no more; what a window says of the windows
//! before is about numbers of people, not about what they are.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{estimate::Repeats, record::TrackId};

/// The tracks of the last window of a source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Stays(HashMap<TrackId, Stay>);

/// How long a track has stood there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Stay {
    /// Windows in a row, up to the last one.
    windows: u64,
    /// Its votes in them.
    votes: u64,
}

/// What the tracks of a window have to do with those of the windows before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Stayed {
    /// So many tracks stood in the window before too.
    pub tracks: u64,
    /// See [`Repeats::before`].
    pub before: Vec<u64>,
}

impl Stays {
    /// Goes on to a window of these tracks, each with its number of votes.
    pub(crate) fn next(&mut self, tracks: impl Iterator<Item = (TrackId, u64)>) -> Stayed {
        let mut repeats = Repeats::default();
        let (mut stayed, mut next) = (0, HashMap::new());
        for (id, votes) in tracks {
            let stay = match self.0.get(&id) {
                Some(stay) => {
                    stayed += 1;
                    repeats.add_stay(stay.windows, votes.saturating_mul(stay.votes));
                    *stay
                }
                None => Stay::default(),
            };
            let longer = Stay {
                windows: stay.windows + 1,
                votes: stay.votes.saturating_add(votes),
            };
            next.insert(id, longer);
        }
        self.0 = next;
        Stayed {
            tracks: stayed,
            before: repeats.before,
        }
    }

    pub(super) fn rename(&mut self, track: impl Fn(TrackId) -> TrackId) {
        let stays = std::mem::take(&mut self.0).into_iter();
        self.0 = stays.map(|(id, stay)| (track(id), stay)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: u8) -> TrackId {
        TrackId::of(&[name])
    }

    /// What windows of tracks with so many votes say.
    fn stayed(windows: &[&[(u8, u64)]]) -> Vec<Stayed> {
        let mut stays = Stays::default();
        let next = |tracks: &&[(u8, u64)]| {
            stays.next(tracks.iter().map(|&(name, votes)| (id(name), votes)))
        };
        windows.iter().map(next).collect()
    }

    #[test]
    fn a_vote_pairs_with_each_vote_of_the_same_person_in_the_windows_before() {
        let windows = stayed(&[&[(1, 1), (2, 1)], &[(1, 1)], &[(1, 1), (3, 1)], &[(1, 1)]]);
        assert_eq!(windows[0], Stayed::default());
        assert_eq!((windows[1].tracks, &windows[1].before[..]), (1, &[1][..]));
        assert_eq!(
            (windows[2].tracks, &windows[2].before[..]),
            (1, &[1, 1][..])
        );
        assert_eq!(
            (windows[3].tracks, &windows[3].before[..]),
            (1, &[1, 2][..])
        );
    }

    #[test]
    fn crops_pair_with_crops() {
        let windows = stayed(&[&[(1, 10)], &[(1, 20)], &[(1, 3)]]);
        assert_eq!(windows[1].before, [200]);
        assert_eq!(windows[2].before, [45, 45], "as if he had shown 15 in each");
    }

    #[test]
    fn who_was_away_for_a_window_begins_anew() {
        let windows = stayed(&[&[(1, 1)], &[(2, 1)], &[(1, 1)]]);
        assert_eq!(windows[2], Stayed::default());
    }
}
