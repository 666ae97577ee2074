//! Time is part of this workload: cameras send at a rate, and injections come at moments. Everything that looks at
//! the clock or lets time pass is here; what must have happened is waited for by conditions.

use std::{
    thread,
    time::{Duration, Instant},
};

#[expect(clippy::disallowed_methods, reason = "the workload's own clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// The rhythm of the workload.
#[expect(
    clippy::disallowed_methods,
    reason = "a workload has pauses; nothing is synchronised by them"
)]
pub fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}
