//! One row of a net's output -> what it says of a face. Pure.

use std::sync::Arc;

use anyhow::{bail, ensure};

use super::manifest::{Activation, Head, Kind};
use crate::record::{AgePosterior, Attribute, Estimate, Posterior};

/// The ages that a regression can mean.
const AGE_MAX: f32 = 120.0;

/// Reads one head's output.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    attribute: Attribute,
    kind: Kind,
    activation: Activation,
    temperature: f32,
    ages: Arc<[f32]>,
    classes: usize,
}

impl Reader {
    pub(super) fn new(head: &Head) -> Self {
        Self {
            attribute: head.attribute,
            kind: head.kind,
            activation: head.activation.unwrap_or(Activation::Logits),
            temperature: head.temperature,
            ages: head.ages.clone().into(),
            classes: head.classes(),
        }
    }

    pub(super) fn attribute(&self) -> Attribute {
        self.attribute
    }

    /// How many numbers a row holds.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// Adds to the estimate what the row says. Numbers that are none are an error: the session is broken.
    pub(super) fn read(&self, row: &[f32], estimate: &mut Estimate) -> anyhow::Result<()> {
        ensure!(
            row.len() == self.classes,
            "the output has {} numbers, not {}",
            row.len(),
            self.classes
        );
        if row.iter().any(|number| !number.is_finite()) {
            bail!("the output for {} is not finite", self.attribute);
        }
        match self.attribute {
            Attribute::Age => estimate.age = Some(self.age(row)),
            Attribute::Gender => estimate.gender = Some(Posterior(self.probabilities(row))),
            Attribute::Ethnicity => estimate.ethnicity = Some(Posterior(self.probabilities(row))),
        }
        Ok(())
    }

    fn age(&self, row: &[f32]) -> AgePosterior {
        match self.kind {
            Kind::Regression => AgePosterior {
                ages: [row[0].clamp(0.0, AGE_MAX)].into(),
                probabilities: vec![1.0],
            },
            Kind::AgeDistribution | Kind::Softmax => AgePosterior {
                ages: self.ages.clone(),
                probabilities: self.probabilities(row),
            },
        }
    }

    fn probabilities(&self, row: &[f32]) -> Vec<f32> {
        match self.activation {
            Activation::Logits => softmax(row.iter().map(|logit| logit / self.temperature)),
            // The logarithm is a logit but for a constant, which the softmax removes.
            Activation::Probabilities if self.temperature != 1.0 => softmax(
                row.iter()
                    .map(|p| p.max(f32::MIN_POSITIVE).ln() / self.temperature),
            ),
            Activation::Probabilities => normalised(row.iter().map(|p| p.max(0.0)).collect()),
        }
    }
}

fn softmax(logits: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let max = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    normalised(logits.map(|logit| (logit - max).exp()).collect())
}

fn normalised(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f32 = weights.iter().sum();
    let even = 1.0 / weights.len() as f32;
    for weight in &mut weights {
        *weight = if sum > 0.0 { *weight / sum } else { even };
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reader(activation: Activation, temperature: f32) -> Reader {
        Reader {
            attribute: Attribute::Gender,
            kind: Kind::Softmax,
            activation,
            temperature,
            ages: [].into(),
            classes: 2,
        }
    }

    #[test]
    fn a_temperature_means_the_same_for_logits_and_probabilities() {
        let from_logits = reader(Activation::Logits, 2.0).probabilities(&[1.0, 3.0]);
        let plain = reader(Activation::Logits, 1.0).probabilities(&[1.0, 3.0]);
        let from_probabilities = reader(Activation::Probabilities, 2.0).probabilities(&plain);
        for (a, b) in from_logits.iter().zip(&from_probabilities) {
            assert!(
                (a - b).abs() < 1e-6,
                "{from_logits:?} {from_probabilities:?}"
            );
        }
    }

    #[test]
    fn an_output_that_is_no_number_is_an_error() {
        let error =
            reader(Activation::Logits, 1.0).read(&[f32::NAN, 0.0], &mut Estimate::default());
        assert!(error.unwrap_err().to_string().contains("gender"));
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one(row in prop::collection::vec(-200.0f32..200.0, 2..102)) {
            let sum: f32 = softmax(row.into_iter().collect::<Vec<_>>().into_iter()).iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
        }
    }
}
