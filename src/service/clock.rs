//! The wall clock: read and waited for here, handed on as a value.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use demograph_core::record::EventTime;

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read"
)]
pub fn now() -> EventTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    EventTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A moment of the clock that only goes forward.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where limits of a time are begun"
)]
pub fn instant() -> Instant {
    Instant::now()
}

/// Waits for so long.
pub fn pause(span: Duration) {
    let timer = crossbeam_channel::after(span);
    timer.recv().expect("the timer sends once");
}
