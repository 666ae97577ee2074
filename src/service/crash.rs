//! Points at which a development build kills itself, for the tests of recovery: `DEMOGRAPH_CRASH_AT=POINT:N` ends the
//! process by SIGKILL when it comes to the point for the Nth time. A release build has no such points.

/// A place that recovery must survive to die at.
#[cfg(debug_assertions)]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for tests, in development builds only"
)]
pub fn at(point: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };
    static CHOSEN: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static ARRIVALS: AtomicU64 = AtomicU64::new(0);
    let chosen = CHOSEN.get_or_init(|| {
        let text = std::env::var("DEMOGRAPH_CRASH_AT").ok()?;
        let (point, n) = text.split_once(':')?;
        Some((point.to_owned(), n.parse().ok()?))
    });
    if let Some((name, n)) = chosen
        && name == point
        && ARRIVALS.fetch_add(1, Ordering::SeqCst) + 1 == *n
    {
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::KILL)
            .expect("a process may kill itself");
    }
}

#[cfg(not(debug_assertions))]
pub fn at(_point: &str) {}
