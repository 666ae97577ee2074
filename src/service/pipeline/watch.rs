//! Sees a worker that hangs: one that has held the same batch for too long. Nothing can end it but the program's end.
//!
//! Time counts only while somebody looks, so that a program that was stopped is not taken for one that hangs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use demograph_core::record::EventTime;

/// The most that passes between two looks, in milliseconds; more was not seen.
const LOOK_MAX: i64 = 5_000;

/// A worker's sign that it works: odd while it holds a batch. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Sign(Arc<AtomicU64>);

impl Sign {
    /// A batch is taken up, or done.
    pub(super) fn turn(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was seen of every worker.
#[derive(Debug)]
pub(super) struct Watch {
    workers: Vec<Seen>,
    last: EventTime,
}

#[derive(Debug)]
struct Seen {
    sign: Sign,
    turns: u64,
    /// For how long it has held its batch, in milliseconds.
    held: i64,
}

impl Watch {
    pub(super) fn over(signs: Vec<Sign>, now: EventTime) -> Self {
        let workers = signs.into_iter().map(|sign| Seen {
            sign,
            turns: 0,
            held: 0,
        });
        Self {
            workers: workers.collect(),
            last: now,
        }
    }

    /// The worker that has held its batch longest, and for how many milliseconds.
    pub(super) fn look(&mut self, now: EventTime) -> (usize, i64) {
        let passed = (now.0 - self.last.0).clamp(0, LOOK_MAX);
        self.last = now;
        for worker in &mut self.workers {
            let turns = worker.sign.0.load(Ordering::Relaxed);
            let is_held = turns % 2 == 1 && turns == worker.turns;
            worker.held = if is_held { worker.held + passed } else { 0 };
            worker.turns = turns;
        }
        let held = self.workers.iter().map(|worker| worker.held).enumerate();
        held.max_by_key(|(_, held)| *held).unwrap_or((0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_held_grows_old_and_others_do_not() {
        let (busy, hung) = (Sign::default(), Sign::default());
        let mut watch = Watch::over(vec![busy.clone(), hung.clone()], EventTime(0));
        hung.turn();
        busy.turn();
        assert_eq!(watch.look(EventTime(1_000)).1, 0);
        for second in 2..10 {
            // Another batch each time.
            busy.turn();
            busy.turn();
            let held = (second - 1) * 1_000;
            assert_eq!(watch.look(EventTime(second * 1_000)), (1, held));
        }
        // Both are done.
        hung.turn();
        busy.turn();
        assert_eq!(watch.look(EventTime(10_000)).1, 0);
    }

    #[test]
    fn an_idle_worker_holds_nothing_and_a_stopped_program_sees_little() {
        let (idle, hung) = (Sign::default(), Sign::default());
        let mut watch = Watch::over(vec![idle, hung.clone()], EventTime(0));
        hung.turn();
        watch.look(EventTime(1_000));
        assert_eq!(watch.look(EventTime(3_600_000)), (1, 5_000));
        // A clock that is set back takes nothing away.
        assert_eq!(watch.look(EventTime(0)), (1, 5_000));
    }
}
