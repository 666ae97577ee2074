//! Whether the broker takes the events. Pure.
//!
//! Promises: as long as nothing is sent, what happened last stands.

use demograph_core::record::EventTime;

use crate::outlet::Deliveries;

/// Events that wait for so long, with none acknowledged, say that the broker is away.
pub(crate) const STALLED_MILLIS: i64 = 10_000;

/// What the broker did last.
pub(crate) struct Flow {
    delivered: u64,
    failed: u64,
    /// The last time that it acknowledged an event, or that none waited.
    well: EventTime,
    /// It took none since events were given up.
    gave_up: bool,
}

impl Flow {
    /// Nothing was sent yet.
    pub fn new(now: EventTime) -> Self {
        Self {
            delivered: 0,
            failed: 0,
            well: now,
            gave_up: false,
        }
    }

    /// Whether events get through, to be asked again and again.
    pub fn flows(&mut self, now: EventTime, deliveries: Deliveries) -> bool {
        let Deliveries {
            delivered,
            failed,
            queued,
            queue_max: _,
        } = deliveries;
        if delivered > self.delivered {
            self.gave_up = false;
            self.well = now;
        } else if failed > self.failed {
            self.gave_up = true;
        } else if queued == 0 {
            self.well = now;
        }
        (self.delivered, self.failed) = (delivered, failed);
        !self.gave_up && now.0 - self.well.0 < STALLED_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds, and what was delivered, has failed, waits; the answers at them.
    fn answers(course: &[(i64, [u64; 3])]) -> Vec<bool> {
        let mut flow = Flow::new(EventTime(0));
        let course = course.iter();
        course
            .map(|&(second, [delivered, failed, queued])| {
                let deliveries = Deliveries {
                    delivered,
                    failed,
                    queued,
                    queue_max: 10,
                };
                flow.flows(EventTime(1_000 * second), deliveries)
            })
            .collect()
    }

    #[test]
    fn events_that_wait_for_long_say_that_the_broker_is_away_until_one_gets_through() {
        let course = [
            (1, [5, 0, 1]),
            (10, [5, 0, 9]),
            (11, [5, 0, 10]),
            (40, [5, 0, 10]),
            (41, [6, 0, 9]),
        ];
        assert_eq!(answers(&course), [true, true, false, false, true]);
    }

    #[test]
    fn nothing_to_send_is_no_fault_and_what_was_given_up_is_one_until_the_next_gets_through() {
        let course = [
            (50, [0, 0, 0]),
            (90, [0, 0, 0]),
            (91, [0, 0, 3]),
            (92, [0, 3, 0]),
            (500, [0, 3, 0]),
            (501, [1, 3, 0]),
            (502, [1, 3, 0]),
        ];
        let answers = answers(&course);
        assert_eq!(answers, [true, true, true, false, false, true, true]);
    }
}
