//! The poll loop: records and rebalances in, numbered records and signals out. Polling never stops.

mod send;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use demograph_core::{record::EventTime, state::FirstStart, window::Observation};

use super::{
    assignment::{Answer, Assignment, Drain},
    attention::Attention,
    feed::{Numbered, Resumed, Signal, Tick},
    front::{Candidate, Front, Looked},
    log::Log,
    watch::Watch,
    write::{Ack, Task},
};
use crate::{
    clock,
    http::Health,
    kafka::{Consumer, Polled, Wait},
    metrics::{Metrics, rebalance},
    shutdown::Shutdown,
};

/// How long a poll waits: the longest time until a request to stop is seen.
const POLL: Duration = Duration::from_millis(100);
/// How often the other stages learn of the wall clock.
const TICK_MILLIS: i64 = 1_000;

/// How long a partition may be assigned and not read before the instance is not ready.
const WAIT_MAX_MILLIS: i64 = 60_000;

/// The state of the poll loop.
pub(super) struct Reader {
    pub consumer: Consumer,
    /// Opens records and spares crops.
    pub front: Front,
    pub to_work: Sender<Numbered<Candidate>>,
    /// What the fold gets without the workers.
    pub past_the_workers: Sender<Vec<Numbered<Observation>>>,
    /// What goes past them next.
    pub passing: Vec<Numbered<Observation>>,
    pub to_fold: Sender<Numbered<Signal>>,
    /// Takes one for each record and signal that is under way to the fold; its room is what may be under way.
    pub under_way: Sender<()>,
    pub to_write: Sender<Task>,
    pub acks: Receiver<Ack>,
    pub metrics: Metrics,
    pub health: Health,
    pub shutdown: Shutdown,
    /// Where partitions without a chain begin.
    pub first_start: FirstStart,
    /// Milliseconds.
    pub drain_max: i64,
    /// Milliseconds of silence after which panes are closed.
    pub idle_after: i64,
    /// Milliseconds for which a worker may hold a batch.
    pub batch_stall_max: i64,
    /// What becomes of the partitions at the end: revoked, or ended.
    pub at_stop: fn(Vec<i32>) -> Signal,
    pub assignment: Assignment,
    /// The writer's answers that came while the reader waited for something else.
    pub early: VecDeque<Ack>,
    /// Partitions whose end was reached, as far as was heard.
    pub at_end: BTreeSet<i32>,
    /// The offset of what comes next in each partition, as far as was read.
    pub positions: BTreeMap<i32, i64>,
    pub attention: Attention,
    pub watch: Watch,
    /// Polled while there was no room downstream.
    pub stash: VecDeque<Polled>,
    pub next_number: u64,
    pub last_tick: EventTime,
    pub log: Log,
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
            if let Some(at) = self.consumer.heard() {
                self.health.hear(at);
            }
        }
        if self.shutdown.has_failed() {
            bail!("another stage failed");
        }
        self.let_go(&self.assignment.begun(), self.at_stop)?;
        self.consumer.leave();
        Ok(())
    }

    /// What has arrived, else what comes. Only a reader with nothing left to read hears silence: what waits
    /// behind a backlog has not been heard yet.
    fn listen(&mut self) -> anyhow::Result<Polled> {
        match self.consumer.poll_arrived()? {
            Polled::Nothing => {
                self.pass()?;
                self.attention.listen(self.consumer.answered());
                self.consumer.poll(POLL)
            }
            polled => Ok(polled),
        }
    }

    fn take(&mut self, polled: Polled) -> anyhow::Result<()> {
        match polled {
            Polled::Record(record) => {
                let position = record.position;
                self.at_end.remove(&position.partition);
                self.assignment.heard_of(position.partition);
                self.positions
                    .insert(position.partition, position.next_offset());
                match self.front.look(record) {
                    Looked::Candidate(candidate) => self.send(candidate),
                    Looked::Done(observation) => self.send_past(observation),
                    Looked::Presence(position) => self.signal(Signal::Presence(position)),
                }
            }
            Polled::AtEnd {
                partition,
                next_offset,
            } => self.reach_end(partition, next_offset),
            Polled::Assigned(partitions) => self.ask_where(partitions),
            Polled::Revoked(partitions) => self.let_go(&partitions, Signal::Revoked),
            Polled::Lost(partitions) => self.let_go(&partitions, Signal::Lost),
            Polled::Trouble(trouble) => {
                tracing::warn!(trouble, "kafka: going on");
                self.metrics.kafka_errors.inc();
                Ok(())
            }
            Polled::Nothing => Ok(()),
        }
    }

    /// The log may end with what is no record. Then what comes next is not the offset after the last record.
    fn reach_end(&mut self, partition: i32, next_offset: Option<i64>) -> anyhow::Result<()> {
        self.at_end.insert(partition);
        self.assignment.heard_of(partition);
        let position = self.positions.get(&partition).copied();
        match (position, next_offset) {
            (Some(position), Some(next_offset)) if position < next_offset => {
                self.positions.insert(partition, next_offset);
                self.signal(Signal::Reached {
                    partition,
                    next_offset,
                })
            }
            _ => Ok(()),
        }
    }

    /// Asks the writer where the chains say to go on. Nothing is read before it has answered.
    fn ask_where(&mut self, partitions: Vec<i32>) -> anyhow::Result<()> {
        self.metrics
            .rebalances
            .with_label_values(&[rebalance::ASSIGNED])
            .inc();
        let ticket = self.assignment.expect(&partitions, clock::now());
        self.hand_over(Task::Recover { ticket, partitions })
    }

    fn begin(&mut self, recovered: BTreeMap<i32, Option<Resumed>>) -> anyhow::Result<()> {
        self.log.ask(&self.consumer)?;
        let mut starts = Vec::new();
        let mut assigned = Vec::new();
        for (partition, resumed) in recovered {
            let mut resumed = match resumed {
                Some(resumed) => resumed,
                None => Resumed::beginning(partition, self.first_offset(partition)?),
            };
            self.log
                .expect(&resumed.saved.log)
                .with_context(|| format!("partition {partition}"))?;
            resumed.saved = resumed.saved.read_from(self.log.known());
            self.front.begin(partition, &resumed.saved);
            starts.push((partition, resumed.saved.ledger.next_offset));
            assigned.push(resumed);
        }
        self.consumer.begin(&starts)?;
        tracing::info!(?starts, "partitions assigned");
        self.positions.extend(starts.iter().copied());
        self.signal(Signal::Assigned(assigned))?;
        self.show_assignment();
        Ok(())
    }

    /// Where a partition without a chain begins.
    fn first_offset(&self, partition: i32) -> anyhow::Result<i64> {
        match self.first_start.offset(partition) {
            Some(offset) => Ok(offset),
            None => self.consumer.lowest(partition),
        }
    }

    /// The instance is ready if it has partitions and none of them has waited for long.
    fn show_assignment(&self) {
        let begun = self.assignment.begun().len();
        let waiting = self.assignment.waiting();
        self.metrics.assigned_partitions.set(begun as i64);
        self.metrics.waiting_partitions.set(waiting as i64);
        let long = self.assignment.waiting_for(clock::now(), WAIT_MAX_MILLIS);
        self.health.set_ready(begun > 0 && long.is_empty());
    }

    /// Has the partitions written down (or forgotten), commits, and gives them up.
    fn let_go(&mut self, partitions: &[i32], signal: fn(Vec<i32>) -> Signal) -> anyhow::Result<()> {
        let gone = self.assignment.release(partitions);
        for partition in partitions {
            self.at_end.remove(partition);
            self.positions.remove(partition);
            self.attention.forget(*partition);
            self.front.forget(*partition);
        }
        self.show_assignment();
        let signal = signal(gone.clone());
        let kind = if matches!(signal, Signal::Lost(_)) {
            rebalance::LOST
        } else {
            rebalance::REVOKED
        };
        tracing::info!(kind, ?partitions, "partitions go away");
        self.metrics.rebalances.with_label_values(&[kind]).inc();
        self.signal(signal)?;
        self.await_drained()?;
        // Partitions that were not begun are in no assignment that could be given up.
        self.consumer.give_up(&gone)
    }

    /// Waits until everything that was sent is durable, then commits.
    fn await_drained(&mut self) -> anyhow::Result<()> {
        let mut drain = Drain::default();
        let deadline = clock::now().plus(self.drain_max);
        while clock::now() < deadline {
            let ack = match self.early.pop_front() {
                Some(ack) => Ok(ack),
                None => self.acks.recv_timeout(POLL),
            };
            match ack {
                Ok(ack) => {
                    if drain.hear(ack) {
                        let durable = std::mem::take(&mut drain.durable);
                        self.early = drain.rest(std::mem::take(&mut self.early));
                        return self.commit(&durable, Wait::Yes);
                    }
                }
                Err(RecvTimeoutError::Timeout) if !self.shutdown.has_failed() => self.health.beat(),
                Err(_) => bail!("another stage stopped before all data was durable"),
            }
        }
        bail!(
            "the last checkpoint took longer than limits.drain_max; the next owner resumes from the checkpoint before it"
        )
    }

    /// Takes what the writer says.
    fn listen_to_writer(&mut self) -> anyhow::Result<()> {
        let mut offsets = BTreeMap::new();
        self.collect_acks();
        while let Some(ack) = self.early.pop_front() {
            match self.assignment.hear(ack) {
                Answer::Commit {
                    partition,
                    next_offset,
                } => drop(offsets.insert(partition, next_offset)),
                Answer::Begin(recovered) => self.begin(recovered)?,
                Answer::Rejoin(partition) => {
                    tracing::warn!(partition, "joining the group anew");
                    self.metrics
                        .rebalances
                        .with_label_values(&[rebalance::FENCED])
                        .inc();
                    self.consumer.rejoin()?;
                }
                Answer::Nothing => {}
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
        self.show_assignment();
        self.watch_workers(now)?;
        self.log.ask_if_due(&self.consumer)?;
        let silent = self.at_end.iter().filter_map(|&partition| {
            let until = self.attention.silent_until(partition, self.idle_after)?;
            Some((partition, until))
        });
        self.signal(Signal::Tick(Tick {
            now,
            silent: silent.collect(),
            ends: self.consumer.high_watermarks(),
        }))
    }

    /// A worker that hangs cannot be ended, so the program is: the next start goes on from the last checkpoint.
    fn watch_workers(&mut self, now: EventTime) -> anyhow::Result<()> {
        let (worker, held) = self.watch.look(now);
        self.metrics.batch_held.set(held / 1_000);
        ensure!(
            held <= self.batch_stall_max,
            "the worker work-{worker} has held one batch for {} s, longer than limits.batch_stall_max: the model or a \
             decoder hangs; a restart resumes from the last checkpoint",
            held / 1_000
        );
        Ok(())
    }
}
