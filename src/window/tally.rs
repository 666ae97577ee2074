//! Counting votes: integers only, so that adding them in any order and grouping gives the same bits.

use crate::record::Attribute;

/// Probabilities in steps of 1/65535, by attribute; an empty list where the attribute was not estimated.
/// Integers, so that the sum over a track's crops does not depend on their order.
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

    /// Adds the evidence of another crop of the same track.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            add_up(sum, more, |a, b| a.saturating_add(b));
        }
    }

    /// The most likely category; the first of equals.
    fn winner(&self, attribute: Attribute) -> Option<usize> {
        let weights = &self.0[attribute as usize];
        let best = weights.iter().max()?;
        weights.iter().position(|weight| weight == best)
    }

    fn len(&self, attribute: Attribute) -> usize {
        self.0[attribute as usize].len()
    }
}

/// Votes by attribute and category: a commutative monoid under [`Tally::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally([Vec<u64>; 3]);

impl Tally {
    /// One vote for the most likely category of each attribute.
    pub fn vote(&mut self, evidence: &Evidence) {
        for attribute in Attribute::ALL {
            let Some(winner) = evidence.winner(attribute) else {
                continue;
            };
            let counts = &mut self.0[attribute as usize];
            counts.resize(counts.len().max(evidence.len(attribute)), 0);
            counts[winner] += 1;
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (counts, more) in self.0.iter_mut().zip(&other.0) {
            add_up(counts, more, |a, b| a + b);
        }
    }

    /// Empty where the attribute was never estimated.
    pub fn counts(&self, attribute: Attribute) -> &[u64] {
        &self.0[attribute as usize]
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
        prop::array::uniform3(prop::collection::vec(0u64..1000, 0..4)).prop_map(Tally)
    }

    fn merged(a: &Tally, b: &Tally) -> Tally {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    #[test]
    fn a_track_votes_with_the_sum_of_its_evidence_not_with_its_last_crop() {
        let mut track = evidence(&[0.9, 0.1]);
        track.add(&evidence(&[0.45, 0.55]));
        let mut tally = Tally::default();
        tally.vote(&track);
        assert_eq!(tally.counts(Attribute::Gender), [1, 0]);
        assert!(tally.counts(Attribute::Ethnicity).is_empty());
    }

    #[test]
    fn equal_evidence_goes_to_the_first_category() {
        let mut tally = Tally::default();
        tally.vote(&evidence(&[0.5, 0.5]));
        assert_eq!(tally.counts(Attribute::Gender), [1, 0]);
    }

    proptest! {
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
