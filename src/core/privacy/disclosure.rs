//! Small counts are hidden, so that no row speaks of a few people (primary suppression), and others with them,
//! so that the hidden ones cannot be computed from the total (secondary suppression).
//! The rules are those of statistical offices: Hundepool et al., "Statistical Disclosure Control" (2012), ch. 4.

use serde::{Deserialize, Serialize};

/// The least number of people that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// For a pane and attribute as a whole.
    pub k_total: u64,
    /// For one category.
    pub k_cell: u64,
}

/// What may be shown of the counts of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cells {
    /// Too few people: nothing but this fact.
    Suppressed,
    /// The total, and the counts of the categories; `None` is hidden.
    Shown {
        /// All votes, the hidden ones among them.
        total: u64,
        /// The votes of each category; nothing where they are hidden.
        counts: Vec<Option<u64>>,
    },
}

/// Applies both thresholds. It hides every category below `k_cell` and at most one other, so that no category or at least
/// two are hidden.
///
/// Promise: a reader who knows this function and all that it shows cannot narrow a hidden count that may be below
/// `k_cell` to fewer than `k_cell` possible values (a test enumerates it), where `k_total >= k_cell`.
pub fn suppress(counts: &[u64], thresholds: Thresholds) -> Cells {
    suppress_by(counts, counts, thresholds)
}

/// The same where one person may have several votes: the number of people of each category decides, votes are shown.
pub(super) fn suppress_by(people: &[u64], votes: &[u64], thresholds: Thresholds) -> Cells {
    if people.iter().sum::<u64>() < thresholds.k_total {
        return Cells::Suppressed;
    }
    // No people at all of the last categories.
    let mut people = people.to_vec();
    people.resize(votes.len(), 0);
    let hidden = hidden(&people, thresholds.k_cell);
    let shown = votes.iter().zip(hidden);
    Cells::Shown {
        total: votes.iter().sum(),
        counts: shown
            .map(|(&count, is_hidden)| (!is_hidden).then_some(count))
            .collect(),
    }
}

/// Which cells are hidden. The partner of the small ones is chosen by its place and never by its count: "the smallest of
/// the others" would say that it is no larger than those shown, which gives the 4 in [4, 30, 30] away.
fn hidden(counts: &[u64], k_cell: u64) -> Vec<bool> {
    let mut hidden: Vec<bool> = counts.iter().map(|&count| count < k_cell).collect();
    let small: Vec<usize> = (0..counts.len()).filter(|&cell| hidden[cell]).collect();
    let Some(&first) = small.first() else {
        return hidden;
    };
    if !hide_one_another(&small, counts, k_cell) {
        let mut others = (first + 1..counts.len()).chain((0..first).rev());
        if let Some(partner) = others.find(|&cell| !hidden[cell]) {
            hidden[partner] = true;
        }
    }
    hidden
}

/// Whether the small cells need no partner: their sum speaks of enough people, and leaves each of them as open as the
/// threshold does. Three and more do so while their sum is not near its highest; two neighbours do so because a small
/// cell with its neighbour as partner looks the same.
fn hide_one_another(small: &[usize], counts: &[u64], k_cell: u64) -> bool {
    let sum: u64 = small.iter().map(|&cell| counts[cell]).sum();
    let highest_open = (small.len() as u64 - 1).saturating_mul(k_cell - 1);
    let are_neighbours = matches!(small, [one, other] if one + 1 == *other);
    small.len() >= 2 && sum >= k_cell && (are_neighbours || sum <= highest_open)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const K: Thresholds = Thresholds {
        k_total: 10,
        k_cell: 5,
    };

    #[test]
    fn examples() {
        for (counts, expected) in [
            (vec![4, 5], None),
            (vec![5, 5], Some(vec![Some(5), Some(5)])),
            (
                vec![3, 40, 6, 20],
                Some(vec![None, None, Some(6), Some(20)]),
            ),
            (vec![20, 3, 4, 8], Some(vec![Some(20), None, None, Some(8)])),
            (vec![3, 8, 4, 20], Some(vec![None, None, None, Some(20)])),
            (vec![30, 40, 2], Some(vec![Some(30), None, None])),
            (vec![1, 1, 20, 9], Some(vec![None, None, None, Some(9)])),
            (vec![0, 0, 30], Some(vec![None, None, None])),
            (vec![12], Some(vec![Some(12)])),
            (vec![], None),
        ] {
            let total = counts.iter().sum();
            let expected = match expected {
                None => Cells::Suppressed,
                Some(counts) => Cells::Shown { total, counts },
            };
            assert_eq!(suppress(&counts, K), expected, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_shown_or_computable_is_below_the_thresholds(
            counts in prop::collection::vec(0u64..30, 1..9),
            k_total in 1u64..20,
            k_cell in 1u64..10,
        ) {
            let sum: u64 = counts.iter().sum();
            match suppress(&counts, Thresholds { k_total, k_cell }) {
                Cells::Suppressed => prop_assert!(sum < k_total),
                Cells::Shown { total, counts: shown } => {
                    prop_assert_eq!(total, sum);
                    prop_assert!(total >= k_total);
                    for (shown, count) in shown.iter().zip(&counts) {
                        prop_assert!(shown.is_none() || *shown == Some(*count));
                        prop_assert!(shown.is_none_or(|n| n >= k_cell));
                    }
                    let hidden = shown.iter().filter(|cell| cell.is_none()).count();
                    let rest = total - shown.iter().flatten().sum::<u64>();
                    let all = hidden == counts.len();
                    prop_assert!(hidden == 0 || all || (hidden >= 2 && rest >= k_cell));
                }
            }
        }
    }

    /// Calls `see` with every vector of so many counts that add up to `total`.
    fn each_vector(
        counts: &mut Vec<u64>,
        (cells, total): (usize, u64),
        see: &mut dyn FnMut(&[u64]),
    ) {
        if cells == 1 {
            counts.push(total);
            see(counts);
            counts.pop();
            return;
        }
        for first in 0..=total {
            counts.push(first);
            each_vector(counts, (cells - 1, total - first), see);
            counts.pop();
        }
    }

    /// What is shown of some counts -> for each cell, every count that it has where the same is shown.
    type Reader = BTreeMap<Vec<Option<u64>>, Vec<BTreeSet<u64>>>;

    /// All that a reader can know who knows `suppress` and has tried every vector.
    fn reader(cells: usize, total: u64, thresholds: Thresholds) -> Reader {
        let mut reader = Reader::new();
        each_vector(&mut Vec::new(), (cells, total), &mut |counts| {
            let Cells::Shown { counts: shown, .. } = suppress(counts, thresholds) else {
                panic!("{counts:?} is suppressed");
            };
            let possible = reader
                .entry(shown)
                .or_insert_with(|| vec![BTreeSet::new(); cells]);
            for (possible, &count) in possible.iter_mut().zip(counts) {
                possible.insert(count);
            }
        });
        reader
    }

    #[test]
    fn a_reader_who_knows_the_rule_cannot_narrow_a_hidden_cell_down() {
        // By number of categories: the highest total that is tried.
        let highest = [(2, 60), (3, 45), (4, 36), (5, 24), (6, 14)];
        for (k_total, k_cell) in [(10, 5), (3, 3), (6, 2), (8, 7)] {
            let thresholds = Thresholds { k_total, k_cell };
            for (cells, highest) in highest {
                for total in k_total..=highest {
                    for (shown, possible) in reader(cells, total, thresholds) {
                        let hidden = shown.iter().zip(&possible).filter(|(n, _)| n.is_none());
                        for (_, possible) in hidden {
                            let is_open = possible.len() as u64 >= k_cell;
                            let is_large = possible.iter().all(|&count| count >= k_cell);
                            assert!(is_open || is_large, "{shown:?} of {total}: {possible:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn people_decide_and_votes_are_shown() {
        let shown = |people: &[u64], votes: &[u64]| suppress_by(people, votes, K);
        // One who stayed for 900 crops is still one.
        assert_eq!(shown(&[1], &[900]), Cells::Suppressed);
        let expected = Cells::Shown {
            total: 960,
            counts: vec![None, None, Some(20)],
        };
        assert_eq!(shown(&[1, 8, 9], &[900, 40, 20]), expected);
        let expected = Cells::Shown {
            total: 60,
            counts: vec![None, None],
        };
        assert_eq!(shown(&[12], &[60, 0]), expected, "nobody of the second");
    }

    #[test]
    fn the_example_that_gave_a_four_away_leaves_all_of_zero_to_four() {
        let reader = reader(3, 64, K);
        let possible = &reader[&vec![None, None, Some(30)]];
        assert_eq!(possible[0], (0..5).collect());
        assert_eq!(possible[1], (30..35).collect());
    }
}
