//! The fold over one partition's log: observations in offset order in, closed panes out.

use std::collections::BTreeMap;

use super::{
    ClosedBy, ClosedPane, Observation, Settings,
    pane::{OpenPane, PaneName},
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
    sources: Sources,
}

/// What of [`PartitionWindows`] outlives the process: every source's watermark and open panes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sources(pub(crate) BTreeMap<SourceId, SourceWindows>);

impl Sources {
    pub fn open_panes(&self) -> usize {
        self.0.values().map(SourceWindows::open_panes).sum()
    }

    /// Records in the open panes.
    pub fn records(&self) -> u64 {
        self.0.values().map(SourceWindows::records).sum()
    }

    /// Each source, the event time up to which its panes are closed, and how many are open.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceId, EventTime, usize)> {
        self.0
            .iter()
            .map(|(id, source)| (id, source.closed_until(), source.open_panes()))
    }
}

impl PartitionWindows {
    pub fn new(partition: i32, settings: Settings) -> Self {
        Self::resume(partition, settings, Sources::default())
    }

    /// Goes on with panes that were open before.
    pub fn resume(partition: i32, settings: Settings, sources: Sources) -> Self {
        Self {
            partition,
            settings,
            sources,
        }
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Counts one record, and closes what its time has passed.
    pub fn observe(&mut self, mut observation: Observation) -> (Outcome, Vec<ClosedPane>) {
        if !self.sources.0.contains_key(&observation.source)
            && self.sources.0.len() >= self.settings.sources_max
        {
            observation.source = SourceId::unknown();
            observation.outcome = observation.outcome.and(Err(Reject::TooManySources));
        }
        let settings = self.settings;
        let source = self
            .sources
            .0
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
    pub fn end(&mut self) -> Vec<ClosedPane> {
        let settings = self.settings;
        self.close(ClosedBy::End, |source| source.close_all(&settings))
    }

    /// Takes out every pane, so that what means something else begins new rows. Nothing becomes late by it.
    pub fn cut(&mut self) -> Vec<ClosedPane> {
        self.close(ClosedBy::Change, SourceWindows::cut)
    }

    /// The event time up to which the source's panes are closed; `None` before the first.
    pub fn closed_until(&self, source: &SourceId) -> Option<EventTime> {
        let until = self.sources.0.get(source)?.closed_until();
        (until != EventTime::MIN).then_some(until)
    }

    fn close(
        &mut self,
        by: ClosedBy,
        mut take: impl FnMut(&mut SourceWindows) -> Vec<(EventTime, OpenPane)>,
    ) -> Vec<ClosedPane> {
        let taken: Vec<_> = self
            .sources
            .0
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
        panes: Vec<(EventTime, OpenPane)>,
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
