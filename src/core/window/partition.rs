//! The fold over one partition's log: observations in offset order in, closed panes out.

use std::collections::BTreeMap;

use super::{
    ClosedBy, ClosedPane, Note, Observation, Settings,
    pane::{OpenPane, PaneName},
    source::{Outcome, SourceWindows},
};
use crate::{
    record::{EventId, EventTime, SourceId, TrackId},
    reject::Reject,
};

/// All open panes of a partition.
#[derive(Debug)]
pub struct PartitionWindows {
    partition: i32,
    settings: Settings,
    sources: Sources,
    /// While there is no room for another source, the offset at which to look for room again.
    full_until: i64,
    /// What was noticed of records, and not taken yet.
    notes: Vec<(SourceId, Note)>,
}

/// Sources that sent nothing for so long, in event time, make room for others.
const FORGET_AFTER: i64 = 3_600_000;
/// Records from one look for room to the next, for it looks at every source.
const LOOK_EVERY: i64 = 1_000;

/// What of [`PartitionWindows`] outlives the process: every source's watermark and open panes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sources(pub(crate) BTreeMap<SourceId, SourceWindows>);

impl Sources {
    pub fn open_panes(&self) -> usize {
        self.0.values().map(SourceWindows::open_panes).sum()
    }

    /// Gives every track and every event another name.
    pub fn rename(
        &mut self,
        (track, event): (impl Fn(TrackId) -> TrackId, impl Fn(EventId) -> EventId),
    ) {
        let panes = self
            .0
            .values_mut()
            .flat_map(|source| source.open.values_mut());
        for pane in panes {
            pane.rename((&track, &event));
        }
    }

    /// Records in the open panes.
    pub fn records(&self) -> u64 {
        self.0.values().map(SourceWindows::records).sum()
    }

    /// Each source, the event time up to which its panes are closed, and how many are open.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceId, EventTime, usize)> {
        self.0
            .iter()
            .map(|(id, source)| (id, source.mark(), source.open_panes()))
    }
}

impl PartitionWindows {
    pub fn new(partition: i32, settings: Settings) -> Self {
        Self::resume(partition, settings, Sources::default())
    }

    /// Goes on with panes that were open before.
    pub fn resume(partition: i32, settings: Settings, mut sources: Sources) -> Self {
        sources.0.values_mut().for_each(SourceWindows::resume);
        Self {
            partition,
            settings,
            sources,
            full_until: i64::MIN,
            notes: Vec::new(),
        }
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Counts one record, and closes what its time has passed.
    pub fn observe(&mut self, mut observation: Observation) -> (Outcome, Vec<ClosedPane>) {
        if !self.has_room(&observation) {
            observation.source = SourceId::unknown();
            observation.outcome = observation.outcome.and(Err(Reject::TooManySources));
        }
        let settings = self.settings;
        let source = self
            .sources
            .0
            .entry(observation.source.clone())
            .or_insert_with(SourceWindows::new);
        let (outcome, note) = source.observe(&observation, &settings);
        let noted = note.map(|note| (observation.source.clone(), note));
        self.notes.extend(noted);
        let done = source.close_passed(&settings);
        (
            outcome,
            self.name(&observation.source, done, ClosedBy::Watermark),
        )
    }

    /// Whether the record's source has a place of its own. A place becomes free where a source has been silent for
    /// long; if it comes back, it begins anew: what would have been late counts in another row of its pane.
    fn has_room(&mut self, observation: &Observation) -> bool {
        let sources = &mut self.sources.0;
        if sources.contains_key(&observation.source) || sources.len() < self.settings.sources_max {
            return true;
        }
        let offset = observation.position.offset;
        if offset >= self.full_until {
            let before = observation.time.minus(FORGET_AFTER);
            let gone = sources.extract_if(.., |_, source| source.is_over(before));
            let noted = gone.map(|(id, _)| (id, Note::Forgotten));
            self.notes.extend(noted);
        }
        let has_room = sources.len() < self.settings.sources_max;
        if !has_room && offset >= self.full_until {
            self.full_until = offset.saturating_add(LOOK_EVERY);
        }
        has_room
    }

    /// What was noticed since the last call.
    pub fn take_notes(&mut self) -> Vec<(SourceId, Note)> {
        std::mem::take(&mut self.notes)
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

    /// The event time up to which the source's panes are closed; `None` before the first face.
    pub fn closed_until(&self, source: &SourceId) -> Option<EventTime> {
        let until = self.sources.0.get(source)?.mark();
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
