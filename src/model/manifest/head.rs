//! A head: one output of a net, and what its numbers mean.

use std::collections::BTreeSet;

use demograph_core::{checked::Fault, record::Attribute};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{AgeInterval, Groups};

/// One output and what it means.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub attribute: Attribute,
    pub kind: Kind,
    /// The name of the ONNX output.
    #[schemars(length(min = 1))]
    pub output: String,
    /// Whether the output is logits, or already sums to 1; not for a regression.
    pub activation: Option<Activation>,
    /// softmax: the name of each class.
    #[serde(default)]
    pub labels: Vec<String>,
    /// softmax: coarser sets of categories, for `model.ethnicity` of the config.
    #[serde(default)]
    pub groups: Vec<Groups>,
    /// Those of the groups that the config chose.
    #[serde(skip)]
    pub(crate) chosen: Option<Groups>,
    /// age_distribution: the age in years of each class.
    #[serde(default)]
    pub ages: Vec<f32>,
    /// Where this head's numbers begin in a row of the output, where the output holds more than them; the first is 0.
    pub first: Option<usize>,
    /// regression: years = number * scale + offset, such as 100 where the net says 0.31 for 31 years.
    #[serde(default = "one")]
    pub scale: f32,
    /// regression: what is added to the scaled number.
    #[serde(default)]
    pub offset: f32,
    /// Divides the logits before the softmax; fitted on validation data, 1 leaves them as they are.
    #[serde(default = "one")]
    pub temperature: f32,
    /// age_distribution: how to make intervals that hold the age as often as they say.
    pub interval: Option<AgeInterval>,
}

fn one() -> f32 {
    1.0
}

/// What kind of answer a head gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of `labels`.
    Softmax,
    /// One of two `labels`: one number, for the second.
    Sigmoid,
    /// A distribution over `ages`.
    AgeDistribution,
    /// The age in years, one number.
    Regression,
}

impl Head {
    /// How many numbers of the output are the head's, for a crop.
    pub fn numbers(&self) -> usize {
        match self.kind {
            Kind::Softmax => self.labels.len(),
            Kind::AgeDistribution => self.ages.len(),
            Kind::Regression | Kind::Sigmoid => 1,
        }
    }
}

/// What the numbers of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    Logits,
    Probabilities,
}

impl Head {
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said = Vec::new();
        let at = format!("head {}", self.attribute);
        let different: BTreeSet<&String> = self.labels.iter().collect();
        if different.len() < self.labels.len() {
            said.push(format!("{at}: a label stands twice in {:?}", self.labels));
        }
        if self.ages.windows(2).any(|pair| pair[0] >= pair[1]) {
            said.push(format!(
                "{at}: ages do not increase, so its intervals are wrong"
            ));
        }
        said
    }

    pub(super) fn contradictions(&self, field: &impl Fn(&str) -> String) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, fix: &str| faults.push(Fault::new(&field(name), "", fix));
        match self.kind {
            Kind::Softmax | Kind::Sigmoid if self.attribute == Attribute::Age => {
                fault("kind", "age is an age_distribution or a regression");
            }
            Kind::Sigmoid if self.labels.len() != 2 => {
                fault(
                    "labels",
                    "name two classes: the number is the probability of the second",
                );
            }
            Kind::Softmax if self.labels.len() < 2 => {
                fault("labels", "name each class, at least 2")
            }
            Kind::AgeDistribution | Kind::Regression if self.attribute != Attribute::Age => {
                fault("kind", "only age has years: write softmax with labels");
            }
            Kind::AgeDistribution if self.ages.len() < 2 => {
                fault("ages", "give the age in years of each class, at least 2");
            }
            Kind::Softmax | Kind::Sigmoid | Kind::AgeDistribution | Kind::Regression => {}
        }
        if self.kind != Kind::Regression && self.activation.is_none() {
            fault(
                "activation",
                "say whether the output is logits or probabilities",
            );
        }
        let is_age = self.kind == Kind::AgeDistribution;
        if !is_age && !self.ages.is_empty() {
            fault("ages", "only an age_distribution has ages: remove them");
        }
        if self.kind != Kind::Softmax && !self.groups.is_empty() {
            fault("groups", "only a softmax has groups: remove them");
        }
        if !matches!(self.kind, Kind::Softmax | Kind::Sigmoid) && !self.labels.is_empty() {
            fault(
                "labels",
                "only a softmax or a sigmoid has labels: remove them",
            );
        }
        if self.kind != Kind::Regression && (self.scale, self.offset) != (1.0, 0.0) {
            fault(
                "scale",
                "only a regression has a scale and an offset: remove them",
            );
        }
        if !(self.scale.is_finite() && self.scale != 0.0 && self.offset.is_finite()) {
            fault("scale", "scale and offset must be finite, and scale not 0");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            fault("temperature", "must be above 0; 1.0 changes nothing");
        }
        match &self.interval {
            Some(_) if !is_age => {
                fault("interval", "only an age_distribution has one: remove it");
            }
            Some(interval) => faults.extend(interval.contradictions(&self.ages, field)),
            None => {}
        }
        for (n, groups) in self.groups.iter().enumerate() {
            faults.extend(groups.contradictions(&field(&format!("groups[{n}]")), self));
        }
        faults
    }
}
