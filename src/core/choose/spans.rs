//! The spans in which crops of a track are counted: ten seconds of event time, cut where a pane ends.

use crate::record::EventTime;

/// How panes lie, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// The length of a pane.
    pub pane: i64,
    /// How much older than its source's newest crop a crop may be and still be counted.
    pub lateness_max: i64,
}

impl Spans {
    /// The length of a span, where no pane ends in it.
    pub const LENGTH: i64 = 10_000;

    /// The number of the span that holds this time. Later spans have higher numbers, the next one the next number.
    pub(super) fn number(self, time: EventTime) -> i64 {
        let (pane, within) = (time.0.div_euclid(self.pane), time.0.rem_euclid(self.pane));
        let a_pane = (self.pane - 1) / Self::LENGTH + 1;
        pane.saturating_mul(a_pane)
            .saturating_add(within / Self::LENGTH)
    }

    /// Whether the pane of this time is closed by its source's own clock: what comes for it now is late.
    pub(super) fn is_over(self, time: EventTime, newest: EventTime) -> bool {
        let start = time.0.div_euclid(self.pane).saturating_mul(self.pane);
        EventTime(start).plus(self.pane).plus(self.lateness_max) <= newest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(pane: i64) -> Spans {
        Spans {
            pane,
            lateness_max: 10_000,
        }
    }

    #[test]
    fn spans_are_ten_seconds_long_and_end_where_panes_end() {
        let starts = |pane| -> Vec<i64> {
            let changes = |&time: &i64| {
                let number = |time| spans(pane).number(EventTime(time));
                number(time) != number(time - 1)
            };
            (-10_000..30_001).filter(changes).collect()
        };
        assert_eq!(starts(10_000), [-10_000, 0, 10_000, 20_000, 30_000]);
        assert_eq!(starts(3_600_000), [-10_000, 0, 10_000, 20_000, 30_000]);
        assert_eq!(starts(15_000), [-5_000, 0, 10_000, 15_000, 25_000, 30_000]);
        assert_eq!(starts(8_000), [-8_000, 0, 8_000, 16_000, 24_000]);
    }

    #[test]
    fn a_pane_is_over_once_its_source_is_further_by_the_lateness() {
        let is_over = |newest| spans(15_000).is_over(EventTime(3), EventTime(newest));
        assert_eq!((is_over(24_999), is_over(25_000)), (false, true));
        let ends = [EventTime::MIN, EventTime::MAX];
        for time in ends {
            let _no_overflow = (
                spans(15_000).number(time),
                spans(15_000).is_over(time, time),
            );
        }
    }

    proptest! {
        #[test]
        fn times_of_one_span_are_of_one_pane_and_numbers_rise_without_a_gap(
            pane in prop::sample::select(vec![1_000i64, 8_000, 10_000, 15_000, 60_000, 86_400_000]),
            at in -100_000_000i64..100_000_000,
        ) {
            let number = |time| spans(pane).number(EventTime(time));
            let (one, next) = (number(at), number(at + 1));
            prop_assert!(next == one || next == one + 1);
            if next == one {
                prop_assert_eq!(at.div_euclid(pane), (at + 1).div_euclid(pane));
            }
            prop_assert!(number(at + Spans::LENGTH) > one);
        }
    }
}
