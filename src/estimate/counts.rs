//! How many votes fell into each cell: integers, so that adding windows in any order gives the same bits.

use std::collections::BTreeMap;

use super::Grid;

/// Votes by cell of one attribute, empty cells left out: a commutative monoid under [`CellCounts::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellCounts(BTreeMap<u32, u64>);

impl CellCounts {
    pub fn add(&mut self, cell: u32, votes: u64) {
        if votes > 0 {
            *self.0.entry(cell).or_default() += votes;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(cell, votes)| self.add(cell, votes));
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: &Self) {
        for (cell, votes) in other.iter() {
            let left = self.0.get_mut(&cell).expect("it was merged before");
            *left -= votes;
            if *left == 0 {
                self.0.remove(&cell);
            }
        }
    }

    /// Cells with votes, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(&cell, &votes)| (cell, votes))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// One number for each cell of the grid. `None` where a cell lies beyond it: the counts are of another attribute.
    pub fn dense(&self, grid: Grid) -> Option<Vec<u64>> {
        let mut counts = vec![0; grid.cells()];
        for (cell, votes) in self.iter() {
            *counts.get_mut(cell as usize)? = votes;
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
        fn merging_is_addition_and_removing_undoes_it(a in counts(), b in counts(), c in counts()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b).total(), a.total() + b.total());
            let mut back = merged(&a, &b);
            back.remove(&b);
            prop_assert_eq!(back, a);
        }
    }

    #[test]
    fn a_cell_beyond_the_grid_is_of_something_else() {
        let grid = Grid::new(2).unwrap();
        let mut counts = CellCounts::default();
        counts.add(3, 5);
        assert_eq!(counts.dense(grid).unwrap()[3], 5);
        counts.add(grid.cells() as u32, 1);
        assert_eq!(counts.dense(grid), None);
    }
}
