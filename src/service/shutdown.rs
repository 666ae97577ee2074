//! How the program is asked to stop: politely, by a person; or at once, by a stage that failed.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const RUNNING: u8 = 0;
const REQUESTED: u8 = 1;
const FAILED: u8 = 2;

/// Asks for the end. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<AtomicU8>);

impl Shutdown {
    /// Stop reading, drain, end.
    pub fn request(&self) {
        self.0.fetch_max(REQUESTED, Ordering::SeqCst);
    }

    /// End without draining: a stage is gone, and what is not durable is read again at the next start.
    pub fn fail(&self) {
        self.0.fetch_max(FAILED, Ordering::SeqCst);
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) != RUNNING
    }

    pub fn has_failed(&self) -> bool {
        self.0.load(Ordering::SeqCst) == FAILED
    }
}
