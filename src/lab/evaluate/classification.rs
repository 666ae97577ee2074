//! The classification report of one head: confusion, precision, recall, F1, averages. Pure.
//!
//! Conventions, as in scikit-learn: precision and F1 are 0 for a label that was never predicted; averages go over the
//! labels that occur in truth or prediction; balanced accuracy is the mean recall of the labels that occur in truth.

use std::fmt::Write;

use serde::Serialize;

use super::{ByLabel, Rate};

/// Everything that follows from the pairs of true and predicted label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    pub n: usize,
    pub accuracy: f64,
    /// Wilson's 95 % interval.
    pub accuracy_interval: [f64; 2],
    pub balanced_accuracy: f64,
    /// `None` where no face has the label.
    pub recall: ByLabel<Option<f64>>,
    /// Wilson's 95 % interval of each recall.
    pub recall_interval: ByLabel<Option<[f64; 2]>>,
    pub precision: ByLabel<f64>,
    pub f1: ByLabel<f64>,
    pub support: ByLabel<usize>,
    pub macro_average: Average,
    pub weighted_average: Average,
    pub confusion: Confusion,
}

/// Means over labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Average {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// How often each label was taken for which.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    pub labels: Vec<String>,
    /// A row a true label, a column a predicted one.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    fn new(labels: &[String], pairs: &[(usize, usize)]) -> Self {
        let mut counts = vec![vec![0; labels.len()]; labels.len()];
        for &(truth, predicted) in pairs {
            counts[truth][predicted] += 1;
        }
        Self {
            labels: labels.to_vec(),
            counts,
        }
    }

    fn hits(&self, label: usize) -> usize {
        self.counts[label][label]
    }

    /// Faces that have the label.
    pub fn support(&self, label: usize) -> usize {
        self.counts[label].iter().sum()
    }

    /// Faces that were given the label.
    pub fn predicted(&self, label: usize) -> usize {
        self.counts.iter().map(|row| row[label]).sum()
    }

    fn precision(&self, label: usize) -> f64 {
        ratio(self.hits(label), self.predicted(label))
    }

    fn recall(&self, label: usize) -> f64 {
        ratio(self.hits(label), self.support(label))
    }

    /// The harmonic mean of precision and recall, which is 2 hits / (true + predicted).
    fn f1(&self, label: usize) -> f64 {
        ratio(
            2 * self.hits(label),
            self.support(label) + self.predicted(label),
        )
    }

    fn average(&self, weight: impl Fn(usize) -> f64) -> Average {
        let labels = 0..self.labels.len();
        let total: f64 = labels.clone().map(&weight).sum();
        let over = |figure: &dyn Fn(usize) -> f64| {
            let sum: f64 = labels.clone().map(|l| weight(l) * figure(l)).sum();
            sum / total
        };
        Average {
            precision: over(&|label| self.precision(label)),
            recall: over(&|label| self.recall(label)),
            f1: over(&|label| self.f1(label)),
        }
    }
}

/// 0 of nothing.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Classification {
    /// Of pairs of true and predicted label; `None` of no pair.
    pub fn new(labels: &[String], pairs: &[(usize, usize)]) -> Option<Self> {
        let confusion = Confusion::new(labels, pairs);
        let hits = (0..labels.len()).map(|label| confusion.hits(label)).sum();
        let accuracy = Rate::of(hits, pairs.len())?;
        let occurs = |label| confusion.support(label) + confusion.predicted(label) > 0;
        let has_support = |label| f64::from(u8::from(confusion.support(label) > 0));
        Some(Self {
            n: pairs.len(),
            accuracy: accuracy.share,
            accuracy_interval: [accuracy.low, accuracy.high],
            balanced_accuracy: confusion.average(has_support).recall,
            recall: ByLabel::new(labels, |label| {
                (confusion.support(label) > 0).then(|| confusion.recall(label))
            }),
            recall_interval: ByLabel::new(labels, |label| {
                let rate = Rate::of(confusion.hits(label), confusion.support(label))?;
                Some([rate.low, rate.high])
            }),
            precision: ByLabel::new(labels, |label| confusion.precision(label)),
            f1: ByLabel::new(labels, |label| confusion.f1(label)),
            support: ByLabel::new(labels, |label| confusion.support(label)),
            macro_average: confusion.average(|label| f64::from(u8::from(occurs(label)))),
            weighted_average: confusion.average(|label| confusion.support(label) as f64),
            confusion,
        })
    }

    /// The report as text, in the layout that scikit-learn made familiar.
    pub fn text(&self) -> String {
        let labels = &self.confusion.labels;
        let width = labels.iter().map(String::len).max().unwrap_or(0).max(12);
        let mut text = format!(
            "{:>width$}  precision    recall  f1-score   support\n\n",
            ""
        );
        for (place, label) in labels.iter().enumerate() {
            let recall = match self.recall.0[place].1 {
                Some(recall) => format!("{recall:.2}"),
                None => "-".into(),
            };
            let _infallible = writeln!(
                text,
                "{label:>width$}  {:>9.2} {recall:>9} {:>9.2} {:>9}",
                self.precision.0[place].1, self.f1.0[place].1, self.support.0[place].1,
            );
        }
        let _infallible = writeln!(
            text,
            "\n{:>width$}  {:>9} {:>9} {:>9.2} {:>9}",
            "accuracy", "", "", self.accuracy, self.n
        );
        for (name, average) in [
            ("macro avg", self.macro_average),
            ("weighted avg", self.weighted_average),
        ] {
            let _infallible = writeln!(
                text,
                "{name:>width$}  {:>9.2} {:>9.2} {:>9.2} {:>9}",
                average.precision, average.recall, average.f1, self.n
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Three cats (one taken for a dog), two dogs (one taken for a cat), no fox.
    fn animals() -> Classification {
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0)];
        Classification::new(&labels(&["cat", "dog", "fox"]), &pairs).unwrap()
    }

    #[test]
    fn figures_follow_from_the_confusion() {
        let report = animals();
        assert_eq!(
            report.confusion.counts,
            [[2, 1, 0], [1, 1, 0], [0, 0, 0]].map(Vec::from)
        );
        assert_eq!(report.accuracy, 0.6);
        assert_eq!(report.recall.get("cat"), Some(&Some(2.0 / 3.0)));
        assert_eq!(report.precision.get("dog"), Some(&0.5));
        assert_eq!(report.f1.get("dog"), Some(&0.5));
        assert_eq!(report.recall.get("fox"), Some(&None));
        let wilson = Rate::of(2, 3).unwrap();
        assert_eq!(
            report.recall_interval.get("cat"),
            Some(&Some([wilson.low, wilson.high]))
        );
        assert_eq!(report.recall_interval.get("fox"), Some(&None));
        assert_eq!(report.support.get("fox"), Some(&0));
    }

    #[test]
    fn averages_are_those_of_scikit_learn() {
        // scikit-learn 1.9: classification_report([0,0,0,1,1], [0,0,1,1,0], output_dict=True),
        // balanced_accuracy_score of the same. A label that occurs nowhere takes no part.
        let report = animals();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        close(report.macro_average.precision, 0.583_333_333_3);
        close(report.macro_average.f1, 0.583_333_333_3);
        close(report.weighted_average.recall, 0.6);
        close(report.weighted_average.f1, 0.6);
        close(report.balanced_accuracy, 0.583_333_333_3);
    }

    #[test]
    fn a_label_that_is_predicted_but_never_true_lowers_macro_averages_only() {
        let report =
            Classification::new(&labels(&["a", "b"]), &[(0, 0), (0, 0), (0, 0), (0, 1)]).unwrap();
        assert_eq!(report.balanced_accuracy, 0.75);
        assert_eq!(report.macro_average.recall, 0.375);
    }

    #[test]
    fn the_text_has_a_row_a_label_and_the_averages() {
        let text = animals().text();
        let cat = text.lines().find(|line| line.contains("cat")).unwrap();
        let numbers: Vec<_> = cat.split_whitespace().collect();
        assert_eq!(numbers, ["cat", "0.67", "0.67", "0.67", "3"]);
        assert!(text.contains("weighted avg") && text.contains("accuracy"));
    }

    #[test]
    fn nothing_has_no_report() {
        assert_eq!(Classification::new(&labels(&["a", "b"]), &[]), None);
    }
}
