//! The error of counting guesses: the shares of the predicted labels against those of the true ones. Pure.

use serde::Serialize;

use super::{ByLabel, Confusion};

/// Shares of a population, as labelled and as counted by a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shares {
    pub actual: ByLabel<f64>,
    pub predicted: ByLabel<f64>,
    /// Total variation distance: half the sum of the differences; the part of the people counted wrongly on balance.
    pub tvd: f64,
}

impl Shares {
    /// Of a confusion with at least one face.
    pub fn new(confusion: &Confusion) -> Self {
        let labels = &confusion.labels;
        let n: usize = confusion.counts.iter().flatten().sum();
        let actual: Vec<f64> = (0..labels.len())
            .map(|label| confusion.support(label) as f64 / n as f64)
            .collect();
        let predicted: Vec<f64> = (0..labels.len())
            .map(|label| confusion.predicted(label) as f64 / n as f64)
            .collect();
        let differences = actual.iter().zip(&predicted).map(|(a, b)| (a - b).abs());
        Self {
            tvd: differences.sum::<f64>() / 2.0,
            actual: ByLabel::new(labels, |label| actual[label]),
            predicted: ByLabel::new(labels, |label| predicted[label]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Classification, *};

    #[test]
    fn errors_that_cancel_leave_the_shares_right() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let swapped = Classification::new(&labels, &[(0, 1), (1, 0)]).unwrap();
        assert_eq!(Shares::new(&swapped.confusion).tvd, 0.0);
        let one_way = Classification::new(&labels, &[(0, 0), (0, 1), (1, 1), (1, 1)]).unwrap();
        let shares = Shares::new(&one_way.confusion);
        assert_eq!(shares.tvd, 0.25);
        assert_eq!(shares.predicted.get("b"), Some(&0.75));
    }
}
