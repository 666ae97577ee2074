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
        total: u64,
        counts: Vec<Option<u64>>,
    },
}

/// Applies both thresholds. Hidden cells are none, or at least two that sum to at least `k_cell`.
pub fn suppress(counts: &[u64], thresholds: Thresholds) -> Cells {
    let total: u64 = counts.iter().sum();
    if total < thresholds.k_total {
        return Cells::Suppressed;
    }
    let mut ascending: Vec<usize> = (0..counts.len()).collect();
    ascending.sort_by_key(|&cell| counts[cell]);

    let small = counts.iter().filter(|&&n| n < thresholds.k_cell).count();
    let hidden = (small..=counts.len())
        .find(|&n| is_protected(&ascending[..n], counts, thresholds.k_cell))
        .unwrap_or(counts.len());

    let mut shown: Vec<Option<u64>> = counts.iter().copied().map(Some).collect();
    for &cell in &ascending[..hidden] {
        shown[cell] = None;
    }
    Cells::Shown {
        total,
        counts: shown,
    }
}

/// Whether the total minus the shown cells says nothing of a few people.
fn is_protected(hidden: &[usize], counts: &[u64], k_cell: u64) -> bool {
    let sum: u64 = hidden.iter().map(|&cell| counts[cell]).sum();
    hidden.is_empty() || (hidden.len() >= 2 && sum >= k_cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
                Some(vec![None, Some(40), None, Some(20)]),
            ),
            (vec![1, 1, 20, 9], Some(vec![None, None, Some(20), None])),
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

        #[test]
        fn the_order_of_the_categories_decides_nothing_but_ties(mut counts in prop::collection::vec(0u64..30, 1..9)) {
            let sorted = |cells: Cells| match cells {
                Cells::Suppressed => None,
                Cells::Shown { mut counts, .. } => { counts.sort(); Some(counts) }
            };
            let before = sorted(suppress(&counts, K));
            counts.reverse();
            prop_assert_eq!(before, sorted(suppress(&counts, K)));
        }
    }
}
