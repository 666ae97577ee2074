//! How many votes fell into each cell, and the sums of their posteriors: integers, so that adding windows in any order
//! gives the same bits.
//!
//! A track's vote is spread evenly over the cells of its crops. Then the votes of a class fall into cells as single
//! crops do, which is what a calibration knows, however many crops a track has and however alike they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CellVotes, Grid, repeats::Repeats};

/// One vote, in the parts that are counted: divisible by every number of crops up to 16.
pub(crate) const VOTE: u64 = 720_720;

/// Posteriors are summed in these steps before they are votes, so that the order of the faces changes no bit.
pub const QUANTA: f32 = 65_535.0;

/// A posterior in [`QUANTA`].
pub fn quantise(posterior: &[f32]) -> Vec<u32> {
    let step = |p: &f32| (p.clamp(0.0, 1.0) * QUANTA).round() as u32;
    posterior.iter().map(step).collect()
}

/// The crops of one track in one cell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Crops {
    number: u32,
    /// The sum of their posteriors, in [`QUANTA`].
    posterior: Vec<u64>,
}

impl Crops {
    /// One more, its posterior in [`QUANTA`].
    pub fn add(&mut self, posterior: &[u32]) {
        self.number += 1;
        self.posterior
            .resize(self.posterior.len().max(posterior.len()), 0);
        let sums = self.posterior.iter_mut().zip(posterior);
        sums.for_each(|(sum, &p)| *sum += u64::from(p));
    }

    /// How many.
    pub fn number(&self) -> u64 {
        self.number.into()
    }

    /// More crops of the same track in the same cell.
    pub fn merge(&mut self, other: &Self) {
        self.number += other.number;
        let length = self.posterior.len().max(other.posterior.len());
        self.posterior.resize(length, 0);
        let sums = self.posterior.iter_mut().zip(&other.posterior);
        sums.for_each(|(sum, &more)| *sum += more);
    }
}

/// The votes in one cell. Both numbers are in parts of 1/720720 of a vote, and so good for 25 million million votes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// Votes.
    pub parts: u64,
    /// The sum of the posteriors by class: what each vote says, times its parts. Together about `parts`.
    pub sums: Vec<u64>,
}

/// Votes by cell of one attribute, empty cells left out, and how they depend on one another: a commutative monoid under
/// [`CellCounts::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CellCounts {
    cells: BTreeMap<u32, Cell>,
    /// Each person's posteriors are added up over the votes in a window: the sum of the squared lengths of these
    /// vectors, in parts. It says how alike the crops of one person are.
    squares: u64,
    repeats: Repeats,
}

impl CellCounts {
    /// One vote, spread over cells as the crops are. What does not divide goes to the first cells, a part each; sums
    /// are rounded to the nearest part, once a vote and cell, so that merging has nothing to round.
    pub fn vote(&mut self, crops: &BTreeMap<u32, Crops>) {
        let all: u64 = crops.values().map(|crops| u64::from(crops.number)).sum();
        if all == 0 {
            return;
        }
        let even = |crops: &Crops| VOTE * u64::from(crops.number) / all;
        let mut left = VOTE - crops.values().map(even).sum::<u64>();
        let whole = all * QUANTA as u64;
        for (&cell, crops) in crops {
            let extra = u64::from(left > 0);
            left -= extra;
            // A sum is at most the crops' number in steps, of which 2^32 times a vote are less than u128 holds.
            let part = |&sum: &u64| {
                let rounded = u128::from(VOTE) * u128::from(sum) + u128::from(whole / 2);
                (rounded / u128::from(whole)) as u64
            };
            let sums: Vec<u64> = crops.posterior.iter().map(part).collect();
            self.add_parts(cell, even(crops) + extra, &sums);
        }
        let square = square(crops) * u128::from(VOTE);
        self.add_squares(square / (u128::from(whole) * u128::from(whole)));
    }

    /// Says whose crops the votes are, where each crop has voted.
    pub fn vote_each<'a>(&mut self, people: impl Iterator<Item = &'a BTreeMap<u32, Crops>>) {
        self.squares = 0;
        for crops in people {
            let votes: u64 = crops.values().map(|crops| u64::from(crops.number)).sum();
            let pairs = votes * votes.saturating_sub(1);
            self.repeats.within = self.repeats.within.saturating_add(pairs);
            let one = u128::from(QUANTA as u64);
            self.add_squares(square(crops) * u128::from(VOTE) / (one * one));
        }
    }

    /// Says that the votes count only for so many independent ones, and that the crops of one person are all alike:
    /// `design_effect` in hundredths.
    pub fn repeat_alike(&mut self, design_effect: u64) {
        let beyond = |n: u128| n * u128::from(design_effect.saturating_sub(100)) / 100;
        let pairs = beyond(u128::from(self.parts())) / u128::from(VOTE);
        let pairs = u64::try_from(pairs).unwrap_or(u64::MAX);
        self.repeats.within = self.repeats.within.saturating_add(pairs);
        self.add_squares(beyond(u128::from(self.squares)));
    }

    /// The votes are those of one window, and these are its pairs with the windows before (see [`Repeats::before`]).
    pub fn repeat_before(&mut self, before: &[u64]) {
        self.repeats.windows = 1;
        self.repeats.before = before.to_vec();
    }

    /// What is known of people who voted more than once.
    pub fn repeats(&self) -> &Repeats {
        &self.repeats
    }

    /// The sum of the squared lengths of each person's posteriors, added up over the votes in a window, in parts.
    pub fn squares(&self) -> u64 {
        self.squares
    }

    /// Votes as a table holds them: the cells are added with [`CellCounts::add_parts`].
    pub fn repeat(&mut self, repeats: &Repeats, squares: u64) {
        self.repeats.merge(repeats);
        self.add_squares(u128::from(squares));
    }

    fn add_squares(&mut self, more: u128) {
        let sum = u128::from(self.squares) + more;
        self.squares = u64::try_from(sum).unwrap_or(u64::MAX);
    }

    fn parts(&self) -> u64 {
        self.cells.values().map(|cell| cell.parts).sum()
    }

    /// Adds parts of votes of different people, and the sums of their posteriors, which are alike.
    pub fn add(&mut self, cell: u32, parts: u64, sums: &[u64]) {
        self.add_parts(cell, parts, sums);
        let squares = sums.iter().map(|&sum| u128::from(sum) * u128::from(sum));
        self.add_squares(squares.sum::<u128>() / u128::from(parts.max(1)));
    }

    /// Adds parts of votes, and the sums of their posteriors, and says nothing of how they depend on one another.
    pub fn add_parts(&mut self, cell: u32, parts: u64, sums: &[u64]) {
        if parts == 0 {
            return;
        }
        let votes = self.cells.entry(cell).or_default();
        votes.parts += parts;
        votes.sums.resize(votes.sums.len().max(sums.len()), 0);
        let all = votes.sums.iter_mut().zip(sums);
        all.for_each(|(sum, more)| *sum += more);
    }

    /// Adds the votes of another window.
    pub fn merge(&mut self, other: &Self) {
        for (cell, more) in other.iter() {
            self.add_parts(cell, more.parts, &more.sums);
        }
        self.repeat(&other.repeats, other.squares);
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: &Self) {
        for (cell, less) in other.iter() {
            let votes = self.cells.get_mut(&cell).expect("it was merged before");
            votes.parts -= less.parts;
            let all = votes.sums.iter_mut().zip(&less.sums);
            all.for_each(|(sum, less)| *sum -= less);
            if votes.parts == 0 {
                self.cells.remove(&cell);
            }
        }
        self.squares -= other.squares;
        self.repeats.remove(&other.repeats);
    }

    /// Cells and the votes in them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Cell)> + '_ {
        self.cells.iter().map(|(&cell, votes)| (cell, votes))
    }

    /// Whole votes.
    pub fn votes(&self) -> f64 {
        self.parts() as f64 / VOTE as f64
    }

    /// So many votes count as an independent one.
    pub fn design_effect(&self) -> f64 {
        let votes = self.votes();
        1.0 + if votes > 0.0 {
            self.repeats.pairs() / votes
        } else {
            0.0
        }
    }

    /// The votes in each cell of the grid. `None` where a cell lies beyond it or has another number of classes: the
    /// counts are of another attribute.
    pub fn dense(&self, grid: Grid) -> Option<CellVotes> {
        CellVotes::of(self, grid)
    }
}

/// The squared length of the sum of a person's posteriors.
fn square(crops: &BTreeMap<u32, Crops>) -> u128 {
    let classes = crops.values().map(|crops| crops.posterior.len()).max();
    let sum_of = |class: usize| {
        let sums = crops
            .values()
            .filter_map(|crops| crops.posterior.get(class));
        sums.map(|&sum| u128::from(sum)).sum::<u128>()
    };
    (0..classes.unwrap_or(0))
        .map(|class| sum_of(class).pow(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts() -> impl Strategy<Value = CellCounts> {
        let cell = (1u64..1000, prop::collection::vec(0u64..1000, 2));
        let cell = cell.prop_map(|(parts, sums)| Cell { parts, sums });
        let cells = prop::collection::btree_map(0u32..54, cell, 0..9);
        (
            cells,
            0u64..9,
            0u64..99,
            prop::collection::vec(1u64..99, 0..3),
        )
            .prop_map(|(cells, windows, within, before)| {
                let mut counts = CellCounts::default();
                for (cell, votes) in cells {
                    counts.add(cell, votes.parts, &votes.sums);
                }
                counts.repeat(
                    &Repeats {
                        windows,
                        within,
                        before,
                    },
                    within,
                );
                counts
            })
    }

    fn merged(a: &CellCounts, b: &CellCounts) -> CellCounts {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    /// Crops by cell, the first class of each in steps.
    fn crops(track: &[(u32, u32)]) -> BTreeMap<u32, Crops> {
        let mut crops: BTreeMap<u32, Crops> = BTreeMap::new();
        for &(cell, first) in track {
            let posterior = [first, QUANTA as u32 - first];
            crops.entry(cell).or_default().add(&posterior);
        }
        crops
    }

    proptest! {
        #[test]
        fn a_vote_is_one_vote_however_many_crops(track in prop::collection::vec((0u32..20, 0u32..=65_535), 1..300)) {
            let crops = crops(&track);
            let mut counts = CellCounts::default();
            counts.vote(&crops);
            prop_assert_eq!(counts.iter().map(|(_, cell)| cell.parts).sum::<u64>(), VOTE);
            let all = track.len() as f64;
            for (cell, votes) in counts.iter() {
                let here = || track.iter().filter(|crop| crop.0 == cell);
                let share = here().count() as f64 / all;
                prop_assert!((votes.parts as f64 / VOTE as f64 - share).abs() < 2e-6);
                let first = here().map(|crop| f64::from(crop.1) / f64::from(QUANTA)).sum::<f64>() / all;
                prop_assert!((votes.sums[0] as f64 / VOTE as f64 - first).abs() < 1e-6);
                prop_assert!(votes.sums.iter().sum::<u64>().abs_diff(votes.parts) <= 2);
            }
        }

        #[test]
        fn the_order_of_crops_and_of_votes_changes_no_bit(mut tracks in prop::collection::vec(
            prop::collection::vec((0u32..20, 0u32..=65_535), 1..30), 1..9
        )) {
            let counted = |tracks: &[Vec<(u32, u32)>]| {
                let mut counts = CellCounts::default();
                tracks.iter().for_each(|track| counts.vote(&crops(track)));
                counts
            };
            let forth = counted(&tracks);
            tracks.reverse();
            tracks.iter_mut().for_each(|track| track.reverse());
            prop_assert_eq!(forth, counted(&tracks));
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
    fn sums_hold_as_many_votes_as_parts_do_and_the_longest_track() {
        let longest = Crops {
            number: u32::MAX,
            posterior: vec![u64::from(u32::MAX) * QUANTA as u64, 0],
        };
        let mut counts = CellCounts::default();
        counts.vote(&BTreeMap::from([(3, longest)]));
        assert_eq!(counts.iter().next().unwrap().1.sums, [VOTE, 0]);
        // A table holds them as signed numbers: ten million million votes.
        let many = 10_000_000_000_000;
        assert!(i64::try_from(VOTE * many).is_ok());
    }

    #[test]
    fn a_cell_beyond_the_grid_or_of_other_classes_is_of_something_else() {
        let grid = Grid::new(2).unwrap();
        let mut counts = CellCounts::default();
        counts.add(3, 5 * VOTE, &[4 * VOTE, VOTE]);
        let votes = counts.dense(grid).unwrap();
        assert_eq!(votes.counts[3], 5.0);
        assert_eq!(votes.mean_in(3), Some(vec![0.8, 0.2]));
        assert_eq!(
            (votes.mean_in(4), votes.mean_posterior()),
            (None, Some(vec![0.8, 0.2]))
        );
        let mut beyond = counts.clone();
        beyond.add(grid.cells() as u32, 1, &[1, 0]);
        assert_eq!(beyond.dense(grid), None);
        counts.add(4, 1, &[1, 0, 0]);
        assert_eq!(counts.dense(grid), None);
    }
}
