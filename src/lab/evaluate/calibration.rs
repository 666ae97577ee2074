//! Whether a probability means what it says: reliability in bins of equal mass, and the expected calibration error
//! (Naeini et al. 2015, with equal-mass bins as Nguyen and O'Connor 2015). Pure.

use serde::Serialize;

/// Bins of a reliability diagram.
const BINS: usize = 15;

/// Confidence against accuracy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Mean distance of accuracy from confidence, by faces.
    pub ece: f64,
    pub bins: Vec<Bin>,
}

/// Faces of similar confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    pub n: usize,
    /// The mean probability of the predicted label.
    pub confidence: f64,
    /// How often it was right.
    pub accuracy: f64,
}

impl Reliability {
    /// Of the winner's probability and whether it was right; `None` of nothing.
    pub fn new(mut answers: Vec<(f32, bool)>) -> Option<Self> {
        if answers.is_empty() {
            return None;
        }
        let n = answers.len();
        answers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut bins = Vec::with_capacity(BINS);
        let mut rest = answers.as_slice();
        for bin in 0..BINS {
            // The first bins take one more where the faces do not divide evenly.
            let (now, later) = rest.split_at(n / BINS + usize::from(bin < n % BINS));
            rest = later;
            if !now.is_empty() {
                bins.push(Bin::new(now));
            }
        }
        let gaps = bins
            .iter()
            .map(|bin| bin.n as f64 * (bin.accuracy - bin.confidence).abs());
        Some(Self {
            ece: gaps.sum::<f64>() / n as f64,
            bins,
        })
    }
}

impl Bin {
    fn new(answers: &[(f32, bool)]) -> Self {
        let n = answers.len();
        let hits = answers.iter().filter(|(_, is_right)| *is_right).count();
        Self {
            n,
            confidence: answers.iter().map(|(p, _)| f64::from(*p)).sum::<f64>() / n as f64,
            accuracy: hits as f64 / n as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_error_is_the_mean_gap_of_bins_of_equal_mass() {
        // 30 faces in 15 bins of two. 20 at 0.5 of which every second is right: no gap. 10 at 0.75, all right: 0.25.
        let unsure = (0..20).map(|n| (0.5, n % 2 == 0));
        let sure = (0..10).map(|_| (0.75, true));
        let reliability = Reliability::new(unsure.chain(sure).collect()).unwrap();
        assert_eq!(reliability.bins.len(), 15);
        assert!((reliability.ece - 0.25 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_error_is_numpy_s() {
        // numpy 2.4: c = 0.5 + (arange(100) * 37 % 100) / 200, hit = arange(100) % 3 > 0, bins =
        // array_split(argsort(c, kind="stable"), 15), sum(len * abs(c.mean() - hit.mean())) / 100
        let answers = (0..100u16).map(|n| (0.5 + f32::from(n * 37 % 100) / 200.0, n % 3 > 0));
        let ece = Reliability::new(answers.collect()).unwrap().ece;
        assert!((ece - 0.218_800_001).abs() < 1e-6, "{ece}");
    }

    #[test]
    fn fewer_faces_than_bins_give_fewer_bins() {
        let reliability = Reliability::new(vec![(0.9, true), (0.6, false)]).unwrap();
        assert_eq!(reliability.bins.len(), 2);
        assert_eq!(Reliability::new(vec![]), None);
    }

    proptest! {
        #[test]
        fn every_face_is_in_one_bin_and_bins_differ_by_one_face_at_most(
            answers in prop::collection::vec((0.0f32..=1.0, any::<bool>()), 1..200)
        ) {
            let n = answers.len();
            let reliability = Reliability::new(answers).unwrap();
            let sizes: Vec<_> = reliability.bins.iter().map(|bin| bin.n).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), n);
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            prop_assert!((0.0..=1.0).contains(&reliability.ece));
        }
    }
}
