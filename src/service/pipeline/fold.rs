//! The fold: observations in the order of reading, one shard a partition, released windows out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crossbeam_channel::{Receiver, Sender, never, select};
use demograph_core::{
    people::Crowd,
    privacy::{Cells, ReleasedWindow},
    record::{EventTime, Position, SourceId},
    reject::Reject,
    state::{Applied, Cadence, Checkpoint, Shard, Terms, TrackKey},
    views::Rolling,
    window::{Note, Observation, Outcome, Settings, Untracked},
};

use super::{
    Meaning, audience,
    feed::{Feed, Numbered, Order, Resumed, Signal, Tick},
    sources::{Seen, Watch},
    write::Task,
};
use crate::{
    clock,
    http::Health,
    inputs::{self, Inputs},
    metrics::{Metrics, SOURCE_SERIES_LIMIT, outcome, pace::Pace, put, stage},
    snapshot::{Audience, Counts, Latest, PeopleBySource, Probes, Snapshot},
};

/// The fold's parts.
pub(super) struct Fold {
    pub observations: Receiver<Vec<Numbered<Observation>>>,
    pub signals: Receiver<Numbered<Signal>>,
    pub output: Sender<Task>,
    /// One for each record and signal that is under way: the reader puts it in, the fold takes it out.
    pub under_way: Receiver<()>,
    pub settings: Settings,
    pub cadence: Cadence,
    pub views: Rolling,
    pub crowd: Crowd,
    pub meaning: Meaning,
    pub track_key: TrackKey,
    pub metrics: Metrics,
    pub shards: BTreeMap<i32, Shard>,
    /// Where each source was seen, to check the keying contract.
    pub seen: HashMap<SourceId, BTreeSet<i32>>,
    pub watch: Watch,
    /// Sources whose faces without a track id were warned of.
    pub untracked: HashSet<SourceId>,
    pub shown: Shown,
}

/// What is shown to readers inside of the program.
#[derive(Default)]
pub(super) struct Shown {
    pub latest: Latest,
    pub health: Health,
    pub audience: Arc<Audience>,
    pub people: Arc<PeopleBySource>,
    pub pace: Pace,
    /// By partition, as of the last tick.
    pub lag: BTreeMap<i32, i64>,
    /// Who feeds the service from within its process.
    pub inputs: Option<Arc<dyn Inputs>>,
}

/// The writer has ended; its own error says why.
struct WriterGone;

impl Fold {
    /// Folds until the observations end, and with them the signals.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut order = Order::default();
        let mut goes_on = true;
        while goes_on {
            goes_on = self.hear(&mut order);
            let timer = self
                .metrics
                .stage_seconds
                .with_label_values(&[stage::FOLD])
                .start_timer();
            while let Some(feed) = order.take() {
                // Before each feed the reader has put one in.
                let _room = self.under_way.try_recv();
                if let Err(WriterGone) = self.take(feed) {
                    return Ok(());
                }
            }
            timer.observe_duration();
        }
        Ok(())
    }

    /// Puts in order what comes next. False when there is no more.
    fn hear(&mut self, order: &mut Order<Feed>) -> bool {
        select! {
            recv(self.observations) -> batch => match batch {
                Ok(batch) => batch.into_iter().for_each(|item| order.put(item.map(Feed::Data))),
                // The workers end after the reader has: its last signals are there.
                Err(_) => {
                    self.signals.try_iter().for_each(|item| order.put(item.map(Feed::Signal)));
                    return false;
                }
            },
            recv(self.signals) -> signal => match signal {
                Ok(signal) => order.put(signal.map(Feed::Signal)),
                Err(_) => self.signals = never(),
            },
        }
        true
    }

    fn take(&mut self, feed: Feed) -> Result<(), WriterGone> {
        match feed {
            Feed::Data(observation) => self.apply(observation),
            Feed::Signal(signal) => self.signal(signal),
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<(), WriterGone> {
        match signal {
            Signal::Reached {
                partition,
                next_offset,
            } => {
                self.reach(partition, next_offset);
                Ok(())
            }
            Signal::Presence(position) => self.count_presence(position),
            Signal::Tick(tick) => self.tick(&tick),
            Signal::Assigned(partitions) => {
                for resumed in partitions {
                    self.begin(resumed);
                }
                Ok(())
            }
            Signal::Revoked(partitions) => {
                for partition in partitions {
                    self.give_up(partition)?;
                }
                self.show_changes();
                self.take_snapshot(clock::now());
                self.send(Task::Drained)
            }
            Signal::Ended(partitions) => {
                for partition in partitions {
                    self.end(partition)?;
                }
                self.show_changes();
                self.take_snapshot(clock::now());
                self.send(Task::Drained)
            }
            Signal::Lost(partitions) => {
                for partition in partitions {
                    self.forget(partition);
                }
                self.show_changes();
                self.take_snapshot(clock::now());
                self.send(Task::Drained)
            }
        }
    }

    /// Takes up a partition where it was left.
    fn begin(&mut self, resumed: Resumed) {
        let now = clock::now();
        let (partition, terms) = (resumed.partition, self.meaning.terms.clone());
        // Of one that was counted before, older windows are known to the tables only.
        let first = resumed.history.iter().map(|window| window.start).min();
        let is_new = resumed.saved.terms == Terms::none();
        self.crowd
            .begin(partition, (!is_new).then(|| first.unwrap_or(now)));
        let shard = Shard::begin(
            partition,
            resumed.saved,
            self.settings,
            terms,
            &self.track_key,
        );
        self.shards.insert(partition, shard);
        for window in resumed.history {
            let series = self.views.series(&window.source);
            self.crowd.add(&series, &window, now);
            self.views.add(window, now);
        }
    }

    fn apply(&mut self, observation: Observation) -> Result<(), WriterGone> {
        let partition = observation.position.partition;
        let seen = Seen::from(&observation);
        let (source, now) = (seen.source.clone(), seen.received);
        let is_tracked = observation.track.is_some();
        // A partition that was given up belongs to somebody else, who reads the record again.
        let Some(shard) = self.shards.get_mut(&partition) else {
            return Ok(());
        };
        let skipped = shard.skipped();
        let applied = shard.apply(observation);
        let skipped = shard.skipped() - skipped;
        self.metrics.skipped_offsets.inc_by(skipped);
        let notes = shard.take_notes();
        let closed = shard.take_closed();
        self.metrics.audience.count_carried(shard.take_carried());
        let Applied::Counted(outcome, released) = applied else {
            self.metrics
                .records
                .with_label_values(&[outcome::REPLAYED])
                .inc();
            return Ok(());
        };
        if self.count_closed(closed) {
            self.watermark(partition, &source);
            self.watch.show(&self.views.series(&source));
        }
        self.count(outcome);
        for (source, note) in notes {
            match note {
                Note::Forgotten => self.forget_source(&source),
                note => self.watch.note(&source, note),
            }
        }
        if outcome == Outcome::Face && !is_tracked {
            self.count_untracked(&source);
        }
        if has_place(&source, outcome) {
            let series = self.views.series(&source);
            let shard = self.shards.get(&partition);
            let mark = shard
                .filter(|_| outcome == Outcome::Late)
                .and_then(|shard| shard.windows().closed_until(&source));
            self.watch.record(&seen, outcome, series, mark);
            self.check_keying(&source, partition);
        }
        self.take_in(released, now);
        self.checkpoint_if_due(partition, now)
    }

    /// One that was counted before, or is somebody else's, counts no more.
    fn count_presence(&mut self, position: Position) -> Result<(), WriterGone> {
        let Some(shard) = self.shards.get_mut(&position.partition) else {
            return Ok(());
        };
        let skipped = shard.skipped();
        let is_new = shard.apply_presence(position);
        self.metrics
            .skipped_offsets
            .inc_by(shard.skipped() - skipped);
        self.metrics.presences.inc_by(u64::from(is_new));
        self.checkpoint_if_due(position.partition, clock::now())
    }

    /// What lies before the end and was no record is a mark of a transaction, or was compacted.
    fn reach(&mut self, partition: i32, next_offset: i64) {
        if let Some(shard) = self.shards.get_mut(&partition) {
            let skipped = shard.reach(next_offset);
            self.metrics.skipped_offsets.inc_by(skipped);
        }
    }

    fn tick(&mut self, tick: &Tick) -> Result<(), WriterGone> {
        for partition in self.shards.keys().copied().collect::<Vec<_>>() {
            if let Some(&until) = tick.silent.get(&partition) {
                let shard = self.shards.get_mut(&partition).expect("it was just listed");
                let released = shard.close_idle(until);
                let closed = shard.take_closed();
                self.metrics.audience.count_carried(shard.take_carried());
                if self.count_closed(closed) {
                    self.watermarks(partition);
                }
                self.take_in(released, tick.now);
            }
            self.checkpoint_if_due(partition, tick.now)?;
        }
        self.watch.tick(&tick.ends);
        for source in self.views.expire(tick.now) {
            self.crowd.forget_source(&source, tick.now);
            self.forget_source(&source);
        }
        self.crowd.expire(tick.now);
        self.show_changes();
        self.measure(tick);
        self.take_snapshot(tick.now);
        Ok(())
    }

    /// The partition goes to somebody else, who goes on with its open panes.
    fn give_up(&mut self, partition: i32) -> Result<(), WriterGone> {
        match self.forget(partition) {
            Some(mut shard) if shard.is_changed() => {
                self.send(Task::Write(shard.checkpoint(clock::now(), false)))
            }
            _ => Ok(()),
        }
    }

    /// The stream has ended: nothing stays open, and everything is published.
    fn end(&mut self, partition: i32) -> Result<(), WriterGone> {
        let Some(mut shard) = self.shards.remove(&partition) else {
            return Ok(());
        };
        let now = clock::now();
        let released = shard.end();
        self.count_closed(shard.take_closed());
        self.metrics.audience.count_carried(shard.take_carried());
        self.take_in(released, now);
        self.send(Task::Write(shard.checkpoint(now, true)))
    }

    /// The partition is somebody else's, and so are its lag and its sources' series.
    fn forget(&mut self, partition: i32) -> Option<Shard> {
        // Where no tick came yet there is no series to remove.
        let lag = &self.metrics.partition_lag;
        drop(lag.remove_label_values(&[&partition.to_string()]));
        self.shown.lag.remove(&partition);
        self.views.forget(partition);
        self.crowd.forget(partition, clock::now());
        let shard = self.shards.remove(&partition)?;
        for (source, ..) in shard.windows().sources().iter() {
            self.forget_source(source);
        }
        Some(shard)
    }

    fn forget_source(&mut self, source: &SourceId) {
        put(&self.metrics.source_watermark, &[source.as_str()], None);
        self.seen.remove(source);
        self.untracked.remove(source);
        self.watch.forget(source);
    }

    fn checkpoint_if_due(&mut self, partition: i32, now: EventTime) -> Result<(), WriterGone> {
        let shard = self.shards.get_mut(&partition);
        let checkpoint: Option<Checkpoint> =
            shard.and_then(|shard| shard.checkpoint_if_due(now, self.cadence));
        checkpoint.map_or(Ok(()), |checkpoint| self.send(Task::Write(checkpoint)))
    }

    fn send(&self, task: Task) -> Result<(), WriterGone> {
        let _blocked = self.metrics.blocked(stage::FOLD);
        self.output.send(task).map_err(|_| WriterGone)
    }

    /// Shows the views of released windows in /metrics: at every tick, because an estimate costs more than a window.
    fn show_changes(&mut self) {
        for view in self.views.changed() {
            let audience = &mut self.shown.audience;
            audience::show(&view, &self.meaning, &self.metrics, audience);
        }
        audience::show_people(self.crowd.changed(), &mut self.shown.people);
    }

    /// What readers inside of the program see until the next one.
    fn take_snapshot(&mut self, at: EventTime) {
        self.shown.latest.put(Snapshot {
            at,
            audience: self.shown.audience.clone(),
            people: self.shown.people.clone(),
            pace: self.shown.pace.take(at, &self.metrics),
            counts: Counts::of(&self.metrics),
            lag: self.shown.lag.clone(),
            probes: Probes::of(&self.shown.health),
            inputs: inputs::of(self.shown.inputs.as_ref()),
            left_out: Arc::default(),
        });
    }

    /// Takes released windows into the views: after disclosure control, never before.
    fn take_in(&mut self, released: Vec<ReleasedWindow>, now: EventTime) {
        for window in released {
            self.metrics
                .released_windows
                .with_label_values(&[window.by.name()])
                .inc();
            for attribute in &window.content {
                if attribute.cells == Cells::Suppressed {
                    self.metrics
                        .suppressed_windows
                        .with_label_values(&[attribute.attribute.name()])
                        .inc();
                }
            }
            if window.source.as_str() == SourceId::UNKNOWN {
                continue;
            }
            let source = window.source.clone();
            let series = self.views.series(&source);
            self.crowd.add(&series, &window, now);
            self.views.add(window, now);
            self.watch.show(&series);
            if self.views.is_folded(&source) {
                self.metrics
                    .limit_hits
                    .with_label_values(&[SOURCE_SERIES_LIMIT])
                    .inc();
            }
        }
    }

    /// One person may be many such faces, so by default they cast no vote.
    fn count_untracked(&mut self, source: &SourceId) {
        self.metrics.audience.untracked.inc();
        if self.settings.untracked == Untracked::Ignore && self.untracked.insert(source.clone()) {
            tracing::warn!(%source, "faces without a track id cast no vote: let the producer send ce_trackid, or set policy.untracked = \"count\"");
        }
    }

    /// The key is the source, so a source lives in one partition. Elsewhere its rows still add up, but small
    /// counts are judged apart, so more is hidden than need be.
    fn check_keying(&mut self, source: &SourceId, partition: i32) {
        let seen = self.seen.get(source);
        if seen.is_some_and(|seen| seen.contains(&partition)) {
            return;
        }
        let seen = self.seen.entry(source.clone()).or_default();
        seen.insert(partition);
        if seen.len() > 1 {
            tracing::warn!(%source, partitions = ?seen, "a source arrives in more than one partition: use its id as the key of its records");
            self.metrics.partition_conflicts.inc();
        }
    }
}

/// Whether the record's source has a place of its own in the state. What has none is remembered nowhere else either:
/// there may be any number of such names.
fn has_place(source: &SourceId, outcome: Outcome) -> bool {
    let is_beyond = outcome == Outcome::Rejected(Reject::TooManySources);
    source.as_str() != SourceId::UNKNOWN && !is_beyond
}

mod measures;

#[cfg(test)]
mod tests;
