//! Which periods of a source were published already.
//!
//! Promises: what was published stays so; bounded, whatever clocks do.

use serde::{Deserialize, Serialize};

use super::Period;
use crate::record::EventTime;

/// Spans that are told apart: one, where time only goes on. The others are of a clock that was wrong.
const SPANS_MAX: usize = 4;

/// Spans of time whose periods were published, in order and apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Published(Vec<(EventTime, EventTime)>);

impl Published {
    /// The first time from this one on that no published period holds.
    pub(super) fn free_from(&self, at: EventTime) -> EventTime {
        let spans = self.0.iter();
        let mut holding = spans.filter(|&&(start, end)| start <= at && at < end);
        holding.next().map_or(at, |&(_, end)| end)
    }

    /// Takes a period in. Beyond the most spans, those with the least time between them become one: as if what lies between
    /// had been published.
    pub(super) fn insert(&mut self, period: &Period) {
        self.0.push((period.start, period.end));
        self.0.sort_unstable();
        self.0.dedup_by(|next, span| {
            let is_joined = next.0 <= span.1;
            if is_joined {
                span.1 = span.1.max(next.1);
            }
            is_joined
        });
        while self.0.len() > SPANS_MAX {
            let gap = |place: &usize| self.0[place + 1].0.0.saturating_sub(self.0[*place].1.0);
            let least = (0..self.0.len() - 1).min_by_key(gap);
            let place = least.expect("there are more than the most spans");
            self.0[place].1 = self.0[place + 1].1;
            self.0.remove(place + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hour(number: i64) -> Period {
        Period {
            start: EventTime(number),
            end: EventTime(number + 1),
            offset: 0,
        }
    }

    #[test]
    fn a_clock_that_was_years_ahead_leaves_today_free() {
        let mut published = Published::default();
        for number in [10, 11, 43_000, 43_001, 43_009, 43_010, 43_020, 43_030] {
            published.insert(&hour(number));
        }
        assert_eq!(published.free_from(EventTime(11)), EventTime(12));
        assert_eq!(published.free_from(EventTime(12)), EventTime(12));
    }

    proptest! {
        #[test]
        fn what_was_published_is_not_free_and_there_are_few_spans(numbers in prop::collection::vec(0i64..200, 1..60)) {
            let mut published = Published::default();
            for (n, &number) in numbers.iter().enumerate() {
                published.insert(&hour(number));
                prop_assert!(published.0.len() <= SPANS_MAX);
                for &number in &numbers[..=n] {
                    let free = published.free_from(EventTime(number));
                    prop_assert!(free > EventTime(number));
                    prop_assert_eq!(published.free_from(free), free);
                }
            }
        }
    }
}
