//! The fold over one partition's log: observations in offset order in, closed panes out.

use std::collections::BTreeMap;

use super::{
    ClosedBy, ClosedPane, Observation, Settings,
    pane::{Pane, PaneName},
    source::{Outcome, SourceWindows},
};
use crate::{
    decode::Reject,
    record::{EventTime, SourceId},
};

/// All open panes of a partition.
#[derive(Debug)]
pub struct PartitionWindows {
    partition: i32,
    settings: Settings,
    sources: BTreeMap<SourceId, SourceWindows>,
}

impl PartitionWindows {
    pub fn new(partition: i32, settings: Settings) -> Self {
        Self {
            partition,
            settings,
            sources: BTreeMap::new(),
        }
    }

    /// Counts one record, and closes what its time has passed.
    pub fn observe(&mut self, mut observation: Observation) -> (Outcome, Vec<ClosedPane>) {
        if !self.sources.contains_key(&observation.source)
            && self.sources.len() >= self.settings.sources_max
        {
            observation.source = SourceId::unknown();
            observation.outcome = observation.outcome.and(Err(Reject::TooManySources));
        }
        let settings = self.settings;
        let source = self
            .sources
            .entry(observation.source.clone())
            .or_insert_with(SourceWindows::new);
        let outcome = source.observe(&observation, &settings);
        let done = source.close_passed(&settings);
        (
            outcome,
            self.name(&observation.source, done, ClosedBy::Watermark),
        )
    }

    /// Closes panes that nothing came for, by the wall clock. Call it only when everything that
    /// the log holds was read: a backlog is not silence.
    pub fn close_idle(&mut self, now: EventTime) -> Vec<ClosedPane> {
        let settings = self.settings;
        self.close(ClosedBy::Idle, |source| source.close_idle(now, &settings))
    }

    /// Closes everything.
    pub fn drain(&mut self) -> Vec<ClosedPane> {
        let settings = self.settings;
        self.close(ClosedBy::Drain, |source| source.close_all(&settings))
    }

    /// The first offset that any open pane stands on: reading again from here loses nothing.
    pub fn first_offset(&self) -> Option<i64> {
        self.sources
            .values()
            .filter_map(SourceWindows::first_offset)
            .min()
    }

    pub fn open_panes(&self) -> usize {
        self.sources.values().map(SourceWindows::open_panes).sum()
    }

    pub fn has_source(&self, source: &SourceId) -> bool {
        self.sources.contains_key(source)
    }

    /// The event time up to which the source's panes are closed; `None` before the first.
    pub fn closed_until(&self, source: &SourceId) -> Option<EventTime> {
        let until = self.sources.get(source)?.closed_until();
        (until != EventTime::MIN).then_some(until)
    }

    fn close(
        &mut self,
        by: ClosedBy,
        mut take: impl FnMut(&mut SourceWindows) -> Vec<(EventTime, Pane)>,
    ) -> Vec<ClosedPane> {
        let taken: Vec<_> = self
            .sources
            .iter_mut()
            .map(|(id, source)| (id.clone(), take(source)))
            .collect();
        taken
            .into_iter()
            .flat_map(|(id, panes)| self.name(&id, panes, by))
            .collect()
    }

    fn name(
        &self,
        source: &SourceId,
        panes: Vec<(EventTime, Pane)>,
        by: ClosedBy,
    ) -> Vec<ClosedPane> {
        panes
            .into_iter()
            .map(|(start, pane)| {
                let name = PaneName {
                    source: source.clone(),
                    partition: self.partition,
                    start,
                    end: start.plus(self.settings.pane),
                    by,
                };
                pane.close(name, &self.settings)
            })
            .collect()
    }
}
