//! A share and how sure it is: Wilson's score interval (1927), which holds for small groups and near 0 and 1. Pure.

use serde::Serialize;

/// The two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Hits out of n, with the 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// The number of trials.
    pub n: usize,
    /// Hits divided by `n`.
    pub share: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Rate {
    /// `None` of no trial.
    pub fn of(hits: usize, n: usize) -> Option<Self> {
        if n == 0 {
            return None;
        }
        let (count, share) = (n as f64, hits as f64 / n as f64);
        let scale = 1.0 + Z * Z / count;
        let middle = (share + Z * Z / (2.0 * count)) / scale;
        let half =
            Z / scale * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
        Some(Self {
            n,
            share,
            low: (middle - half).max(0.0),
            high: (middle + half).min(1.0),
        })
    }

    /// Of those for which it holds.
    pub fn where_(hits: impl Iterator<Item = bool>) -> Option<Self> {
        let (mut n, mut hit) = (0, 0);
        for is_hit in hits {
            n += 1;
            hit += usize::from(is_hit);
        }
        Self::of(hit, n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_is_wilson_s() {
        // statsmodels 0.15: proportion_confint(8, 10, method="wilson") = (0.4901625, 0.9433178)
        let rate = Rate::of(8, 10).unwrap();
        assert!((rate.low - 0.490_162_5).abs() < 1e-6, "{rate:?}");
        assert!((rate.high - 0.943_317_8).abs() < 1e-6, "{rate:?}");
        assert_eq!(Rate::of(0, 0), None);
    }

    #[test]
    fn no_hit_is_not_certainly_none() {
        // The upper end for 0 of n is z^2 / (n + z^2).
        let rate = Rate::of(0, 10).unwrap();
        assert_eq!((rate.share, rate.low), (0.0, 0.0));
        assert!((rate.high - Z * Z / (10.0 + Z * Z)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_narrows_with_n(n in 1usize..500, part in 0.0f64..=1.0) {
            let hits = (part * n as f64) as usize;
            let (few, many) = (Rate::of(hits, n).unwrap(), Rate::of(4 * hits, 4 * n).unwrap());
            prop_assert!(few.low <= few.share + 1e-12 && few.share <= few.high + 1e-12);
            prop_assert!(many.high - many.low < few.high - few.low);
        }
    }
}
