//! One Kafka partition: its open panes and growing windows, its outbox, its place in the log.

use std::sync::Arc;

use super::{
    LogIdentity, Terms, TrackKey,
    checkpoint::{self, Ledger, Saved},
    wire,
};
use crate::{
    choose::{Chooser, Sight},
    periods::{CarriedWindows, Periods, ReleasedPeriod},
    privacy::{ReleasedWindow, release},
    record::{EventTime, Position, SourceId},
    window::{
        ClosedBy, ClosedPanes, ClosedWindow, Note, Observation, Outcome, PartitionWindows, Settings,
    },
};

/// When the state is written down, and when an outbox becomes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Milliseconds between checkpoints.
    pub checkpoint: i64,
    /// Milliseconds that the oldest row waits for its publication.
    pub publish: i64,
    /// Rows that make a publication due at once.
    pub rows_max: usize,
    /// Bytes of the outbox that make a publication due at once: every checkpoint holds the whole outbox again.
    pub outbox_max: usize,
}

/// The state of one partition.
#[derive(Debug)]
pub struct Shard {
    partition: i32,
    log: LogIdentity,
    /// No id goes into the windows without it.
    key: TrackKey,
    terms: Arc<Terms>,
    windows: PartitionWindows,
    /// Follows the one before decoding, so that a checkpoint holds what that one must know at its next offset.
    chooser: Chooser,
    ledger: Ledger,
    /// Released windows that are in no file yet.
    outbox: Vec<ReleasedWindow>,
    /// How many rows these make.
    rows: usize,
    /// How many bytes of a checkpoint these take.
    bytes: usize,
    /// Hours and days. Finished ones are published with the outbox.
    periods: Periods,
    /// Windows that count in a later hour or day, and not taken yet.
    carried: CarriedWindows,
    /// None before the first, which is due at once: it fixes where the partition begins.
    last_checkpoint: Option<EventTime>,
    /// Whether anything happened since the last checkpoint.
    is_changed: bool,
}

/// What became of a record, and the windows that it ended.
#[derive(Debug, PartialEq)]
pub enum Applied {
    /// It was part of the state already.
    Replayed,
    /// It was counted now; the windows that it ended were released.
    Counted(Outcome, Vec<ReleasedWindow>),
}

/// The state at a moment, to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The Kafka partition.
    pub partition: i32,
    /// The terms on which the publication was counted.
    pub terms: Arc<Terms>,
    /// Everything before this offset was folded.
    pub next_offset: i64,
    /// The state's bytes, a [`Saved`].
    pub saved: Vec<u8>,
    /// The outbox, if it is to be published with this checkpoint.
    pub publication: Option<Publication>,
}

/// What a checkpoint publishes: rows of all tables.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Publication {
    /// Released windows.
    pub windows: Vec<ReleasedWindow>,
    /// Finished hours and days.
    pub periods: Vec<ReleasedPeriod>,
}

impl Shard {
    /// Goes on with a partition. What was saved must be of the same terms, or of none, and of no other key (see
    /// [`Shard::settle`]).
    pub fn begin(
        partition: i32,
        saved: Saved,
        settings: Settings,
        terms: Arc<Terms>,
        key: &TrackKey,
    ) -> Self {
        assert_eq!(
            key.check(saved.track_key),
            Ok(()),
            "the caller has checked the track key"
        );
        let saved = saved.keyed(key).once_published();
        let outbox = saved.outbox;
        Self {
            partition,
            log: saved.log,
            key: key.clone(),
            terms,
            chooser: Chooser::resume(settings.spans(), saved.chosen),
            windows: PartitionWindows::resume(partition, settings, saved.sources),
            ledger: saved.ledger,
            rows: outbox.iter().map(ReleasedWindow::rows).sum(),
            bytes: outbox.iter().map(wire::window_bytes).sum(),
            outbox,
            periods: saved.periods,
            carried: CarriedWindows::default(),
            last_checkpoint: None,
            is_changed: true,
        }
    }

    /// Ends what was counted on other terms, or with another key. Open panes and growing windows are cut and go into the
    /// outbox, which the returned checkpoint publishes, still on the old terms. Hours and days go on if the terms of today
    /// are the same.
    pub fn settle(
        partition: i32,
        mut saved: Saved,
        settings: &Settings,
        key: &TrackKey,
        today: &Terms,
        now: EventTime,
    ) -> Checkpoint {
        let terms = Arc::new(saved.terms.clone());
        let settings = terms.settings(settings);
        // None of its tracks is asked for again: the panes that hold them end here.
        saved.track_key = Some(key.fingerprint());
        let mut shard = Self::begin(partition, saved, settings, terms, key);
        let cut = shard.windows.cut();
        // Those whose crops were taken for these panes begin anew with the next ones.
        shard.chooser = Chooser::new(settings.spans());
        shard.put_out(cut);
        if *shard.terms != *today {
            shard.end_periods(ClosedBy::Change);
        }
        shard.checkpoint(now, true)
    }

    /// Folds one record, in offset order.
    pub fn apply(&mut self, mut observation: Observation) -> Applied {
        if !self.advance(observation.position) {
            return Applied::Replayed;
        }
        observation.track = observation.track.map(|id| self.key.track(id));
        observation.id = observation.id.map(|id| self.key.event(id));
        self.note(&observation);
        let source = observation.source.clone();
        let closed_before = self.windows.closed();
        let (outcome, ended) = self.windows.observe(observation);
        let released = self.put_out(ended);
        let zones = &self.terms.zones;
        for source in self.windows.take_gone() {
            self.periods.forget(&source, zones);
        }
        for (source, newest) in self.windows.take_set_back() {
            self.periods.set_back(&source, newest, zones);
        }
        // Between two panes that are closed no period can be finished that matters.
        if self.windows.closed() != closed_before
            && let Some(floor) = self.windows.floor(&source)
        {
            self.periods
                .pass(&source, floor, zones, ClosedBy::Watermark);
        }
        Applied::Counted(outcome, released)
    }

    /// Counts a presence event, in offset order. False where it was counted before. It says nothing of faces: it moves no
    /// watermark and is in no window.
    pub fn apply_presence(&mut self, position: Position) -> bool {
        let is_new = self.advance(position);
        self.ledger.presences += u64::from(is_new);
        is_new
    }

    /// Moves behind a record, and counts the offsets before it that held none. False where it was folded before.
    fn advance(&mut self, position: Position) -> bool {
        let Ok(skipped) = u64::try_from(position.offset - self.ledger.next_offset) else {
            return false;
        };
        self.ledger.skipped += skipped;
        self.ledger.next_offset = position.next_offset();
        self.is_changed = true;
        true
    }

    /// Follows the chooser before decoding.
    fn note(&mut self, observation: &Observation) {
        if let (Some(judged), Some(track)) = (observation.judged, observation.track) {
            let sight = Sight {
                source: &observation.source,
                time: observation.time,
                track,
                quality: judged.quality,
            };
            self.chooser.note(&sight, judged.choice);
        }
    }

    /// Everything before this offset was read, though not all of it were records. Returns how many were not.
    pub fn reach(&mut self, next_offset: i64) -> u64 {
        let skipped = u64::try_from(next_offset - self.ledger.next_offset).unwrap_or(0);
        if skipped > 0 {
            self.ledger.skipped += skipped;
            self.ledger.next_offset = next_offset;
            self.is_changed = true;
        }
        skipped
    }

    /// Closes panes of silent sources, and ends windows whose time has passed. Call it only when the whole log was read: a
    /// backlog is not silence.
    pub fn close_idle(&mut self, now: EventTime) -> Vec<ReleasedWindow> {
        let open = self.windows.sources().open_panes();
        let closed = self.windows.close_idle(now);
        // Panes may only have gone into windows that grow on.
        self.is_changed |= self.windows.sources().open_panes() != open;
        let released = self.put_out(closed);
        self.pass_silent(now);
        released
    }

    /// Finishes hours and days of silent sources.
    fn pass_silent(&mut self, now: EventTime) {
        let (zones, before) = (&self.terms.zones, self.periods.finished().len());
        let sources: Vec<SourceId> = self.periods.unfinished_sources().cloned().collect();
        for source in sources {
            let floors = [
                (self.windows.floor(&source), ClosedBy::Watermark),
                (self.windows.silent_floor(&source, now), ClosedBy::Idle),
            ];
            for (floor, by) in floors {
                let floor = floor.unwrap_or(EventTime::MIN);
                self.periods.pass(&source, floor, zones, by);
            }
        }
        self.is_changed |= self.periods.finished().len() != before;
    }

    fn end_periods(&mut self, by: ClosedBy) {
        self.is_changed |= self.periods.unfinished() > 0;
        self.periods.end(&self.terms.zones, by);
    }

    /// Ends every window: nothing more is expected.
    pub fn end(&mut self) -> Vec<ReleasedWindow> {
        let closed = self.windows.end();
        let released = self.put_out(closed);
        self.end_periods(ClosedBy::End);
        released
    }

    /// The state, if it is time to write it down.
    pub fn checkpoint_if_due(&mut self, now: EventTime, cadence: Cadence) -> Option<Checkpoint> {
        let is_published = self.waits_since(now).is_some_and(|since| {
            self.rows() >= cadence.rows_max
                || self.bytes >= cadence.outbox_max
                || since.plus(cadence.publish) <= now
        });
        let is_old = self
            .last_checkpoint
            .is_none_or(|last| last.plus(cadence.checkpoint) <= now);
        let is_due = is_published || (self.is_changed && is_old);
        is_due.then(|| self.checkpoint(now, is_published))
    }

    /// Since when the oldest row of the outbox waits. A time from the future is another machine's clock, or this one was
    /// set back: then the wait begins again.
    fn waits_since(&mut self, now: EventTime) -> Option<EventTime> {
        let since = self.ledger.waiting_since.filter(|&since| since <= now);
        let waits = !self.outbox.is_empty() || !self.periods.finished().is_empty();
        self.ledger.waiting_since = waits.then(|| since.unwrap_or(now));
        self.ledger.waiting_since
    }

    /// Rows that wait. Bytes of finished periods do not count: they were part of each checkpoint before.
    fn rows(&self) -> usize {
        self.rows + self.periods.rows()
    }

    /// Since when the oldest row waits that no publication holds.
    pub fn waiting_since(&self) -> Option<EventTime> {
        self.ledger.waiting_since
    }

    /// The state as it is. `publish` takes the outbox out of it.
    pub fn checkpoint(&mut self, now: EventTime, publish: bool) -> Checkpoint {
        let publish = self.waits_since(now).is_some() && publish;
        let saved = wire::write(checkpoint::Parts {
            log: &self.log,
            track_key: Some(self.key.fingerprint()),
            terms: &self.terms,
            ledger: &self.ledger,
            sources: self.windows.sources(),
            chosen: self.chooser.chosen(),
            outbox: &self.outbox,
            periods: &self.periods,
            publish,
        });
        self.last_checkpoint = Some(now);
        self.is_changed = false;
        let publication = publish.then(|| {
            self.ledger.waiting_since = None;
            self.rows = 0;
            self.bytes = 0;
            self.ledger.published += checkpoint::records(&self.outbox);
            Publication {
                windows: std::mem::take(&mut self.outbox),
                periods: self.periods.take_finished(),
            }
        });
        Checkpoint {
            partition: self.partition,
            terms: self.terms.clone(),
            next_offset: self.ledger.next_offset,
            saved,
            publication,
        }
    }

    /// Whether anything happened that no checkpoint holds.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The first offset that is not folded.
    pub fn next_offset(&self) -> i64 {
        self.ledger.next_offset
    }

    /// Offsets that held no record, since the chain began.
    pub fn skipped(&self) -> u64 {
        self.ledger.skipped
    }

    /// What was noticed of records since the last call.
    pub fn take_notes(&mut self) -> Vec<(SourceId, Note)> {
        self.windows.take_notes()
    }

    /// How many panes were closed since the last call, each by what.
    pub fn take_closed(&mut self) -> ClosedPanes {
        self.windows.take_closed()
    }

    /// Windows since the last call that count in a later hour, or in a later day, because theirs was published.
    pub fn take_carried(&mut self) -> CarriedWindows {
        std::mem::take(&mut self.carried)
    }

    /// Its hours and days.
    pub fn periods(&self) -> &Periods {
        &self.periods
    }

    /// Open panes and growing windows.
    pub fn windows(&self) -> &PartitionWindows {
        &self.windows
    }

    fn put_out(&mut self, closed: Vec<ClosedWindow>) -> Vec<ReleasedWindow> {
        self.is_changed |= !closed.is_empty();
        let released: Vec<_> = closed
            .into_iter()
            .map(|mut window| {
                let detections = window.content.detections.take();
                let thresholds = self.terms.thresholds(window.people_unit());
                let released = release(window, thresholds);
                if let Some(detections) = detections {
                    self.windows.learn(&released, &detections);
                }
                released
            })
            .collect();
        self.rows += released.iter().map(ReleasedWindow::rows).sum::<usize>();
        self.bytes += released.iter().map(wire::window_bytes).sum::<usize>();
        let zones = &self.terms.zones;
        let carried = self.periods.add(&released, zones);
        // What begins after the newest face is of a clock that was wrong.
        for window in &released {
            if let Some(newest) = self.windows.newest(&window.source)
                && newest < window.start
            {
                self.periods.set_back(&window.source, newest, zones);
            }
        }
        for (sum, windows) in self.carried.iter_mut().zip(carried) {
            *sum += windows;
        }
        self.outbox.extend(released.iter().cloned());
        released
    }
}

#[cfg(test)]
mod chosen_tests;
#[cfg(test)]
mod growing_tests;
#[cfg(test)]
mod period_tests;
#[cfg(test)]
mod tests;

#[cfg(test)]
mod changes;
