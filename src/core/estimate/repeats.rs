//! Votes that one person cast: how many pairs there are, in one window and in several.
//!
//! A person who votes n times tells no more of a population than one who votes once. With m votes of person p, the
//! variance of a share is that of independent votes times the design effect (Kish 1965): the sum of m² over the sum of m.
//! The squares are counted as pairs, so that any sum of windows has them: pairs within a window belong to it, and pairs
//! of two windows belong to the later one, by how many windows lie between.

use serde::{Deserialize, Serialize};

/// Pairs of votes that one person cast. Without any, all votes are of different people. A commutative monoid under
/// [`Repeats::merge`]; what was merged can be removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Repeats {
    /// Windows that were added up.
    pub windows: u64,
    /// Ordered pairs of votes of one person in one window: n (n - 1) of n votes.
    pub within: u64,
    /// Pairs of a vote and one of the same person in a window before: in the one before, in the 2 or 3 before that, in
    /// the next 4, and so on.
    pub before: Vec<u64>,
}

impl Repeats {
    /// Adds those of other windows.
    pub fn merge(&mut self, other: &Self) {
        self.windows += other.windows;
        self.within = self.within.saturating_add(other.within);
        let length = self.before.len().max(other.before.len());
        self.before.resize(length, 0);
        let pairs = self.before.iter_mut().zip(&other.before);
        pairs.for_each(|(sum, more)| *sum = sum.saturating_add(*more));
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: &Self) {
        self.windows -= other.windows;
        self.within = self.within.saturating_sub(other.within);
        let pairs = self.before.iter_mut().zip(&other.before);
        pairs.for_each(|(sum, less)| *sum = sum.saturating_sub(*less));
        while self.before.last() == Some(&0) {
            self.before.pop();
        }
    }

    /// Counts the pairs of a person's votes with his in so many windows before, evenly many with each of them.
    pub fn add_stay(&mut self, windows: u64, pairs: u64) {
        let mut first = 1;
        for place in 0.. {
            if first > windows {
                break;
            }
            let here = windows.min(2 * first - 1) - first + 1;
            let length = self.before.len().max(place + 1);
            self.before.resize(length, 0);
            let part = u128::from(pairs) * u128::from(here) / u128::from(windows);
            self.before[place] = self.before[place].saturating_add(part as u64);
            first *= 2;
        }
    }

    /// The ordered pairs of different votes of one person in all these windows. Of the pairs with earlier windows, those
    /// count that lie within: as many as in a run of so many windows whose people stay alike.
    pub fn pairs(&self) -> f64 {
        let before = (0..).zip(&self.before);
        let inside = before.map(|(place, &pairs)| pairs as f64 * part_inside(place, self.windows));
        self.within as f64 + 2.0 * inside.sum::<f64>()
    }
}

/// Which part of the pairs of windows that lie 2^place to 2^(place + 1) - 1 apart lies within a run of so many windows, on
/// average: of those d apart, 1 - d / windows.
pub(crate) fn part_inside(place: u32, windows: u64) -> f64 {
    let first = 1u64 << place.min(62);
    let inside = windows.min(2 * first).saturating_sub(first);
    if inside == 0 {
        return 0.0;
    }
    let mean = (first + first + inside - 1) as f64 / 2.0;
    inside as f64 / first as f64 * (1.0 - mean / windows as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repeats() -> impl Strategy<Value = Repeats> {
        let stays = prop::collection::vec((1u64..100, 1u64..50), 0..4);
        (0u64..9, 0u64..1000, stays).prop_map(|(windows, within, stays)| {
            let mut repeats = Repeats {
                windows,
                within,
                ..Repeats::default()
            };
            for (windows, each) in stays {
                repeats.add_stay(windows, each * windows);
            }
            repeats
        })
    }

    fn merged(a: &Repeats, b: &Repeats) -> Repeats {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    proptest! {
        #[test]
        fn merging_is_addition_and_removing_undoes_it(a in repeats(), b in repeats(), c in repeats()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            let mut back = merged(&a, &b);
            back.remove(&b);
            prop_assert_eq!(back, a);
        }
    }

    #[test]
    fn one_window_holds_no_pair_with_another() {
        let mut repeats = Repeats {
            windows: 1,
            within: 6,
            ..Repeats::default()
        };
        repeats.add_stay(3, 90);
        assert_eq!(repeats.before, [30, 60]);
        assert_eq!(repeats.pairs(), 6.0);
    }

    /// In each window one person comes and stays for so many: then the pairs are known.
    #[test]
    fn in_a_run_of_windows_all_pairs_are_counted() {
        for stay in [1u64, 2, 5, 60] {
            let mut one = Repeats {
                windows: 1,
                ..Repeats::default()
            };
            for present in 1..=stay {
                one.add_stay(present - 1, present - 1);
            }
            let mut sum = Repeats::default();
            for windows in 1..=300u64 {
                sum.merge(&one);
                if ![1, 2, 4, 8, 64, 300].contains(&windows) {
                    continue;
                }
                // Who was there in so many of the windows: the pairs of each.
                let overlap = |come: i64| {
                    let last = (come + stay as i64 - 1).min(windows as i64 - 1);
                    let there = last - come.max(0) + 1;
                    there.max(0) * (there.max(0) - 1)
                };
                let exact: i64 = (1 - stay as i64..windows as i64).map(overlap).sum();
                // Over a span of distances the pairs are taken to be evenly many.
                let votes = (stay * windows) as f64;
                let ratio = (votes + sum.pairs()) / (votes + exact as f64);
                assert!((0.94..=1.001).contains(&ratio), "{stay} {windows}: {ratio}");
            }
        }
    }
}
