//! How good a crop is, as a whole number, so that every machine compares alike.

use serde::{Deserialize, Serialize};

/// How good a crop is, in millionths of the producer's own unit: only the ratio of two crops of a track counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quality(pub(crate) u64);

const MILLIONTHS: u64 = 1_000_000;

impl Quality {
    /// What a producer states: a number, 0 or greater. `None` where it is something else.
    pub fn stated(text: &str) -> Option<Self> {
        let number: f64 = text.parse().ok()?;
        // A cast takes what is too large for the largest.
        let is_quality = number.is_finite() && number >= 0.0;
        is_quality.then(|| Self(((number * MILLIONTHS as f64).round() as u64).max(1)))
    }

    /// That of an image of this size, in pixels: its area.
    pub fn of_size((width, height): (u32, u32)) -> Self {
        let area = u64::from(width) * u64::from(height);
        Self(area.saturating_mul(MILLIONTHS).max(1))
    }

    /// Whether it is better by a fifth at least.
    pub fn is_clearly_better_than(self, other: Self) -> bool {
        5 * u128::from(self.0) >= 6 * u128::from(other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_a_quality_and_nothing_else_is() {
        for (text, millionths) in [
            ("0.93", 930_000),
            ("1", 1_000_000),
            ("+2.5e1", 25_000_000),
            ("0", 1),
            ("-0.0", 1),
            ("1e-9", 1),
            ("1e300", u64::MAX),
        ] {
            assert_eq!(Quality::stated(text), Some(Quality(millionths)), "{text}");
        }
        for text in [
            "", "good", "-1", "-0.1", "NaN", "inf", "1e999", "0,9", "90 %", "0x1",
        ] {
            assert_eq!(Quality::stated(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_fifth_more_is_clearly_better() {
        let of = |width| Quality::of_size((width, 100));
        assert!(of(120).is_clearly_better_than(of(100)));
        assert!(!of(119).is_clearly_better_than(of(100)));
        assert!(!of(100).is_clearly_better_than(of(100)));
        let largest = Quality::of_size((u32::MAX, u32::MAX));
        assert!(largest.is_clearly_better_than(of(u32::MAX / 2)));
        assert!(!Quality(1).is_clearly_better_than(Quality(1)));
    }

    proptest! {
        #[test]
        fn the_unit_does_not_matter(a in 0.01f64..1e3, b in 0.01f64..1e3) {
            prop_assume!((a / b - 1.2).abs() > 1e-3);
            let better = |unit: f64| {
                let of = |value: f64| Quality::stated(&(value * unit).to_string()).unwrap();
                of(a).is_clearly_better_than(of(b))
            };
            prop_assert_eq!(better(1.0), a / b > 1.2);
            prop_assert_eq!(better(1.0), better(100.0));
        }
    }
}
