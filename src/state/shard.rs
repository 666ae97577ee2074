//! One Kafka partition: its open panes, its outbox, its place in the log.

use crate::{
    privacy::{Policy, ReleasedPane, release},
    record::EventTime,
    window::{ClosedPane, Observation, Outcome, PartitionWindows, Settings},
};

/// When an outbox becomes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    /// Milliseconds.
    pub interval: i64,
    pub panes_max: usize,
}

/// The state of one partition.
#[derive(Debug)]
pub struct Shard {
    partition: i32,
    windows: PartitionWindows,
    /// The next offset to fold; `None` until the first record of a partition without a known start.
    next_offset: Option<i64>,
    /// Released panes that are in no file yet.
    outbox: Vec<ReleasedPane>,
    last_publication: EventTime,
}

/// What became of a record, and the panes that it closed.
#[derive(Debug, PartialEq)]
pub enum Applied {
    /// It was part of the state already.
    Replayed,
    Counted(Outcome, Vec<ReleasedPane>),
}

/// Rows to make durable; only then may the offset be committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub partition: i32,
    /// Everything before this offset was folded.
    pub next_offset: i64,
    /// Reading again from here loses nothing: the first offset that an open pane stands on.
    pub commit_offset: i64,
    pub panes: Vec<ReleasedPane>,
}

impl Shard {
    pub fn new(
        partition: i32,
        next_offset: Option<i64>,
        settings: Settings,
        now: EventTime,
    ) -> Self {
        Self {
            partition,
            windows: PartitionWindows::new(partition, settings),
            next_offset,
            outbox: Vec::new(),
            last_publication: now,
        }
    }

    /// Folds one record, in offset order.
    pub fn apply(&mut self, observation: Observation, policy: &Policy) -> Applied {
        let position = observation.position;
        if self.next_offset.is_some_and(|next| position.offset < next) {
            return Applied::Replayed;
        }
        self.next_offset = Some(position.next_offset());
        let (outcome, closed) = self.windows.observe(observation);
        Applied::Counted(outcome, self.put_out(closed, policy))
    }

    /// Closes panes of silent sources. Only when the whole log was read: a backlog is not silence.
    pub fn close_idle(&mut self, now: EventTime, policy: &Policy) -> Vec<ReleasedPane> {
        let closed = self.windows.close_idle(now);
        self.put_out(closed, policy)
    }

    /// Closes every pane.
    pub fn drain(&mut self, policy: &Policy) -> Vec<ReleasedPane> {
        let closed = self.windows.drain();
        self.put_out(closed, policy)
    }

    /// Takes the outbox if it is time, by `rolling`.
    pub fn publish_if_due(&mut self, now: EventTime, rolling: Rolling) -> Option<Publication> {
        let is_due = self.outbox.len() >= rolling.panes_max
            || self.last_publication.plus(rolling.interval) <= now;
        if is_due { self.publish(now) } else { None }
    }

    /// Takes the outbox, if there is anything in it.
    pub fn publish(&mut self, now: EventTime) -> Option<Publication> {
        self.last_publication = now;
        if self.outbox.is_empty() {
            return None;
        }
        let next_offset = self
            .next_offset
            .expect("rows come from records, and a record sets the next offset");
        Some(Publication {
            partition: self.partition,
            next_offset,
            commit_offset: self.windows.first_offset().unwrap_or(next_offset),
            panes: std::mem::take(&mut self.outbox),
        })
    }

    pub fn next_offset(&self) -> Option<i64> {
        self.next_offset
    }

    pub fn windows(&self) -> &PartitionWindows {
        &self.windows
    }

    fn put_out(&mut self, closed: Vec<ClosedPane>, policy: &Policy) -> Vec<ReleasedPane> {
        let released: Vec<_> = closed
            .into_iter()
            .map(|pane| release(pane, policy))
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
        record::{Position, SourceId},
        window::Evidence,
    };

    const SETTINGS: Settings = Settings {
        pane: 10_000,
        lateness_max: 0,
        idle_after: 30_000,
        weighting: crate::config::Weighting::People,
        sources_max: 10,
    };
    const ROLLING: Rolling = Rolling {
        interval: 60_000,
        panes_max: 2,
    };

    fn shard() -> (Shard, Policy) {
        let policy = Policy::new(&config::Policy::default(), &[]);
        (Shard::new(3, Some(5), SETTINGS, EventTime(0)), policy)
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
            track: None,
            outcome: Ok(Evidence::default()),
        }
    }

    #[test]
    fn an_offset_that_was_folded_already_is_not_folded_again() {
        let (mut shard, policy) = shard();
        assert_eq!(shard.apply(face(4, 0), &policy), Applied::Replayed);
        assert!(matches!(
            shard.apply(face(5, 0), &policy),
            Applied::Counted(Outcome::Face, _)
        ));
        assert_eq!(shard.apply(face(5, 0), &policy), Applied::Replayed);
        assert_eq!(shard.next_offset(), Some(6));
    }

    #[test]
    fn the_commit_offset_never_passes_an_open_pane() {
        let (mut shard, policy) = shard();
        shard.apply(face(5, 1_000), &policy);
        shard.apply(face(6, 11_000), &policy);
        let publication = shard.publish(EventTime(0)).unwrap();
        assert_eq!((publication.next_offset, publication.commit_offset), (7, 6));
        shard.drain(&policy);
        let publication = shard.publish(EventTime(0)).unwrap();
        assert_eq!((publication.next_offset, publication.commit_offset), (7, 7));
        assert_eq!(shard.publish(EventTime(0)), None);
    }

    #[test]
    fn a_file_is_due_by_time_or_by_size() {
        let (mut shard, policy) = shard();
        shard.apply(face(5, 1_000), &policy);
        shard.apply(face(6, 11_000), &policy);
        assert_eq!(shard.publish_if_due(EventTime(59_999), ROLLING), None);
        assert!(shard.publish_if_due(EventTime(60_000), ROLLING).is_some());
        shard.apply(face(7, 21_000), &policy);
        shard.apply(face(8, 31_000), &policy);
        assert!(shard.publish_if_due(EventTime(60_001), ROLLING).is_some());
    }
}
