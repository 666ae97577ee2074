//! The people of all sources, for those who have series of their own and for those who share one.

use std::collections::{BTreeMap, BTreeSet};

use super::People;
use crate::{
    periods::Zones,
    privacy::ReleasedWindow,
    record::{EventTime, SourceId},
    window::Untracked,
};

/// One that ends further ahead comes from a clock that was wrong.
const AHEAD_MAX: i64 = 3_600_000;

/// The people of every source that has released windows lately.
#[derive(Debug, Default)]
pub struct Crowd {
    zones: Zones,
    untracked: Untracked,
    sources: BTreeMap<SourceId, People>,
    /// Of partitions that were taken up: windows that were released before are not here.
    since: BTreeMap<i32, EventTime>,
    /// When people were forgotten last. A source that comes after that may be one of them, or one that shared a series before.
    forgotten: Option<EventTime>,
    /// Whose people are not as they were when they were last asked for.
    changed: BTreeSet<SourceId>,
}

impl Crowd {
    /// Nobody yet, by these clocks.
    pub fn new(zones: Zones, untracked: Untracked) -> Self {
        Self {
            zones,
            untracked,
            ..Self::default()
        }
    }

    /// A partition is taken up. Its windows that were released before `since` are not known here; nothing where there were none.
    pub fn begin(&mut self, partition: i32, since: Option<EventTime>) {
        match since {
            Some(since) => drop(self.since.insert(partition, since)),
            None => drop(self.since.remove(&partition)),
        }
    }

    /// Adds a window under the name of the series that its source has, or shares.
    pub fn add(&mut self, series: &SourceId, window: &ReleasedWindow, now: EventTime) {
        if window.source.as_str() == SourceId::UNKNOWN || window.end > now.plus(AHEAD_MAX) {
            return;
        }
        let people = self.sources.entry(series.clone());
        let people = people.or_insert_with(|| {
            let mut people = People::new(self.zones.of(series).clone());
            people.lacks_what_was_before(self.forgotten);
            people
        });
        people.add(window, self.untracked);
        people.lacks_what_was_before(self.since.get(&window.partition).copied());
        people.expire(now);
        self.changed.insert(series.clone());
    }

    /// Takes out the hours that nobody asks for any more.
    pub fn expire(&mut self, now: EventTime) {
        for (source, people) in &mut self.sources {
            if people.expire(now) {
                self.changed.insert(source.clone());
            }
        }
    }

    /// Takes out the people of a partition that somebody else goes on with.
    pub fn forget(&mut self, partition: i32, now: EventTime) {
        for (source, people) in &mut self.sources {
            if people.forget(partition) {
                self.forgotten = Some(now);
                self.changed.insert(source.clone());
            }
        }
    }

    /// Takes out a source that gave its series up.
    pub fn forget_source(&mut self, source: &SourceId, now: EventTime) {
        if self.sources.remove(source).is_some() {
            self.forgotten = Some(now);
            self.changed.insert(source.clone());
        }
    }

    /// The people that are not as they were at the last call; nothing where nobody is left.
    pub fn changed(&mut self) -> Vec<(SourceId, Option<People>)> {
        self.sources.retain(|_, people| !people.is_empty());
        let changed = std::mem::take(&mut self.changed);
        let of = |source: SourceId| {
            let people = self.sources.get(&source).cloned();
            (source, people)
        };
        changed.into_iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests;
