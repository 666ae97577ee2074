//! The categories that are counted: the model's labels, and bands of age.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::{
    facts::ModelFacts,
    record::{AgePosterior, Attribute, Estimate},
};

/// The names of the categories, in the order in which tallies hold them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Categories {
    age_starts: Vec<u32>,
    labels: [Vec<String>; 3],
}

impl Categories {
    /// `age_starts` holds the first age of every band and begins with 0.
    pub fn new(age_starts: &[u32], facts: &ModelFacts) -> Self {
        let age = if facts.has_age {
            band_names(age_starts)
        } else {
            Vec::new()
        };
        Self {
            age_starts: age_starts.to_vec(),
            labels: [age, facts.gender.clone(), facts.ethnicity.clone()],
        }
    }

    /// Empty where the model does not estimate the attribute.
    pub fn labels(&self, attribute: Attribute) -> &[String] {
        &self.labels[attribute as usize]
    }

    /// What an estimate says for each category.
    pub fn evidence(&self, estimate: &Estimate) -> Evidence {
        let mut evidence = Evidence::default();
        if let Some(age) = &estimate.age {
            evidence.set(Attribute::Age, &self.bands(age));
        }
        if let Some(gender) = &estimate.gender {
            evidence.set(Attribute::Gender, &gender.0);
        }
        if let Some(ethnicity) = &estimate.ethnicity {
            evidence.set(Attribute::Ethnicity, &ethnicity.0);
        }
        evidence
    }

    /// The probability of each band. An age of 17.6 years lies in the band that ends with 17.
    pub fn bands(&self, age: &AgePosterior) -> Vec<f32> {
        let mut bands = vec![0.0; self.age_starts.len()];
        for (&years, p) in age.ages.iter().zip(&age.probabilities) {
            bands[self.band(years)] += p;
        }
        bands
    }

    /// The band of an age.
    pub fn band(&self, years: f32) -> usize {
        self.age_starts
            .partition_point(|&start| start as f32 <= years)
            .saturating_sub(1)
    }
}

/// `[0, 18, 65]` -> `0-17`, `18-64`, `65+`
fn band_names(starts: &[u32]) -> Vec<String> {
    let ends = starts.iter().skip(1).map(Some).chain([None]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, next)| match next {
            Some(next) if next - 1 == *start => format!("{start}"),
            Some(next) => format!("{start}-{}", next - 1),
            None => format!("{start}+"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn categories() -> Categories {
        let facts = ModelFacts {
            id: "m".into(),
            has_age: true,
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec![],
        };
        Categories::new(&[0, 18, 65], &facts)
    }

    #[test]
    fn bands_are_named_by_their_first_and_last_age() {
        assert_eq!(
            categories().labels(Attribute::Age),
            ["0-17", "18-64", "65+"]
        );
        assert!(categories().labels(Attribute::Ethnicity).is_empty());
        assert_eq!(band_names(&[0, 1, 2]), ["0", "1", "2+"]);
    }

    #[test]
    fn an_age_falls_into_the_band_that_begins_at_or_below_it() {
        for (years, band) in [
            (0.25, 0),
            (17.9, 0),
            (18.0, 1),
            (64.0, 1),
            (65.0, 2),
            (101.0, 2),
        ] {
            let age = AgePosterior {
                ages: [years].into(),
                probabilities: vec![1.0],
            };
            assert_eq!(categories().bands(&age)[band], 1.0, "{years}");
        }
    }
}
