//! The poll loop: records and rebalances in, numbered feeds out. Polling never stops.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::{
    attention::Attention,
    feed::{Beginning, Feed, Numbered, Tick},
    write::{Ack, Recovered, Task},
};
use crate::{
    clock,
    http::Health,
    kafka::{Consumer, Polled, Wait},
    metrics::{Metrics, rebalance, stage},
    record::{EventTime, Record},
    shutdown::Shutdown,
    state::Start,
};

/// How long a poll waits: the longest time until a request to stop is seen.
const POLL: Duration = Duration::from_millis(100);
/// How often the other stages learn of the wall clock.
const TICK_MILLIS: i64 = 1_000;
/// How long to wait for room before fetching is paused: pausing throws the prefetch away, so not at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// The state of the poll loop.
pub(super) struct Reader {
    pub consumer: Consumer,
    pub output: Sender<Numbered<Record>>,
    pub to_write: Sender<Task>,
    pub acks: Receiver<Ack>,
    pub metrics: Metrics,
    pub health: Health,
    pub shutdown: Shutdown,
    /// Milliseconds.
    pub drain_max: i64,
    /// Milliseconds of silence after which panes are closed.
    pub idle_after: i64,
    /// What becomes of the partitions at the end: revoked, or ended.
    pub at_stop: fn(Vec<i32>) -> Feed<Record>,
    pub assigned: BTreeSet<i32>,
    /// Assigned by the group, while the writer looks where to begin.
    pub expected: BTreeSet<i32>,
    /// What the writer said while nobody listened.
    pub early: VecDeque<Ack>,
    /// Partitions whose end was reached, as far as was heard.
    pub at_end: BTreeSet<i32>,
    pub attention: Attention,
    /// Polled while there was no room downstream.
    pub stash: VecDeque<Polled>,
    pub next_number: u64,
    pub last_tick: EventTime,
}

impl Reader {
    /// Reads until asked to stop, then gives everything up.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        while !self.shutdown.is_requested() {
            let polled = match self.stash.pop_front() {
                Some(polled) => polled,
                None => self.listen()?,
            };
            self.take(polled)?;
            self.tick()?;
            self.listen_to_writer()?;
            self.health.beat();
        }
        if self.shutdown.has_failed() {
            bail!("another stage failed");
        }
        let all: Vec<i32> = self.assigned.iter().copied().collect();
        self.let_go(&all, self.at_stop)?;
        self.consumer.leave();
        Ok(())
    }

    /// What has arrived, else what comes. Only a reader with nothing left to read hears silence: what waits
    /// behind a backlog has not been heard yet.
    fn listen(&mut self) -> anyhow::Result<Polled> {
        match self.consumer.poll_arrived()? {
            Polled::Nothing => {
                self.attention.listen(clock::now());
                self.consumer.poll(POLL)
            }
            polled => Ok(polled),
        }
    }

    fn take(&mut self, polled: Polled) -> anyhow::Result<()> {
        match polled {
            Polled::Record(record) => {
                self.at_end.remove(&record.position.partition);
                self.send(Feed::Data(record))
            }
            Polled::AtEnd(partition) => {
                self.at_end.insert(partition);
                Ok(())
            }
            Polled::Assigned(partitions) => self.ask_where(partitions),
            Polled::Revoked(partitions) => self.let_go(&partitions, Feed::Revoked),
            Polled::Lost(partitions) => self.let_go(&partitions, Feed::Lost),
            Polled::Trouble(trouble) => {
                tracing::warn!(trouble, "kafka: going on");
                self.metrics.kafka_errors.inc();
                Ok(())
            }
            Polled::Nothing => Ok(()),
        }
    }

    /// Partitions are read from where their chains say; until the writer has looked, nothing is.
    fn ask_where(&mut self, partitions: Vec<i32>) -> anyhow::Result<()> {
        self.metrics
            .rebalances
            .with_label_values(&[rebalance::ASSIGNED])
            .inc();
        self.expected.extend(&partitions);
        self.hand_over(Task::Recover(partitions))
    }

    fn begin(&mut self, recovered: Vec<Recovered>) -> anyhow::Result<()> {
        let mut starts = Vec::new();
        let mut beginnings = Vec::new();
        for Recovered { partition, resumed } in recovered {
            // Revoked while the writer looked.
            if !self.expected.remove(&partition) {
                continue;
            }
            let (start, history) = match resumed {
                Some(resumed) => (Start::Resumed(resumed.saved), resumed.history),
                None => (
                    Start::At(self.consumer.first_offset(partition)?),
                    Vec::new(),
                ),
            };
            starts.push((partition, start.next_offset()));
            beginnings.push(Beginning {
                partition,
                start,
                history,
            });
        }
        self.consumer.begin(&starts)?;
        tracing::info!(?starts, "partitions assigned");
        self.assigned
            .extend(starts.iter().map(|(partition, _)| partition));
        self.metrics
            .assigned_partitions
            .set(self.assigned.len() as i64);
        self.health.ready();
        self.send(Feed::Assigned(beginnings))
    }

    /// Has the partitions written down (or forgotten), commits, and gives them up.
    fn let_go(
        &mut self,
        partitions: &[i32],
        signal: fn(Vec<i32>) -> Feed<Record>,
    ) -> anyhow::Result<()> {
        self.expected
            .retain(|partition| !partitions.contains(partition));
        let gone: Vec<i32> = partitions
            .iter()
            .copied()
            .filter(|partition| self.assigned.remove(partition))
            .collect();
        self.at_end.retain(|partition| !gone.contains(partition));
        self.metrics
            .assigned_partitions
            .set(self.assigned.len() as i64);
        let feed = signal(gone);
        let kind = if matches!(feed, Feed::Lost(_)) {
            rebalance::LOST
        } else {
            rebalance::REVOKED
        };
        tracing::info!(kind, ?partitions, "partitions go away");
        self.metrics.rebalances.with_label_values(&[kind]).inc();
        self.send(feed)?;
        self.await_drained()?;
        self.consumer.give_up(partitions)
    }

    /// Waits until everything that was sent is durable, then commits.
    fn await_drained(&mut self) -> anyhow::Result<()> {
        let mut offsets = BTreeMap::new();
        let deadline = clock::now().plus(self.drain_max);
        while clock::now() < deadline {
            let ack = match self.early.pop_front() {
                Some(ack) => Ok(ack),
                None => self.acks.recv_timeout(POLL),
            };
            match ack {
                Ok(Ack::Durable {
                    partition,
                    next_offset,
                }) => drop(offsets.insert(partition, next_offset)),
                // What was asked for before is of no interest any more, or comes again.
                Ok(Ack::Recovered(_) | Ack::Deposed(_)) => {}
                Ok(Ack::Drained) => return self.commit(&offsets, Wait::Yes),
                Err(RecvTimeoutError::Timeout) if !self.shutdown.has_failed() => self.health.beat(),
                Err(_) => bail!("another stage ended before everything was durable"),
            }
        }
        bail!(
            "the last checkpoint took longer than limits.drain_max; the next owner goes on from the one before"
        )
    }

    /// Takes what the writer says.
    fn listen_to_writer(&mut self) -> anyhow::Result<()> {
        let mut offsets = BTreeMap::new();
        self.collect_acks();
        while let Some(ack) = self.early.pop_front() {
            match ack {
                Ack::Durable {
                    partition,
                    next_offset,
                } => drop(offsets.insert(partition, next_offset)),
                Ack::Recovered(recovered) => self.begin(recovered)?,
                Ack::Deposed(partition) if self.assigned.contains(&partition) => {
                    tracing::warn!(partition, "joining the group anew");
                    self.metrics
                        .rebalances
                        .with_label_values(&[rebalance::DEPOSED])
                        .inc();
                    self.consumer.rejoin()?;
                }
                Ack::Deposed(_) | Ack::Drained => {}
            }
        }
        self.commit(&offsets, Wait::No)
    }

    /// Never lets the writer wait for room to answer.
    fn collect_acks(&mut self) {
        self.early.extend(self.acks.try_iter());
    }

    /// A commit that fails is no loss: the chain says where to go on, and the next commit stands for it too.
    fn commit(&mut self, offsets: &BTreeMap<i32, i64>, wait: Wait) -> anyhow::Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets: Vec<(i32, i64)> = offsets.iter().map(|(&p, &offset)| (p, offset)).collect();
        match self.consumer.commit(&offsets, wait) {
            Ok(()) => self.metrics.commits.inc(),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "offsets were not committed");
                self.metrics.kafka_errors.inc();
            }
        }
        Ok(())
    }

    /// Asks the writer, past the fold: it has nothing to do with what is under way.
    fn hand_over(&mut self, task: Task) -> anyhow::Result<()> {
        let mut task = task;
        loop {
            match self.to_write.send_timeout(task, POLL) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Disconnected(_)) => bail!("the writer has ended"),
                Err(SendTimeoutError::Timeout(returned)) => {
                    task = returned;
                    self.collect_acks();
                    self.health.beat();
                }
            }
        }
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        let now = clock::now();
        if now < self.last_tick.plus(TICK_MILLIS) {
            return Ok(());
        }
        self.last_tick = now;
        let at_end = match self.attention.has_lasted(self.idle_after) {
            true => self.at_end.iter().copied().collect(),
            false => Vec::new(),
        };
        self.send(Feed::Tick(Tick {
            now,
            at_end,
            heard_until: self.attention.heard_until(),
            ends: self.consumer.high_watermarks(),
        }))
    }

    /// Hands on in order. While there is no room, fetching pauses but polling goes on.
    fn send(&mut self, feed: Feed<Record>) -> anyhow::Result<()> {
        let number = self.next_number;
        self.next_number += 1;
        let mut item = Numbered { number, feed };
        let blocked = self.metrics.blocked(stage::POLL);
        let mut paused: Vec<i32> = Vec::new();
        loop {
            match self.output.send_timeout(item, PATIENCE) {
                Ok(()) => break,
                Err(SendTimeoutError::Disconnected(_)) => bail!("the workers have ended"),
                Err(SendTimeoutError::Timeout(returned)) => {
                    item = returned;
                    if paused.is_empty() && !self.assigned.is_empty() {
                        paused = self.assigned.iter().copied().collect();
                        self.consumer.pause(&paused)?;
                    }
                    self.collect_acks();
                    self.health.beat();
                    match self.consumer.poll(Duration::ZERO)? {
                        Polled::Nothing => {}
                        polled => self.stash.push_back(polled),
                    }
                }
            }
        }
        drop(blocked);
        if paused.is_empty() {
            return Ok(());
        }
        self.consumer.resume(&paused).context("after a pause")
    }
}
