//! One row of a net's output -> what it says of a face. Pure.

use std::sync::Arc;

use demograph_core::record::{AgePosterior, Attribute, Estimate, Posterior};

use super::NoAnswer;
use crate::manifest::{Activation, Head, Kind};

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
    /// Of a regression: years = number * scale + offset.
    years: (f32, f32),
    /// Where its numbers begin in a row of the output.
    first: usize,
    numbers: usize,
    /// The place of each class among the groups that are counted instead, and how many groups there are.
    groups: Option<(Vec<usize>, usize)>,
}

impl Reader {
    pub(super) fn new(head: &Head) -> Self {
        Self {
            attribute: head.attribute,
            kind: head.kind,
            activation: head.activation.unwrap_or(Activation::Logits),
            temperature: head.temperature,
            ages: head.ages.clone().into(),
            years: (head.scale, head.offset),
            first: head.first.unwrap_or(0),
            numbers: head.numbers(),
            groups: head
                .chosen
                .as_ref()
                .map(|groups| (groups.places(), groups.labels.len())),
        }
    }

    pub(super) fn attribute(&self) -> Attribute {
        self.attribute
    }

    /// The head's own numbers in a row of the output.
    pub(super) fn of<'a>(&self, row: &'a [f32]) -> &'a [f32] {
        &row[self.first..self.first + self.numbers]
    }

    /// The year that a number of a regression means.
    pub(super) fn year(&self, number: f32) -> f32 {
        let (scale, offset) = self.years;
        number * scale + offset
    }

    /// Adds to the estimate what a row of the output says.
    pub(super) fn read(&self, row: &[f32], estimate: &mut Estimate) -> Result<(), NoAnswer> {
        let row = self.of(row);
        match self.attribute {
            Attribute::Age => estimate.age = Some(self.age(row)?),
            Attribute::Gender => estimate.gender = Some(self.posterior(row)?),
            Attribute::Ethnicity => estimate.ethnicity = Some(self.posterior(row)?),
        }
        Ok(())
    }

    fn posterior(&self, row: &[f32]) -> Result<Posterior, NoAnswer> {
        let classes = self.probabilities(row)?;
        Ok(Posterior(match &self.groups {
            None => classes,
            Some((places, number)) => {
                let mut groups = vec![0.0; *number];
                for (&place, p) in places.iter().zip(classes) {
                    groups[place] += p;
                }
                groups
            }
        }))
    }

    fn age(&self, row: &[f32]) -> Result<AgePosterior, NoAnswer> {
        Ok(match self.kind {
            Kind::Regression => {
                let [years] = finite([self.year(row[0])])?;
                AgePosterior {
                    ages: [years.clamp(0.0, AGE_MAX)].into(),
                    probabilities: vec![1.0],
                }
            }
            Kind::AgeDistribution | Kind::Softmax | Kind::Sigmoid => AgePosterior {
                ages: self.ages.clone(),
                probabilities: self.probabilities(row)?,
            },
        })
    }

    /// Checked before and after: a finite number can become one that is not, and the other way round.
    fn probabilities(&self, row: &[f32]) -> Result<Vec<f32>, NoAnswer> {
        let row = finite(row)?;
        let probabilities = match self.kind {
            Kind::Sigmoid => self.pair(row[0]),
            Kind::Softmax | Kind::AgeDistribution | Kind::Regression => self.classes(row),
        };
        finite(probabilities)
    }

    /// Of the first and the second label, from the one number of a sigmoid.
    fn pair(&self, number: f32) -> Vec<f32> {
        let logit = match self.activation {
            Activation::Logits => number,
            Activation::Probabilities => {
                let p = number.clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON);
                (p / (1.0 - p)).ln()
            }
        };
        softmax([0.0, logit / self.temperature].into_iter())
    }

    fn classes(&self, row: &[f32]) -> Vec<f32> {
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

/// The same numbers, if each is finite.
fn finite<T: AsRef<[f32]>>(numbers: T) -> Result<T, NoAnswer> {
    match numbers.as_ref().iter().all(|number| number.is_finite()) {
        true => Ok(numbers),
        false => Err(NoAnswer),
    }
}

fn softmax(logits: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let max = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    normalised(logits.map(|logit| (logit - max).exp()).collect())
}

/// Weights that add up to 1; not finite where all of them are 0.
fn normalised(mut weights: Vec<f32>) -> Vec<f32> {
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(activation: Activation, temperature: f32) -> Reader {
        Reader {
            attribute: Attribute::Gender,
            kind: Kind::Softmax,
            activation,
            temperature,
            ages: [].into(),
            years: (1.0, 0.0),
            first: 0,
            numbers: 2,
            groups: None,
        }
    }

    #[test]
    fn a_temperature_means_the_same_for_logits_and_probabilities() {
        let from_logits = reader(Activation::Logits, 2.0)
            .probabilities(&[1.0, 3.0])
            .unwrap();
        let plain = reader(Activation::Logits, 1.0)
            .probabilities(&[1.0, 3.0])
            .unwrap();
        let from_probabilities = reader(Activation::Probabilities, 2.0)
            .probabilities(&plain)
            .unwrap();
        for (a, b) in from_logits.iter().zip(&from_probabilities) {
            assert!(
                (a - b).abs() < 1e-6,
                "{from_logits:?} {from_probabilities:?}"
            );
        }
    }

    #[test]
    fn an_output_that_is_not_finite_is_no_answer() {
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut estimate = Estimate::default();
            let read = reader(Activation::Logits, 1.0).read(&[number, 0.0], &mut estimate);
            assert_eq!((read, estimate.gender), (Err(NoAnswer), None));
        }
        let none = reader(Activation::Probabilities, 1.0).probabilities(&[0.0, 0.0]);
        assert_eq!(none, Err(NoAnswer), "no class has any probability");
        // Finite numbers whose quotient is not.
        let row = [f32::MAX, -f32::MAX];
        let read = reader(Activation::Logits, 1e-3).read(&row, &mut Estimate::default());
        assert_eq!(read, Err(NoAnswer));
    }

    #[test]
    fn a_sigmoid_is_the_probability_of_the_second_label() {
        let sigmoid = |activation| Reader {
            kind: Kind::Sigmoid,
            numbers: 1,
            ..reader(activation, 1.0)
        };
        for (activation, number) in [
            (Activation::Logits, 3f32.ln()),
            (Activation::Probabilities, 0.75),
        ] {
            let said = sigmoid(activation).probabilities(&[number]).unwrap();
            assert!((said[0] - 0.25).abs() < 1e-6 && (said[1] - 0.75).abs() < 1e-6);
        }
        for (number, expected) in [(0.0, [1.0, 0.0]), (1.0, [0.0, 1.0])] {
            let said = sigmoid(Activation::Probabilities).probabilities(&[number]);
            for (said, expected) in said.unwrap().into_iter().zip(expected) {
                assert!((said - expected).abs() < 1e-6, "{number}");
            }
        }
    }

    #[test]
    fn a_head_reads_its_own_slice_and_an_age_its_own_scale() {
        let age = Reader {
            attribute: Attribute::Age,
            kind: Kind::Regression,
            years: (100.0, 1.0),
            first: 2,
            numbers: 1,
            ..reader(Activation::Logits, 1.0)
        };
        let mut estimate = Estimate::default();
        age.read(&[7.0, 8.0, 0.31], &mut estimate).unwrap();
        assert_eq!(estimate.age.unwrap().mean(), 32.0);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one(row in prop::collection::vec(-200.0f32..200.0, 2..102)) {
            let sum: f32 = softmax(row.into_iter().collect::<Vec<_>>().into_iter()).iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
        }
    }
}
