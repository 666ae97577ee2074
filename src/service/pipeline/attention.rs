//! How far silence was heard: up to when the broker said that a partition has no more records. Pure.
//!
//! The end of a partition is old news while the reader works off a backlog, and after the stages behind were
//! busy, the process was stopped, or the broker did not answer: records may have come that were not read yet.
//! A broker that is away is not a camera that is silent.

use std::collections::BTreeMap;

use demograph_core::record::EventTime;

/// Between two moments of hearing lie the client's statistics, which come once a second and are cut to whole seconds,
/// and this many milliseconds for what is slow.
const SLACK: i64 = 2_500;

/// Since when each partition has been heard without a gap.
#[derive(Debug)]
pub(super) struct Attention {
    /// The longest time between two moments of hearing that still has no gap, in milliseconds.
    gap_max: i64,
    heard: BTreeMap<i32, Heard>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    since: EventTime,
    last: EventTime,
}

impl Attention {
    /// A broker without records answers after `answer_max` milliseconds.
    pub(super) fn new(answer_max: i64) -> Self {
        Self {
            gap_max: SLACK + answer_max,
            heard: BTreeMap::new(),
        }
    }

    /// The reader has read all that arrived, and each partition's broker had answered at this moment.
    pub(super) fn listen(&mut self, answered: impl IntoIterator<Item = (i32, EventTime)>) {
        for (partition, at) in answered {
            let heard = self.heard.entry(partition).or_insert(Heard {
                since: at,
                last: at,
            });
            if heard.last.plus(self.gap_max) < at {
                heard.since = at;
            }
            heard.last = heard.last.max(at);
        }
    }

    /// The partition is somebody else's.
    pub(super) fn forget(&mut self, partition: i32) {
        self.heard.remove(&partition);
    }

    /// The last moment at which nothing was there, if the partition was heard for so long before it that a record
    /// which was there would have been read.
    pub(super) fn silent_until(&self, partition: i32, millis: i64) -> Option<EventTime> {
        let heard = self.heard.get(&partition)?;
        (heard.since.plus(millis) <= heard.last).then_some(heard.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far partition 0 was silent for two seconds, after its broker answered at these moments.
    fn after(answers: &[i64]) -> Option<i64> {
        let mut attention = Attention::new(500);
        for &at in answers {
            attention.listen([(0, EventTime(at))]);
        }
        attention.silent_until(0, 2_000).map(|until| until.0)
    }

    #[test]
    fn hearing_without_a_gap_becomes_silence_in_time() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[500, 1_400]), None);
        assert_eq!(after(&[500, 1_400, 2_500]), Some(2_500));
    }

    #[test]
    fn a_broker_that_does_not_answer_is_not_silence() {
        // The last answer is of no age: nothing was heard after it.
        assert_eq!(after(&[0, 1_000, 2_000, 2_000, 2_000]), Some(2_000));
        // It is back: silence begins anew.
        assert_eq!(after(&[0, 1_000, 2_000, 9_000, 10_000]), None);
        assert_eq!(
            after(&[0, 1_000, 2_000, 9_000, 10_000, 11_000]),
            Some(11_000)
        );
    }

    #[test]
    fn an_old_answer_takes_nothing_back_and_partitions_are_heard_apart() {
        assert_eq!(after(&[0, 1_000, 2_000, 1_000]), Some(2_000));
        let mut attention = Attention::new(500);
        for at in [0, 1_000, 2_000] {
            attention.listen([(0, EventTime(at)), (1, EventTime(0))]);
        }
        assert_eq!(attention.silent_until(0, 2_000), Some(EventTime(2_000)));
        assert_eq!(attention.silent_until(1, 2_000), None);
        attention.forget(0);
        assert_eq!(attention.silent_until(0, 2_000), None);
    }
}
