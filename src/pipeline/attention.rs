//! Whether the reader has been listening, so that what it did not hear may be called silence. Pure.
//!
//! The end of a partition is old news while the reader works off a backlog, and after the stages behind were
//! busy, the process was stopped, or the broker was slow to answer: records may have come that were not read yet.

use crate::record::EventTime;

/// The longest time between two moments of listening that still has no gap, in milliseconds.
const GAP_MAX: i64 = 1_000;

/// Since when the reader has been listening without a gap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attention {
    since: EventTime,
    last: EventTime,
}

impl Attention {
    pub(super) fn from(now: EventTime) -> Self {
        Self {
            since: now,
            last: now,
        }
    }

    /// The reader has read all that arrived, and is about to wait.
    pub(super) fn listen(&mut self, now: EventTime) {
        if self.last.plus(GAP_MAX) < now {
            self.since = now;
        }
        self.last = now;
    }

    /// The last moment at which what had not been heard was not there.
    pub(super) fn heard_until(&self) -> EventTime {
        self.last
    }

    /// Whether it listened for so long that a record which was there would have been read.
    pub(super) fn has_lasted(&self, millis: i64) -> bool {
        self.since.plus(millis) <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state after polls at these moments.
    fn after(polls: &[i64]) -> Attention {
        let mut attention = Attention::from(EventTime(0));
        for &poll in polls {
            attention.listen(EventTime(poll));
        }
        attention
    }

    #[test]
    fn listening_without_a_gap_becomes_silence_in_time() {
        assert!(!after(&[500, 1_400]).has_lasted(2_000));
        assert!(after(&[500, 1_400, 2_000]).has_lasted(2_000));
    }

    #[test]
    fn after_a_gap_silence_begins_anew() {
        let polls = [500, 1_400, 2_000, 9_000, 9_900];
        assert!(!after(&polls).has_lasted(2_000));
        assert!(after(&[polls.as_slice(), &[10_800, 11_000]].concat()).has_lasted(2_000));
    }
}
