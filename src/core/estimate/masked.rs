//! Votes of several windows by cell, where a window that hid classes says only how many votes lie in their cells together.
//!
//! Promises: votes that move among the cells of classes that their window hid change no bit, however windows are added up
//! and whatever is estimated from the sum. Integers, so that the order of the windows changes no bit either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CellCounts, Grid};

/// A set of classes, in their order.
type Classes = Vec<u32>;

/// Votes of windows added up, each behind its mask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MaskedCounts {
    /// Votes in the cells of classes that their window showed.
    shown: CellCounts,
    /// The others, by the set of classes that their window hid.
    hidden: BTreeMap<Classes, Hidden>,
}

/// Votes in cells of hidden classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Hidden {
    /// How many windows hid these classes.
    windows: u64,
    /// As in [`Cell::parts`](super::Cell::parts).
    parts: u64,
}

impl MaskedCounts {
    /// The votes of one window that hid these classes.
    pub fn of(votes: &CellCounts, hidden: &[bool]) -> Self {
        let places = (0..).zip(hidden).filter(|(_, is_hidden)| **is_hidden);
        let set: Classes = places.map(|(class, _)| class).collect();
        let grid = Grid::new(hidden.len());
        let (Some(grid), false) = (grid, set.is_empty()) else {
            return Self {
                shown: votes.clone(),
                hidden: BTreeMap::new(),
            };
        };
        // Who votes more than once says nothing of categories. How his crops differ would.
        let mut shown = CellCounts::default();
        shown.repeat(votes.repeats(), 0);
        let mut parts = 0;
        for (cell, votes) in votes.iter() {
            let place = cell as usize;
            match place < grid.cells() && hidden[grid.predicted(place)] {
                true => parts += votes.parts,
                false => shown.add_parts(cell, votes.parts, &votes.sums),
            }
        }
        let one = Hidden { windows: 1, parts };
        Self {
            shown,
            hidden: BTreeMap::from([(set, one)]),
        }
    }

    /// Adds other windows.
    pub fn merge(&mut self, other: &Self) {
        self.shown.merge(&other.shown);
        for (set, more) in &other.hidden {
            let sum = self.hidden.entry(set.clone()).or_default();
            sum.windows += more.windows;
            sum.parts += more.parts;
        }
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: &Self) {
        self.shown.remove(&other.shown);
        for (set, less) in &other.hidden {
            let sum = self.hidden.get_mut(set).expect("it was merged before");
            sum.windows -= less.windows;
            sum.parts -= less.parts;
            if sum.windows == 0 {
                self.hidden.remove(set);
            }
        }
    }

    /// Whether no window hid any class.
    pub fn is_whole(&self) -> bool {
        self.hidden.is_empty()
    }

    /// Whole votes, the hidden ones among them.
    pub fn votes(&self) -> f64 {
        let mut all = CellCounts::default();
        all.add(
            0,
            self.hidden.values().map(|hidden| hidden.parts).sum(),
            &[],
        );
        self.shown.votes() + all.votes()
    }

    /// Those in cells of shown classes.
    pub fn shown(&self) -> &CellCounts {
        &self.shown
    }

    /// Each set of hidden classes of so many, and the parts of votes in their cells.
    pub(crate) fn hidden(&self, of: usize) -> impl Iterator<Item = (Vec<bool>, u64)> + '_ {
        self.hidden.iter().map(move |(set, hidden)| {
            let is_in = |class: usize| set.iter().any(|&hidden| hidden as usize == class);
            ((0..of).map(is_in).collect(), hidden.parts)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Votes in cells of three classes: the predicted class, and one of its cells.
    fn window() -> impl Strategy<Value = (Vec<(usize, usize)>, [bool; 3])> {
        let votes = prop::collection::vec((0usize..3, 0usize..54), 0..20);
        (votes, prop::array::uniform3(any::<bool>()))
    }

    fn counted(votes: &[(usize, usize)]) -> CellCounts {
        let mut counts = CellCounts::default();
        for &(class, place) in votes {
            counts.add((class * 54 + place) as u32, 720_720, &[place as u64, 1, 1]);
        }
        counts
    }

    fn masked((votes, hidden): &(Vec<(usize, usize)>, [bool; 3])) -> MaskedCounts {
        MaskedCounts::of(&counted(votes), hidden)
    }

    proptest! {
        #[test]
        fn votes_that_move_among_hidden_classes_change_no_bit_of_any_sum(
            windows in prop::collection::vec(window(), 1..5), to in prop::collection::vec((0usize..3, 0usize..54), 20)
        ) {
            let (mut sum, mut moved) = (MaskedCounts::default(), MaskedCounts::default());
            for (votes, hidden) in &windows {
                let target = |(place, vote): (usize, &(usize, usize))| match hidden[vote.0] && hidden[to[place].0] {
                    true => to[place],
                    false => *vote,
                };
                let others: Vec<_> = votes.iter().enumerate().map(target).collect();
                sum.merge(&masked(&(votes.clone(), *hidden)));
                moved.merge(&masked(&(others, *hidden)));
            }
            prop_assert_eq!(sum, moved);
        }

        #[test]
        fn merging_is_addition_keeps_the_votes_and_is_undone(a in window(), b in window()) {
            let (one, other) = (masked(&a), masked(&b));
            let mut sum = one.clone();
            sum.merge(&other);
            prop_assert_eq!(sum.votes(), (a.0.len() + b.0.len()) as f64);
            prop_assert_eq!(sum.is_whole(), !a.1.contains(&true) && !b.1.contains(&true));
            let mut turned = other.clone();
            turned.merge(&one);
            prop_assert_eq!(&turned, &sum);
            sum.remove(&other);
            prop_assert_eq!(sum, one);
        }
    }

    #[test]
    fn a_window_that_hid_classes_without_a_vote_in_their_cells_is_not_whole() {
        let masked = MaskedCounts::of(&counted(&[(0, 3)]), &[false, true, true]);
        assert!(!masked.is_whole());
        assert_eq!(
            masked.hidden(3).collect::<Vec<_>>(),
            [(vec![false, true, true], 0)]
        );
    }
}
