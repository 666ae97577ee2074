//! How many votes fell into each cell: integers, so that adding windows in any order gives the same bits.
//!
//! A track's vote is spread evenly over the cells of its crops. Then the votes of a class fall into cells as single
//! crops do, which is what a calibration knows, however many crops a track has and however alike they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Grid;

/// One vote, in the parts that are counted: divisible by every number of crops up to 16.
const VOTE: u64 = 720_720;

/// Votes by cell of one attribute, in parts of 1/720720, empty cells left out: a commutative monoid under
/// [`CellCounts::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CellCounts(BTreeMap<u32, u64>);

impl CellCounts {
    /// One vote, spread over cells as the crops are. What does not divide goes to the first cells, a part each.
    pub fn vote(&mut self, crops: &BTreeMap<u32, u32>) {
        let all: u64 = crops.values().map(|&n| u64::from(n)).sum();
        if all == 0 {
            return;
        }
        let even = |n: u32| VOTE * u64::from(n) / all;
        let mut left = VOTE - crops.values().map(|&n| even(n)).sum::<u64>();
        for (&cell, &n) in crops {
            let extra = u64::from(left > 0);
            left -= extra;
            self.add(cell, even(n) + extra);
        }
    }

    /// Adds parts of votes.
    pub fn add(&mut self, cell: u32, parts: u64) {
        if parts > 0 {
            *self.0.entry(cell).or_default() += parts;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(cell, parts)| self.add(cell, parts));
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: &Self) {
        for (cell, parts) in other.iter() {
            let left = self.0.get_mut(&cell).expect("it was merged before");
            *left -= parts;
            if *left == 0 {
                self.0.remove(&cell);
            }
        }
    }

    /// Cells and parts of votes in them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(&cell, &parts)| (cell, parts))
    }

    /// Whole votes.
    pub fn votes(&self) -> f64 {
        self.0.values().sum::<u64>() as f64 / VOTE as f64
    }

    /// Votes in each cell of the grid. `None` where a cell lies beyond it: the counts are of another attribute.
    pub fn dense(&self, grid: Grid) -> Option<Vec<f64>> {
        let mut counts = vec![0.0; grid.cells()];
        for (cell, parts) in self.iter() {
            *counts.get_mut(cell as usize)? = parts as f64 / VOTE as f64;
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = CellCounts> {
        prop::collection::btree_map(0u32..54, 1u64..1000, 0..9).prop_map(CellCounts)
    }

    fn merged(a: &CellCounts, b: &CellCounts) -> CellCounts {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    proptest! {
        #[test]
        fn a_vote_is_one_vote_however_many_crops(crops in prop::collection::btree_map(0u32..54, 1u32..40, 1..9)) {
            let mut counts = CellCounts::default();
            counts.vote(&crops);
            prop_assert_eq!(counts.iter().map(|(_, parts)| parts).sum::<u64>(), VOTE);
            let all: u32 = crops.values().sum();
            for (cell, parts) in counts.iter() {
                let share = f64::from(crops[&cell]) / f64::from(all);
                prop_assert!((parts as f64 / VOTE as f64 - share).abs() < 2e-6);
            }
        }

        #[test]
        fn merging_is_addition_and_removing_undoes_it(a in counts(), b in counts(), c in counts()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert!((merged(&a, &b).votes() - a.votes() - b.votes()).abs() < 1e-9);
            let mut back = merged(&a, &b);
            back.remove(&b);
            prop_assert_eq!(back, a);
        }
    }

    #[test]
    fn a_cell_beyond_the_grid_is_of_something_else() {
        let grid = Grid::new(2).unwrap();
        let mut counts = CellCounts::default();
        counts.add(3, 5 * VOTE);
        assert_eq!(counts.dense(grid).unwrap()[3], 5.0);
        counts.add(grid.cells() as u32, 1);
        assert_eq!(counts.dense(grid), None);
    }
}
