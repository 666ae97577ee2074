//! Counting votes: integers only, so that adding them in any order and grouping gives the same bits.

use crate::{
    estimate::{CellCounts, Grid},
    record::Attribute,
};

/// Probabilities in steps of 1/65535, by attribute; an empty list where the attribute was not estimated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence([Vec<u32>; 3]);

impl Evidence {
    const STEPS: f32 = 65_535.0;

    pub fn set(&mut self, attribute: Attribute, probabilities: &[f32]) {
        self.0[attribute as usize] = probabilities
            .iter()
            .map(|p| (p.clamp(0.0, 1.0) * Self::STEPS).round() as u32)
            .collect();
    }

    /// Of one category; never 0, since no answer is that sure.
    pub fn probability(&self, attribute: Attribute, category: usize) -> f64 {
        let weight = self.0[attribute as usize].get(category).copied();
        f64::from(weight.unwrap_or(0)).max(0.5) / f64::from(Self::STEPS)
    }

    fn weights(&self, attribute: Attribute) -> &[u32] {
        &self.0[attribute as usize]
    }
}

/// What the crops of one track say together: sums of log probabilities, in steps of 1/1000, so that their order
/// changes no bit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackEvidence {
    crops: u32,
    logs: [Vec<i64>; 3],
}

impl TrackEvidence {
    const STEPS: f64 = 1000.0;

    pub fn add(&mut self, crop: &Evidence) {
        self.crops += 1;
        for (sum, weights) in self.logs.iter_mut().zip(&crop.0) {
            let log = |&weight: &u32| {
                // What rounded to 0 is half a step.
                let p = f64::from(weight).max(0.5) / f64::from(Evidence::STEPS);
                (p.ln() * Self::STEPS).round() as i64
            };
            let logs: Vec<i64> = weights.iter().map(log).collect();
            add_up(sum, &logs, |a, b| a + b);
        }
    }

    /// The evidence of the whole track: a logarithmic pool (Genest and Zidek 1986). Crops of one face repeat one
    /// another, so n crops with the correlation r are worth n / (1 + (n - 1) r) (Kish 1965); r in 1/1000.
    pub fn pooled(&self, correlation: [u32; 3]) -> Evidence {
        let mut pooled = Evidence::default();
        let others = f64::from(self.crops.saturating_sub(1));
        for attribute in Attribute::ALL {
            let logs = &self.logs[attribute as usize];
            let Some(&most) = logs.iter().max() else {
                continue;
            };
            let weight = 1.0 / (1.0 + others * f64::from(correlation[attribute as usize]) / 1000.0);
            let powers = logs
                .iter()
                .map(|&log| ((log - most) as f64 / Self::STEPS * weight).exp());
            let powers: Vec<f64> = powers.collect();
            let sum: f64 = powers.iter().sum();
            let posterior: Vec<f32> = powers.iter().map(|power| (power / sum) as f32).collect();
            pooled.set(attribute, &posterior);
        }
        pooled
    }
}

/// Votes by attribute: a commutative monoid under [`Tally::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    counts: [Vec<u64>; 3],
    cells: [CellCounts; 3],
}

impl Tally {
    /// One vote in each attribute: for the most likely category (the first of equals), and for the cell that the
    /// posterior falls into.
    pub fn vote(&mut self, evidence: &Evidence) {
        for attribute in Attribute::ALL {
            let weights = evidence.weights(attribute);
            let Some(best) = weights.iter().max() else {
                continue;
            };
            let counts = &mut self.counts[attribute as usize];
            counts.resize(counts.len().max(weights.len()), 0);
            let winner = weights.iter().position(|weight| weight == best);
            counts[winner.expect("the best is one of them")] += 1;
            if let Some(grid) = Grid::new(weights.len()) {
                let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
                self.cells[attribute as usize].add(grid.cell(&weights) as u32, 1);
            }
        }
    }

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
    use super::*;
    use proptest::prelude::*;

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

    const UNRELATED: [u32; 3] = [0; 3];
    const THE_SAME: [u32; 3] = [1000; 3];

    fn track(crops: &[[f32; 2]]) -> TrackEvidence {
        let mut track = TrackEvidence::default();
        crops.iter().for_each(|crop| track.add(&evidence(crop)));
        track
    }

    #[test]
    fn a_track_votes_with_all_its_evidence_not_with_its_last_crop() {
        let mut tally = Tally::default();
        tally.vote(&track(&[[0.9, 0.1], [0.45, 0.55]]).pooled(THE_SAME));
        assert_eq!(tally.counts(Attribute::Gender), [1, 0]);
        assert!(tally.counts(Attribute::Ethnicity).is_empty());
    }

    #[test]
    fn crops_that_repeat_one_another_are_worth_one_and_unrelated_ones_multiply() {
        let crops = [[0.8, 0.2]; 4];
        let weights =
            |correlation| track(&crops).pooled(correlation).0[Attribute::Gender as usize].clone();
        let near = |found: u32, p: f64| (f64::from(found) / 65_535.0 - p).abs() < 2e-3;
        assert!(near(weights(THE_SAME)[0], 0.8));
        assert!(near(weights(UNRELATED)[0], 256.0 / 257.0));
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
        let counts = tally.cells(Attribute::Gender).dense(grid).unwrap();
        let women = counts
            .iter()
            .enumerate()
            .filter(|(cell, _)| grid.predicted(*cell) == 0);
        assert_eq!(women.map(|(_, n)| n).sum::<u64>(), 2);
        assert_eq!(counts.iter().sum::<u64>(), 3);
    }

    proptest! {
        #[test]
        fn the_order_of_a_track_s_crops_changes_no_bit(mut crops in prop::collection::vec(prop::array::uniform2(0.0f32..1.0), 1..9)) {
            let forth = track(&crops);
            crops.reverse();
            prop_assert_eq!(forth.pooled([300; 3]), track(&crops).pooled([300; 3]));
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
