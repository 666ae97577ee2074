//! Age intervals that hold the age as often as they say: conformalised quantile regression (Romano, Patterson,
//! Candès 2019), with margins fitted on validation data and written in the manifest. Pure.

use demograph_core::{checked::Fault, record::AgePosterior};
use schemars::JsonSchema;
use serde::Deserialize;

/// The ages that an interval may name.
const AGES: (f32, f32) = (0.0, 120.0);

/// `[Q(low) - margin, Q(high) + margin]`, with the margin of the band in which the expected age lies.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgeInterval {
    /// The share of faces whose age the interval should hold.
    pub level: f32,
    /// The quantile of the posterior at which the interval begins, before its margin.
    pub low: f32,
    /// The quantile at which it ends.
    pub high: f32,
    /// The first expected age of every band; begins with 0.
    #[schemars(length(min = 1, max = 128))]
    pub band_starts: Vec<f32>,
    /// Years to widen both ends by, one for each band; negative ones narrow.
    #[schemars(length(min = 1, max = 128))]
    pub margin: Vec<f32>,
}

impl AgeInterval {
    /// The youngest and the oldest age that the face may have.
    pub fn of(&self, age: &AgePosterior) -> (f32, f32) {
        let expected = age.mean();
        let band = self
            .band_starts
            .partition_point(|&start| start <= expected)
            .saturating_sub(1);
        let margin = self.margin[band];
        let (low, high) = (
            age.quantile(self.low) - margin,
            age.quantile(self.high) + margin,
        );
        // A margin far below 0 lets the ends cross: what is left is the point where they meet.
        let middle = (low + high) / 2.0;
        (
            low.min(middle).clamp(AGES.0, AGES.1),
            high.max(middle).clamp(AGES.0, AGES.1),
        )
    }

    pub(crate) fn contradictions(
        &self,
        ages: &[f32],
        field: &impl Fn(&str) -> String,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, value: String, fix: &str| {
            faults.push(Fault::new(&field(&format!("interval.{name}")), value, fix));
        };
        if !(self.level > 0.0 && self.level < 1.0) {
            fault("level", self.level.to_string(), "lies between 0 and 1");
        }
        if !(0.0 < self.low && self.low < self.high && self.high < 1.0) {
            let value = format!("{}, high = {}", self.low, self.high);
            fault("low", value, "needs 0 < low < high < 1");
        }
        let starts = &self.band_starts;
        if starts.first() != Some(&0.0) || !starts.windows(2).all(|pair| pair[0] < pair[1]) {
            let fix = "begin with 0 and go up, such as [0, 10, 20, 30, 40, 50, 60]";
            fault("band_starts", format!("{starts:?}"), fix);
        }
        if self.margin.len() != starts.len() {
            let value = format!("{} numbers", self.margin.len());
            let fix = format!("give one for each of the {} band_starts", starts.len());
            fault("margin", value, &fix);
        }
        if self.margin.iter().any(|margin| !margin.is_finite()) {
            fault("margin", format!("{:?}", self.margin), "must be finite");
        }
        if !ages.windows(2).all(|pair| pair[1] - pair[0] == 1.0) {
            let fix = "needs head.ages one year apart: quantiles spread a class over its year";
            fault("low", self.low.to_string(), fix);
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(margin: [f32; 2]) -> AgeInterval {
        AgeInterval {
            level: 0.9,
            low: 0.25,
            high: 0.75,
            band_starts: vec![0.0, 40.0],
            margin: margin.into(),
        }
    }

    fn posterior(ages: &[f32], probabilities: &[f32]) -> AgePosterior {
        AgePosterior {
            ages: ages.into(),
            probabilities: probabilities.into(),
        }
    }

    #[test]
    fn quantiles_are_widened_by_the_margin_of_the_expected_age_s_band() {
        // Mass 1/2 on each year: Q(1/4) = 30, Q(3/4) = 31.
        let young = posterior(&[30.0, 31.0], &[0.5, 0.5]);
        assert_eq!(interval([2.0, 7.0]).of(&young), (28.0, 33.0));
        let older = posterior(&[40.0, 41.0], &[0.5, 0.5]);
        assert_eq!(interval([2.0, 7.0]).of(&older), (33.0, 48.0));
    }

    #[test]
    fn ends_stay_within_the_ages_of_people_and_never_cross() {
        let child = posterior(&[0.0, 1.0], &[0.5, 0.5]);
        assert_eq!(interval([3.0, 3.0]).of(&child).0, 0.0);
        let young = posterior(&[30.0, 31.0], &[0.5, 0.5]);
        assert_eq!(interval([-9.0, 0.0]).of(&young), (30.5, 30.5));
    }

    proptest! {
        #[test]
        fn a_larger_margin_gives_an_interval_that_holds_the_smaller_one(
            weights in prop::collection::vec(0.0f32..1.0, 101), margin in 0.0f32..20.0, more in 0.0f32..20.0
        ) {
            let sum: f32 = weights.iter().sum();
            prop_assume!(sum > 0.0);
            let ages: Vec<f32> = (0..101u8).map(f32::from).collect();
            let age = posterior(&ages, &weights.iter().map(|w| w / sum).collect::<Vec<_>>());
            let narrow = interval([margin; 2]).of(&age);
            let wide = interval([margin + more; 2]).of(&age);
            prop_assert!(wide.0 <= narrow.0 && narrow.0 <= narrow.1 && narrow.1 <= wide.1);
            prop_assert!(wide.0 >= 0.0 && wide.1 <= 120.0);
        }
    }
}
