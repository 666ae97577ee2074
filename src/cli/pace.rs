//! Sends at a steady rate: event n is due at n / rate after the start.

use std::time::Duration;

use demograph_core::record::EventTime;
use demograph_service::clock;

/// A rate and when it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    start: EventTime,
    per_second: f64,
}

impl Pace {
    /// 0 means as fast as possible.
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            start: clock::now(),
            per_second,
        }
    }

    /// Waits until event `n` is due.
    pub(super) fn wait_for(self, n: u64) {
        if self.per_second <= 0.0 {
            return;
        }
        let due = self
            .start
            .plus((n as f64 * 1_000.0 / self.per_second) as i64);
        pause(due.0 - clock::now().0);
    }

    /// Since the start.
    pub(super) fn seconds(self) -> f64 {
        (clock::now().0 - self.start.0) as f64 / 1_000.0
    }
}

/// Waits so many milliseconds; not at all if negative.
pub(super) fn pause(millis: i64) {
    if let Ok(millis @ 1..) = u64::try_from(millis) {
        clock::pause(Duration::from_millis(millis));
    }
}
