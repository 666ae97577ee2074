//! A model without a net, for tests of everything round it: the estimate follows from the crop's mean colour.

use super::{Model, ModelFacts};
use crate::record::{AgePosterior, Attribute, Crop, Estimate, Posterior};

/// Deterministic and instant.
pub struct StubModel {
    facts: ModelFacts,
}

impl Default for StubModel {
    fn default() -> Self {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        Self {
            facts: ModelFacts {
                id: "stub@000000000000".into(),
                has_age: true,
                gender: labels(&["female", "male"]),
                ethnicity: labels(&["white", "black", "asian", "indian", "other"]),
            },
        }
    }
}

impl Model for StubModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// Red is the age in years up to 100, green the gender, blue the ethnicity.
    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Estimate>> {
        Ok(crops.iter().map(estimate).collect())
    }
}

fn estimate(crop: &Crop) -> Estimate {
    let pixels = (crop.rgb.len() / 3).max(1) as f32;
    let mean = |channel| {
        crop.rgb
            .iter()
            .skip(channel)
            .step_by(3)
            .map(|&n| f32::from(n))
            .sum::<f32>()
            / pixels
            / 255.0
    };
    let age = AgePosterior {
        ages: [mean(0) * 100.0].into(),
        probabilities: vec![1.0],
    };
    let gender = Posterior(vec![mean(1), 1.0 - mean(1)]);
    let winner = ((mean(2) * 5.0) as usize).min(4);
    let ethnicity = Posterior(
        (0..5)
            .map(|n| if n == winner { 1.0 } else { 0.0 })
            .collect(),
    );
    let allows = |attribute| crop.attributes.contains(attribute);
    Estimate {
        age: allows(Attribute::Age).then_some(age),
        gender: allows(Attribute::Gender).then_some(gender),
        ethnicity: allows(Attribute::Ethnicity).then_some(ethnicity),
    }
}
