//! Counting votes: integers only, so that adding them in any order and grouping gives the same bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    estimate::{CellCounts, Crops, Grid, QUANTA, quantise},
    record::Attribute,
    winner::winner,
};

/// Probabilities in steps of 1/65535, by attribute; an empty list where the attribute was not estimated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence([Vec<u32>; 3]);

impl Evidence {
    /// Puts in the probabilities of one attribute, by category.
    pub fn set(&mut self, attribute: Attribute, probabilities: &[f32]) {
        self.0[attribute as usize] = quantise(probabilities);
    }

    fn weights(&self, attribute: Attribute) -> &[u32] {
        &self.0[attribute as usize]
    }
}

/// What the crops of one track say. Integers, so that their order changes no bit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrackEvidence {
    /// Sums of log probabilities, in steps of 1/1000.
    logs: [Vec<i64>; 3],
    /// Crops by cell, and the sums of their posteriors.
    cells: [BTreeMap<u32, Crops>; 3],
}

impl TrackEvidence {
    const LOG_STEPS: f64 = 1000.0;

    /// How many crops, where any attribute has categories.
    pub(super) fn crops(&self) -> u64 {
        let crops = self
            .cells
            .each_ref()
            .map(|cells| cells.values().map(Crops::number).sum());
        crops.into_iter().max().unwrap_or(0)
    }

    /// Takes in other crops of the same track.
    pub fn merge(&mut self, other: &Self) {
        for (logs, more) in self.logs.iter_mut().zip(&other.logs) {
            add_up(logs, more, |a, b| a + b);
        }
        for (cells, more) in self.cells.iter_mut().zip(&other.cells) {
            for (&cell, crops) in more {
                cells.entry(cell).or_default().merge(crops);
            }
        }
    }

    /// Takes in another crop of the same track.
    pub fn add(&mut self, crop: &Evidence) {
        for attribute in Attribute::ALL {
            let log = |&weight: &u32| {
                // What rounded to 0 is half a step.
                let p = f64::from(weight).max(0.5) / f64::from(QUANTA);
                (p.ln() * Self::LOG_STEPS).round() as i64
            };
            let weights = crop.weights(attribute);
            let logs: Vec<i64> = weights.iter().map(log).collect();
            add_up(&mut self.logs[attribute as usize], &logs, |a, b| a + b);
            if let Some(cell) = cell(weights) {
                let crops = self.cells[attribute as usize].entry(cell);
                crops.or_default().add(weights);
            }
        }
    }
}

/// The cell of a posterior; none of an attribute with a single category.
fn cell(weights: &[u32]) -> Option<u32> {
    let grid = Grid::new(weights.len())?;
    let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    Some(grid.cell(&weights) as u32)
}

/// Votes by attribute: a commutative monoid under [`Tally::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    counts: [Vec<u64>; 3],
    cells: [CellCounts; 3],
}

impl Tally {
    /// Votes by category and by cell, of each attribute.
    pub(crate) fn of(counts: [Vec<u64>; 3], cells: [CellCounts; 3]) -> Self {
        Self { counts, cells }
    }

    /// The vote of one face in each attribute: for its most likely category, and for the cell of its posterior.
    pub fn vote(&mut self, face: &Evidence) {
        for attribute in Attribute::ALL {
            let weights = face.weights(attribute);
            self.count(attribute, winner(weights), weights.len());
            if let Some(cell) = cell(weights) {
                let mut one = Crops::default();
                one.add(weights);
                self.cells[attribute as usize].vote(&BTreeMap::from([(cell, one)]));
            }
        }
    }

    /// A face that casts no vote: it says which attributes are estimated, and how many categories they have.
    pub fn know(&mut self, face: &Evidence) {
        for attribute in Attribute::ALL {
            self.count(attribute, None, face.weights(attribute).len());
        }
    }

    /// The one vote of a track: for the category that its crops together make most likely (their probabilities multiplied,
    /// which no damping would change), and spread over the cells of its crops.
    ///
    /// The prior counts in each factor, but the mean of n logarithms holds it once, and the winner is the same: the vote is
    /// that of one crop, with less noise. To divide by the prior n - 1 times would be right for crops that are independent,
    /// and a track's are not: the vote would depend on how long somebody stays, and shares would leave the calibration, which
    /// knows single crops. ADR 15 has the measured table.
    pub fn vote_track(&mut self, track: &TrackEvidence) {
        for attribute in Attribute::ALL {
            let logs = &track.logs[attribute as usize];
            self.count(attribute, winner(logs), logs.len());
            self.cells[attribute as usize].vote(&track.cells[attribute as usize]);
        }
    }

    /// Says whose crops the votes are, where each crop has voted.
    pub fn vote_each<'a>(&mut self, tracks: impl Iterator<Item = &'a TrackEvidence> + Clone) {
        for attribute in Attribute::ALL {
            let crops = tracks.clone().map(|track| &track.cells[attribute as usize]);
            self.cells[attribute as usize].vote_each(crops);
        }
    }

    /// See [`CellCounts::repeat_alike`].
    pub(super) fn repeat_alike(&mut self, attribute: Attribute, design_effect: u64) {
        self.cells[attribute as usize].repeat_alike(design_effect);
    }

    /// See [`CellCounts::repeat_before`].
    pub(super) fn repeat_before(&mut self, attribute: Attribute, before: &[u64]) {
        self.cells[attribute as usize].repeat_before(before);
    }

    fn count(&mut self, attribute: Attribute, winner: Option<usize>, categories: usize) {
        let counts = &mut self.counts[attribute as usize];
        counts.resize(counts.len().max(categories), 0);
        if let Some(winner) = winner {
            counts[winner] += 1;
        }
    }

    /// Adds the votes of another tally. Neither order nor grouping changes the sum.
    pub fn merge(&mut self, other: &Self) {
        for (counts, more) in self.counts.iter_mut().zip(&other.counts) {
            add_up(counts, more, |a, b| a + b);
        }
        for (cells, more) in self.cells.iter_mut().zip(&other.cells) {
            cells.merge(more);
        }
    }

    /// Votes by category; empty where the attribute was never estimated.
    pub fn counts(&self, attribute: Attribute) -> &[u64] {
        &self.counts[attribute as usize]
    }

    /// Votes by cell of the posterior; empty for an attribute with a single category.
    pub fn cells(&self, attribute: Attribute) -> &CellCounts {
        &self.cells[attribute as usize]
    }
}

fn add_up<T: Copy + Default>(sum: &mut Vec<T>, more: &[T], add: impl Fn(T, T) -> T) {
    sum.resize(sum.len().max(more.len()), T::default());
    for (cell, &n) in sum.iter_mut().zip(more) {
        *cell = add(*cell, n);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(gender: &[f32]) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.set(Attribute::Gender, gender);
        evidence
    }

    fn tally() -> impl Strategy<Value = Tally> {
        prop::collection::vec(0.0f32..1.0, 0..9).prop_map(|women| {
            let mut tally = Tally::default();
            for p in women {
                tally.vote(&evidence(&[p, 1.0 - p]));
            }
            tally
        })
    }

    fn merged(a: &Tally, b: &Tally) -> Tally {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    fn track(crops: &[[f32; 2]]) -> TrackEvidence {
        let mut track = TrackEvidence::default();
        crops.iter().for_each(|crop| track.add(&evidence(crop)));
        track
    }

    #[test]
    fn a_track_votes_with_all_its_evidence_not_with_its_last_crop() {
        let mut tally = Tally::default();
        tally.vote_track(&track(&[[0.9, 0.1], [0.45, 0.55]]));
        assert_eq!(tally.counts(Attribute::Gender), [1, 0]);
        assert!(tally.counts(Attribute::Ethnicity).is_empty());
    }

    #[test]
    fn a_track_has_one_vote_spread_over_the_cells_of_its_crops() {
        let mut tally = Tally::default();
        tally.vote_track(&track(&[[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]));
        let grid = Grid::new(2).unwrap();
        let cells = tally.cells(Attribute::Gender).dense(grid).unwrap();
        assert_eq!(cells.counts[grid.cell(&[0.9, 0.1])], 0.75);
        assert_eq!(cells.counts[grid.cell(&[0.2, 0.8])], 0.25);
        let women = 0.75 * 0.9 + 0.25 * 0.2;
        let sums = tally.cells(Attribute::Gender).iter();
        let said: u64 = sums.map(|(_, cell)| cell.sums[0]).sum();
        assert!((said as f64 / 720_720.0 - women).abs() < 1e-5, "{said}");
    }

    #[test]
    fn equal_evidence_goes_to_the_first_category() {
        let mut tally = Tally::default();
        tally.vote(&evidence(&[0.5, 0.5]));
        assert_eq!(tally.counts(Attribute::Gender), [1, 0]);
    }

    #[test]
    fn every_vote_has_a_cell_of_the_winner() {
        let mut tally = Tally::default();
        for women in [0.9, 0.6, 0.2] {
            tally.vote(&evidence(&[women, 1.0 - women]));
        }
        let grid = Grid::new(2).unwrap();
        let counts = tally.cells(Attribute::Gender).dense(grid).unwrap().counts;
        let women = counts
            .iter()
            .enumerate()
            .filter(|(cell, _)| grid.predicted(*cell) == 0);
        assert_eq!(women.map(|(_, n)| n).sum::<f64>(), 2.0);
        assert_eq!(counts.iter().sum::<f64>(), 3.0);
    }

    proptest! {
        #[test]
        fn the_order_of_a_track_s_crops_changes_no_bit(mut crops in prop::collection::vec(prop::array::uniform2(0.0f32..1.0), 1..9)) {
            let forth = track(&crops);
            crops.reverse();
            prop_assert_eq!(forth, track(&crops));
        }

        #[test]
        fn parts_of_a_track_merge_to_the_track(crops in prop::collection::vec(prop::array::uniform2(0.0f32..1.0), 0..9), at in 0usize..9) {
            let (some, others) = crops.split_at(at.min(crops.len()));
            let mut merged = track(some);
            merged.merge(&track(others));
            prop_assert_eq!(merged, track(&crops));
        }

        #[test]
        fn merge_is_commutative(a in tally(), b in tally()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }

        #[test]
        fn merge_is_associative_and_the_empty_tally_changes_nothing(a in tally(), b in tally(), c in tally()) {
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &Tally::default()), a);
        }
    }
}
