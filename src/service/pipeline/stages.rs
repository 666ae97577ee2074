//! The running threads and their end. The first error of any of them stops the others and is what the program ends
//! with. A thread that hangs cannot be ended: after an error it is waited for a while, and then left to the program's end.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::shutdown::Shutdown;

/// More threads than any machine runs.
const STAGES_MAX: usize = 4_096;

/// The running threads.
pub(super) struct Stages {
    threads: Vec<(String, JoinHandle<()>)>,
    shutdown: Shutdown,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
    /// The number of each thread that has ended.
    ended: (Sender<usize>, Receiver<usize>),
    stop_max: Duration,
}

impl Stages {
    /// `stop_max`: how long the others have to end after one has failed.
    pub(super) fn new(shutdown: Shutdown, stop_max: Duration) -> Self {
        Self {
            threads: Vec::new(),
            shutdown,
            failure: Arc::default(),
            ended: bounded(STAGES_MAX),
            stop_max,
        }
    }

    pub(super) fn spawn(
        &mut self,
        name: &str,
        stage: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (shutdown, failure) = (self.shutdown.clone(), self.failure.clone());
        let (stage_name, ended) = (name.to_owned(), self.ended.0.clone());
        let number = self.threads.len();
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(stage))
                .unwrap_or_else(|_| Err(anyhow!("it panicked")));
            if let Err(error) = result {
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                // Later errors follow from the first.
                failure.get_or_insert(error.context(format!("stage {stage_name}")));
                shutdown.fail();
            }
            ended.send(number).expect("there is room for every thread");
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .with_context(|| format!("start the thread {name}"))?;
        self.threads.push((name.to_owned(), thread));
        Ok(())
    }

    /// Waits for the end of all.
    pub(super) fn join(self) -> anyhow::Result<()> {
        let mut ended = BTreeSet::new();
        while ended.len() < self.threads.len() {
            let next = match self.shutdown.has_failed() {
                false => self.ended.1.recv().ok(),
                true => self.ended.1.recv_timeout(self.stop_max).ok(),
            };
            let Some(next) = next else { break };
            ended.insert(next);
        }
        let mut hung = Vec::new();
        for (number, (name, thread)) in self.threads.into_iter().enumerate() {
            match ended.contains(&number) {
                true => thread.join().map_err(|_| anyhow!("a thread panicked"))?,
                false => hung.push(name),
            }
        }
        if !hung.is_empty() {
            tracing::error!(?hung, "these stages have not ended in time");
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_what_it_ends_with_though_a_stage_hangs() {
        let (release, hold) = bounded::<()>(0);
        let mut stages = Stages::new(Shutdown::default(), Duration::from_millis(50));
        stages
            .spawn("hangs", move || match hold.recv() {
                Ok(()) | Err(_) => Ok(()),
            })
            .unwrap();
        stages.spawn("fails", || Err(anyhow!("no"))).unwrap();
        let error = stages.join().unwrap_err();
        assert_eq!(format!("{error:#}"), "stage fails: no");
        drop(release);
    }

    #[test]
    fn without_an_error_it_waits_for_all() {
        let mut stages = Stages::new(Shutdown::default(), Duration::ZERO);
        let (last, first) = bounded::<()>(0);
        stages.spawn("last", move || Ok(first.recv()?)).unwrap();
        stages.spawn("first", move || Ok(last.send(())?)).unwrap();
        stages.join().unwrap();
    }
}
