//! One Kafka partition: its open panes, its outbox, its place in the log.

use std::sync::Arc;

use super::{
    LogIdentity, Terms,
    checkpoint::{self, Ledger, Saved},
    wire,
};
use crate::{
    privacy::{ReleasedPane, release},
    record::{EventTime, SourceId},
    window::{ClosedPane, Note, Observation, Outcome, PartitionWindows, Settings},
};

/// When the state is written down, and when an outbox becomes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Milliseconds between checkpoints.
    pub checkpoint: i64,
    /// Milliseconds between publications.
    pub publish: i64,
    /// Panes that make a publication due at once.
    pub panes_max: usize,
}

/// Where a partition begins: anew at an offset, or with what was saved.
#[derive(Debug, Clone)]
pub enum Start {
    At(i64),
    Resumed(Box<Saved>),
}

impl Start {
    /// The first offset to fold.
    pub fn next_offset(&self) -> i64 {
        match self {
            Self::At(offset) => *offset,
            Self::Resumed(saved) => saved.ledger.next_offset,
        }
    }
}

/// The state of one partition.
#[derive(Debug)]
pub struct Shard {
    partition: i32,
    log: LogIdentity,
    terms: Arc<Terms>,
    windows: PartitionWindows,
    ledger: Ledger,
    /// Released panes that are in no file yet.
    outbox: Vec<ReleasedPane>,
    last_publication: EventTime,
    /// None before the first, which is due at once: it fixes where the partition begins.
    last_checkpoint: Option<EventTime>,
    /// Whether anything happened since the last checkpoint.
    is_changed: bool,
}

/// What became of a record, and the panes that it closed.
#[derive(Debug, PartialEq)]
pub enum Applied {
    /// It was part of the state already.
    Replayed,
    Counted(Outcome, Vec<ReleasedPane>),
}

/// The state at a moment, to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub partition: i32,
    pub terms: Arc<Terms>,
    /// Everything before this offset was folded.
    pub next_offset: i64,
    /// The state's bytes, a [`Saved`].
    pub saved: Vec<u8>,
    /// The outbox, if it is to be published with this checkpoint.
    pub publication: Option<Vec<ReleasedPane>>,
}

impl Shard {
    /// A partition of which nothing was read yet, or one that goes on. What was saved must be of the same terms
    /// (see [`Shard::settle`]).
    pub fn begin(
        partition: i32,
        start: Start,
        (settings, terms): (Settings, Arc<Terms>),
        now: EventTime,
    ) -> Self {
        let mut log = LogIdentity::default();
        let (sources, ledger, outbox) = match start {
            Start::At(offset) => (Default::default(), Ledger::beginning(offset), Vec::new()),
            Start::Resumed(saved) => {
                log = saved.log.clone();
                let ledger = saved.ledger_after();
                let outbox = if saved.publish {
                    Vec::new()
                } else {
                    saved.outbox
                };
                (saved.sources, ledger, outbox)
            }
        };
        Self {
            partition,
            log,
            terms,
            windows: PartitionWindows::resume(partition, settings, sources),
            ledger,
            outbox,
            last_publication: now,
            last_checkpoint: None,
            is_changed: true,
        }
    }

    /// Learns which log it reads, as far as its checkpoints did not say.
    pub fn learn(&mut self, log: &LogIdentity) {
        self.log = std::mem::take(&mut self.log).or(log.clone());
    }

    /// Ends what was counted on other terms: its open panes are cut and put into the outbox, which the returned
    /// checkpoint publishes, still on the old terms.
    pub fn settle(partition: i32, saved: Saved, settings: &Settings, now: EventTime) -> Checkpoint {
        let terms = Arc::new(saved.terms.clone());
        let settings = terms.settings(settings);
        let start = Start::Resumed(Box::new(saved));
        let mut shard = Self::begin(partition, start, (settings, terms), now);
        let cut = shard.windows.cut();
        shard.put_out(cut);
        shard.checkpoint(now, true)
    }

    /// Folds one record, in offset order.
    pub fn apply(&mut self, observation: Observation) -> Applied {
        let position = observation.position;
        let Ok(skipped) = u64::try_from(position.offset - self.ledger.next_offset) else {
            return Applied::Replayed;
        };
        self.ledger.skipped += skipped;
        self.ledger.next_offset = position.next_offset();
        self.is_changed = true;
        let (outcome, closed) = self.windows.observe(observation);
        Applied::Counted(outcome, self.put_out(closed))
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

    /// Closes panes of silent sources. Only when the whole log was read: a backlog is not silence.
    pub fn close_idle(&mut self, now: EventTime) -> Vec<ReleasedPane> {
        let closed = self.windows.close_idle(now);
        self.put_out(closed)
    }

    /// Closes every pane: nothing more is expected.
    pub fn end(&mut self) -> Vec<ReleasedPane> {
        let closed = self.windows.end();
        self.put_out(closed)
    }

    /// The state, if it is time to write it down.
    pub fn checkpoint_if_due(&mut self, now: EventTime, cadence: Cadence) -> Option<Checkpoint> {
        let is_published = !self.outbox.is_empty()
            && (self.outbox.len() >= cadence.panes_max
                || self.last_publication.plus(cadence.publish) <= now);
        let is_old = self
            .last_checkpoint
            .is_none_or(|last| last.plus(cadence.checkpoint) <= now);
        let is_due = is_published || (self.is_changed && is_old);
        is_due.then(|| self.checkpoint(now, is_published))
    }

    /// The state as it is. `publish` takes the outbox out of it.
    pub fn checkpoint(&mut self, now: EventTime, publish: bool) -> Checkpoint {
        let publish = publish && !self.outbox.is_empty();
        let saved = wire::write(checkpoint::Parts {
            log: &self.log,
            terms: &self.terms,
            ledger: &self.ledger,
            sources: self.windows.sources(),
            outbox: &self.outbox,
            publish,
        });
        self.last_checkpoint = Some(now);
        self.is_changed = false;
        let publication = publish.then(|| {
            self.last_publication = now;
            self.ledger.published += checkpoint::records(&self.outbox);
            std::mem::take(&mut self.outbox)
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

    pub fn next_offset(&self) -> i64 {
        self.ledger.next_offset
    }

    pub fn skipped(&self) -> u64 {
        self.ledger.skipped
    }

    /// What was noticed of records since the last call.
    pub fn take_notes(&mut self) -> Vec<(SourceId, Note)> {
        self.windows.take_notes()
    }

    pub fn windows(&self) -> &PartitionWindows {
        &self.windows
    }

    fn put_out(&mut self, closed: Vec<ClosedPane>) -> Vec<ReleasedPane> {
        self.is_changed |= !closed.is_empty();
        let released: Vec<_> = closed
            .into_iter()
            .map(|pane| {
                let thresholds = self.terms.thresholds(pane.people_unit());
                release(pane, thresholds)
            })
            .collect();
        self.outbox.extend(released.iter().cloned());
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        decode::Reject,
        infer::ModelFacts,
        privacy::Policy,
        record::{EventId, Position},
        state,
        window::{Categories, Evidence, Sources},
    };

    const SETTINGS: Settings = Settings {
        pane: 10_000,
        lateness_max: 0,
        idle_after: 30_000,
        future_max: 60_000,
        drops_duplicates: false,
        weighting: crate::config::Weighting::People,
        untracked: crate::config::Untracked::Count,
        sources_max: 10,
    };
    const CADENCE: Cadence = Cadence {
        checkpoint: 10_000,
        publish: 60_000,
        panes_max: 2,
    };

    fn policy() -> Policy {
        Policy::new(&config::Policy::default(), &[])
    }

    fn terms(model: &str) -> Arc<Terms> {
        let facts = ModelFacts {
            id: model.into(),
            has_age: true,
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec![],
        };
        let categories = Categories::new(&[0, 18], &facts);
        Arc::new(Terms::new(model, &policy(), (categories, &SETTINGS)))
    }

    fn shard() -> Shard {
        Shard::begin(3, Start::At(5), (SETTINGS, terms("m@1")), EventTime(0))
    }

    fn face(offset: i64, time: i64) -> Observation {
        Observation {
            position: Position {
                partition: 3,
                offset,
            },
            received: EventTime(time),
            source: SourceId::new("cam"),
            time: EventTime(time),
            stated: None,
            id: None,
            track: None,
            outcome: Ok(Evidence::default()),
        }
    }

    fn saved(checkpoint: &Checkpoint) -> Saved {
        Saved::decode(&checkpoint.saved).unwrap()
    }

    #[test]
    fn the_log_that_is_read_stays_in_the_state() {
        let log = |byte| LogIdentity {
            topic_id: Some([byte; 16]),
            cluster: Some("a".into()),
        };
        let mut first = shard();
        first.learn(&log(1));
        let kept = saved(&first.checkpoint(EventTime(0), false));
        assert_eq!(kept.log, log(1));
        let start = Start::Resumed(Box::new(kept));
        let mut next = Shard::begin(3, start, (SETTINGS, terms("m@1")), EventTime(0));
        next.learn(&log(2));
        assert_eq!(saved(&next.checkpoint(EventTime(0), false)).log, log(1));
    }

    #[test]
    fn what_is_no_record_is_skipped_up_to_the_end_of_the_log() {
        let mut shard = shard();
        assert_eq!(shard.reach(5), 0);
        assert_eq!(shard.reach(8), 3);
        // Old news takes nothing back.
        assert_eq!(shard.reach(7), 0);
        assert_eq!((shard.next_offset(), shard.skipped()), (8, 3));
        let saved = saved(&shard.checkpoint(EventTime(0), false));
        assert!(saved.is_conserved() && saved.ledger.next_offset == 8);
    }

    #[test]
    fn an_offset_that_was_folded_already_is_not_folded_again() {
        let mut shard = shard();
        assert_eq!(shard.apply(face(4, 0)), Applied::Replayed);
        assert!(matches!(
            shard.apply(face(5, 0)),
            Applied::Counted(Outcome::Face, _)
        ));
        assert_eq!(shard.apply(face(5, 0)), Applied::Replayed);
        assert_eq!(shard.next_offset(), 6);
    }

    #[test]
    fn offsets_without_a_record_are_counted_as_skipped() {
        let mut shard = shard();
        shard.apply(face(5, 0));
        shard.apply(face(9, 0));
        assert_eq!((shard.next_offset(), shard.skipped()), (10, 3));
        assert!(saved(&shard.checkpoint(EventTime(0), false)).is_conserved());
    }

    #[test]
    fn what_is_saved_goes_on_where_it_was() {
        let mut shard = shard();
        shard.apply(face(5, 1_000));
        shard.apply(face(6, 11_000));
        shard.apply(face(7, 12_000));
        let first = saved(&shard.checkpoint(EventTime(0), false));
        assert_eq!((first.sources.records(), first.outbox.len()), (2, 1));
        assert!(first.is_conserved());
        let start = Start::Resumed(Box::new(first.clone()));
        let mut again = Shard::begin(3, start, (SETTINGS, terms("m@1")), EventTime(0));
        assert_eq!(again.apply(face(7, 0)), Applied::Replayed);
        let second = saved(&again.checkpoint(EventTime(0), false));
        assert_eq!(second, first);
    }

    #[test]
    fn an_event_is_known_again_behind_a_restart() {
        let settings = Settings {
            drops_duplicates: true,
            ..SETTINGS
        };
        let event = |offset| Observation {
            id: Some(EventId::of(b"0b1e")),
            ..face(offset, 1_000)
        };
        let mut shard = Shard::begin(3, Start::At(5), (settings, terms("m@1")), EventTime(0));
        shard.apply(event(5));
        let start = Start::Resumed(Box::new(saved(&shard.checkpoint(EventTime(0), false))));
        let mut again = Shard::begin(3, start, (settings, terms("m@1")), EventTime(0));
        let rejected = Outcome::Rejected(Reject::Duplicate);
        assert_eq!(again.apply(event(6)), Applied::Counted(rejected, vec![]));
    }

    #[test]
    fn a_publication_leaves_the_outbox_and_enters_the_ledger() {
        let mut shard = shard();
        shard.apply(face(5, 1_000));
        shard.apply(face(6, 11_000));
        let published = shard.checkpoint(EventTime(0), true);
        assert_eq!(published.publication.as_ref().unwrap().len(), 1);
        let before = saved(&published);
        assert!(before.publish && before.is_conserved() && before.ledger.published == 0);
        let after = saved(&shard.checkpoint(EventTime(0), true));
        assert!(!after.publish && after.is_conserved());
        assert_eq!((after.ledger.published, after.outbox.len()), (1, 0));
        assert_eq!(before.ledger_after(), after.ledger);
    }

    #[test]
    fn a_checkpoint_is_due_at_once_then_by_time_and_a_publication_by_time_or_size() {
        let mut shard = shard();
        let mut due = |now, faces: &[(i64, i64)]| {
            for &(offset, time) in faces {
                shard.apply(face(offset, time));
            }
            let checkpoint = shard.checkpoint_if_due(EventTime(now), CADENCE);
            checkpoint.map(|checkpoint| checkpoint.publication.map(|panes| panes.len()))
        };
        assert_eq!(due(0, &[]), Some(None), "where the partition begins");
        assert_eq!(due(20_000, &[]), None, "nothing happened");
        assert_eq!(due(9_999, &[(5, 1_000)]), None);
        assert_eq!(due(10_000, &[]), Some(None));
        assert_eq!(due(59_999, &[(6, 11_000)]), Some(None));
        assert_eq!(due(60_000, &[]), Some(Some(1)));
        assert_eq!(due(60_001, &[(7, 21_000), (8, 31_000)]), Some(Some(2)));
    }

    #[test]
    fn other_terms_cut_the_open_panes_and_publish_them_on_the_old_ones() {
        let mut shard = shard();
        shard.apply(face(5, 1_000));
        shard.apply(face(6, 11_000));
        let old = saved(&shard.checkpoint(EventTime(0), false));
        let cut = Shard::settle(3, old, &SETTINGS, EventTime(0));
        assert_eq!(cut.terms.model, "m@1");
        let panes = cut.publication.as_ref().unwrap();
        assert_eq!(panes.len(), 2);
        assert_eq!(panes[1].by, crate::window::ClosedBy::Change);
        let rest = saved(&cut);
        assert!(rest.is_conserved() && rest.sources.open_panes() == 0);
        // The pane that was cut goes on: nothing of it became late.
        let start = Start::Resumed(Box::new(rest));
        let mut next = Shard::begin(3, start, (SETTINGS, terms("m@2")), EventTime(0));
        assert!(matches!(
            next.apply(face(7, 12_000)),
            Applied::Counted(Outcome::Face, _)
        ));
    }

    #[test]
    fn what_was_written_reads_back_and_what_was_damaged_does_not() {
        let mut shard = shard();
        shard.apply(face(5, 1_000));
        let header = state::Header {
            seq: 7,
            parent: Some([1; 32]),
            writer: 9,
            written: EventTime(3),
            previous_publication: Some(2),
        };
        let (bytes, _) = checkpoint::encode(&header, &shard.checkpoint(EventTime(0), false).saved);
        let (read, saved) = checkpoint::decode(&bytes).unwrap();
        assert_eq!(read, header);
        assert_ne!(saved.sources, Sources::default());
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            checkpoint::decode(&damaged).unwrap_err();
            checkpoint::decode(&bytes[..place]).unwrap_err();
        }
    }
}
