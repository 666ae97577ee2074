//! How the reader hands on: in order, and polling goes on meanwhile. Crops go to the workers. What needs none of
//! them goes past them to the fold, some at a time, and so do signals. Numbers keep the order.

use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{Sender, TrySendError};
use demograph_core::window::Observation;

use super::{Candidate, Numbered, Polled, Reader, Signal};
use crate::{clock, metrics::stage};

/// How long to wait for room before fetching is paused: pausing throws the prefetch away, so not at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// Observations that go past the workers together, at most.
const PASSING_MAX: usize = 64;

impl Reader {
    /// Hands a crop to the workers.
    pub(super) fn send(&mut self, item: Candidate) -> anyhow::Result<()> {
        let number = self.number()?;
        self.pass()?;
        let to_work = self.to_work.clone();
        self.hand_on(&to_work, Numbered { number, item })
    }

    /// Tells the fold something between two records.
    pub(super) fn signal(&mut self, item: Signal) -> anyhow::Result<()> {
        let number = self.number()?;
        self.pass()?;
        let to_fold = self.to_fold.clone();
        self.hand_on(&to_fold, Numbered { number, item })
    }

    /// Hands on what the fold gets without the workers.
    pub(super) fn send_past(&mut self, item: Observation) -> anyhow::Result<()> {
        let number = self.number()?;
        self.passing.push(Numbered { number, item });
        match self.passing.len() < PASSING_MAX {
            true => Ok(()),
            false => self.pass(),
        }
    }

    /// Hands on what waits to go past the workers. Nothing waits while the reader does.
    pub(super) fn pass(&mut self) -> anyhow::Result<()> {
        if self.passing.is_empty() {
            return Ok(());
        }
        let passing = std::mem::take(&mut self.passing);
        let fold = self.past_the_workers.clone();
        self.hand_on(&fold, passing)
    }

    /// The next number, and room for what has it: else what the other workers have done would pile up before the fold
    /// while one is slow.
    fn number(&mut self) -> anyhow::Result<u64> {
        if self.under_way.try_send(()).is_err() {
            self.pass()?;
            let under_way = self.under_way.clone();
            self.hand_on(&under_way, ())?;
        }
        let number = self.next_number;
        self.next_number += 1;
        Ok(number)
    }

    /// While there is no room, fetching pauses but polling goes on.
    fn hand_on<T>(&mut self, next: &Sender<T>, item: T) -> anyhow::Result<()> {
        let mut item = match next.try_send(item) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(item) | TrySendError::Disconnected(item)) => item,
        };
        let blocked = self.metrics.blocked(stage::POLL);
        let mut paused: Vec<i32> = Vec::new();
        while let Err(error) = next.send_timeout(item, PATIENCE) {
            self.wait(error.is_disconnected(), &mut paused)?;
            item = error.into_inner();
        }
        drop(blocked);
        if paused.is_empty() {
            return Ok(());
        }
        self.consumer.resume(&paused).context("after a pause")
    }

    /// What goes on while there is no room.
    fn wait(&mut self, is_disconnected: bool, paused: &mut Vec<i32>) -> anyhow::Result<()> {
        if is_disconnected || self.shutdown.has_failed() {
            bail!("another stage has ended");
        }
        if paused.is_empty() {
            *paused = self.assignment.begun();
            self.consumer.pause(paused)?;
        }
        self.collect_acks();
        self.watch_workers(clock::now())?;
        self.health.beat();
        match self.consumer.poll(Duration::ZERO)? {
            Polled::Nothing => {}
            polled => self.stash.push_back(polled),
        }
        Ok(())
    }
}
