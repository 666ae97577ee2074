//! How long to wait before the next try. Pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A stream that went on for so long was well: the next try comes soon.
const STABLE: Duration = Duration::from_secs(60);

/// Waits twice as long after each try that fails soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The time to wait after a stream that gave pictures for so long.
    pub fn after(&mut self, lasted: Duration) -> Duration {
        if lasted >= STABLE {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (2 * self.next).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_twice_as_long_up_to_a_minute_and_a_stable_minute_begins_anew() {
        let mut backoff = Backoff::default();
        let mut after = |lasted| backoff.after(Duration::from_secs(lasted)).as_secs();
        let waits = [0, 5, 59, 0, 0, 0, 0, 0].map(&mut after);
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!([60, 0, 3_600].map(after), [1, 2, 1]);
    }
}
