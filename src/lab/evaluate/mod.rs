//! What a model's answers are worth against labels: accuracy, confusion, age errors, calibration, intervals, shares.
//! Pure statistics; reading and running are done in `dataset` and `measure`, drawing in `report`.
//!
//! Promises: a figure is `null`, never a guess, where no face bears on it; every face counts in each figure for which
//! it has a label; the order of the faces changes no figure (but for faces of equal confidence at a bin's edge).

mod age;
mod answer;
mod calibration;
mod classification;
mod report;
mod shares;

pub use age::{AgeError, AgeFigures, Distribution};
pub use answer::{AgeAnswer, Answer, Reading, Scores};
pub use calibration::{Bin, Reliability};
pub use classification::{Classification, Confusion};
pub use demograph_core::estimate::Rate;
pub use report::{Calibration, Cell, Figures, Head, Names};
pub use shares::Shares;

use serde::{Serialize, Serializer};

/// One face: what its labels say and what the model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    pub truth: Truth,
    pub answer: Answer,
}

/// The labels of a face, as places in the model's lists; `None` where a label is not given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// In years.
    pub age: Option<f32>,
    /// The band, given itself or following from the age.
    pub age_band: Option<usize>,
    pub gender: Option<usize>,
    pub ethnicity: Option<usize>,
    /// Copies of this picture carry other labels.
    pub label_conflict: bool,
}

/// A value for each label, in the order of the labels; a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct ByLabel<T>(pub Vec<(String, T)>);

impl<T> ByLabel<T> {
    fn new(labels: &[String], value: impl FnMut(usize) -> T) -> Self {
        Self(
            labels
                .iter()
                .cloned()
                .zip((0..labels.len()).map(value))
                .collect(),
        )
    }

    pub fn get(&self, label: &str) -> Option<&T> {
        let found = self.0.iter().find(|(name, _)| name == label);
        found.map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for ByLabel<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, value)| (label, value)))
    }
}

/// The most likely class of a head; the first of equals, as in the tally of a window.
pub fn winner(probabilities: &[f32]) -> usize {
    demograph_core::winner::winner(probabilities).unwrap_or(0)
}

/// The mean; `None` of nothing.
fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = numbers.len();
    (n > 0).then(|| numbers.sum::<f64>() / n as f64)
}
