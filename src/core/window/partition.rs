//! The fold over one partition's log: observations in offset order in, windows that have ended out.

use std::collections::BTreeMap;

use super::{
    ClosedBy, ClosedWindow, Note, Observation, Settings, Tally,
    ended::Place,
    source::{Outcome, SourceWindows, WindowEnd},
};
use crate::{
    privacy::{Cells, ReleasedWindow, masked},
    record::{EventId, EventTime, SourceId, TrackId},
    reject::Reject,
};

/// All open panes and growing windows of a partition.
#[derive(Debug)]
pub struct PartitionWindows {
    partition: i32,
    settings: Settings,
    sources: Sources,
    /// While there is no room for another source, the offset at which to look for room again.
    full_until: i64,
    /// Panes that were closed, in the order of [`ClosedBy::ALL`], and not taken yet.
    closed: ClosedPanes,
    /// What was noticed of records, and not taken yet.
    notes: Vec<(SourceId, Note)>,
    /// Sources that gave their place away, and not taken yet.
    gone: Vec<SourceId>,
    /// Sources whose clock was set back, with their newest face of the new clock, and not taken yet.
    set_back: Vec<(SourceId, EventTime)>,
}

/// Numbers of panes in the order of [`ClosedBy::ALL`].
pub type ClosedPanes = [usize; ClosedBy::ALL.len()];

/// Sources that sent nothing for so long, in event time, make room for others.
const FORGET_AFTER: i64 = 3_600_000;
/// Records from one look for room to the next, for it looks at every source.
const LOOK_EVERY: i64 = 1_000;

/// What of [`PartitionWindows`] outlives the process: every source's watermark, open panes and growing window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sources(pub(crate) BTreeMap<SourceId, SourceWindows>);

impl Sources {
    /// Open panes of all sources.
    pub fn open_panes(&self) -> usize {
        self.0.values().map(SourceWindows::open_panes).sum()
    }

    /// Gives every track and every event another name.
    pub fn rename(
        &mut self,
        track: impl Fn(TrackId) -> TrackId,
        event: impl Fn(EventId) -> EventId,
    ) {
        for source in self.0.values_mut() {
            source.rename(&track, &event);
        }
    }

    /// Windows that hold closed panes and wait for more people.
    pub fn growing(&self) -> usize {
        self.0.values().filter(|source| source.is_growing()).count()
    }

    /// Records in the open panes and growing windows.
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
    /// A partition without any count.
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
            closed: ClosedPanes::default(),
            notes: Vec::new(),
            gone: Vec::new(),
            set_back: Vec::new(),
        }
    }

    /// What a checkpoint keeps.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Counts one record, closes what its time has passed, and ends the windows that have grown enough by it.
    pub fn observe(&mut self, mut observation: Observation) -> (Outcome, Vec<ClosedWindow>) {
        let (has_room, mut ended) = self.make_room(&observation);
        if !has_room {
            observation.source = SourceId::unknown();
            observation.outcome = observation.outcome.and(Err(Reject::TooManySources));
        }
        let settings = self.settings;
        let source = self
            .sources
            .0
            .entry(observation.source.clone())
            .or_insert_with(SourceWindows::new);
        let mark = source.mark();
        let (outcome, note) = source.observe(&observation, &settings);
        if source.mark() < mark {
            let begins = (observation.source.clone(), source.newest);
            self.set_back.push(begins);
        }
        let noted = note.map(|note| (observation.source.clone(), note));
        self.notes.extend(noted);
        let open = source.open_panes();
        let done = source.close_passed(&settings);
        self.closed[ClosedBy::Watermark as usize] += open - source.open_panes();
        ended.extend(self.name(&observation.source, done, ClosedBy::Watermark));
        (outcome, ended)
    }

    /// Whether the record's source has a place of its own. A place becomes free where a source has been silent for
    /// long, and its window ends; if it comes back, it begins anew: what would have been late counts in another window.
    fn make_room(&mut self, observation: &Observation) -> (bool, Vec<ClosedWindow>) {
        let mut ended = Vec::new();
        let sources = &mut self.sources.0;
        if sources.contains_key(&observation.source) || sources.len() < self.settings.sources_max {
            return (true, ended);
        }
        let offset = observation.position.offset;
        if offset >= self.full_until {
            let before = observation.time.minus(FORGET_AFTER);
            let gone = sources.extract_if(.., |_, source| source.is_over(before));
            for (id, mut source) in gone.collect::<Vec<_>>() {
                ended.extend(self.name(&id, source.cut(&self.settings), ClosedBy::Idle));
                self.gone.push(id.clone());
                self.notes.push((id, Note::Forgotten));
            }
        }
        let has_room = self.sources.0.len() < self.settings.sources_max;
        if !has_room && offset >= self.full_until {
            self.full_until = offset.saturating_add(LOOK_EVERY);
        }
        (has_room, ended)
    }

    /// What was noticed since the last call.
    pub fn take_notes(&mut self) -> Vec<(SourceId, Note)> {
        std::mem::take(&mut self.notes)
    }

    /// Sources that gave their place away since the last call.
    pub(crate) fn take_gone(&mut self) -> Vec<SourceId> {
        std::mem::take(&mut self.gone)
    }

    /// Sources whose clock was set back since the last call, with their newest face of the new clock.
    pub(crate) fn take_set_back(&mut self) -> Vec<(SourceId, EventTime)> {
        std::mem::take(&mut self.set_back)
    }

    /// How many panes were closed and not taken yet.
    pub(crate) fn closed(&self) -> usize {
        self.closed.iter().sum()
    }

    /// The source's newest face.
    pub(crate) fn newest(&self, source: &SourceId) -> Option<EventTime> {
        Some(self.sources.0.get(source)?.newest)
    }

    /// No window of the source begins before this time any more, unless its clock is set back.
    pub(crate) fn floor(&self, source: &SourceId) -> Option<EventTime> {
        let source = self.sources.0.get(source)?;
        Some(source.floor(&self.settings))
    }

    /// The same by the source's own clock, where it is silent. Ask only when everything that the log holds was read.
    pub(crate) fn silent_floor(&self, source: &SourceId, now: EventTime) -> Option<EventTime> {
        let source = self.sources.0.get(source)?;
        Some(source.silent_floor(now, &self.settings))
    }

    /// How many panes were closed since the last call, each by what. Most only let a window grow.
    pub fn take_closed(&mut self) -> ClosedPanes {
        std::mem::take(&mut self.closed)
    }

    /// Closes panes that nothing came for, and ends windows whose time has passed, by the wall clock. Call it only when
    /// everything that the log holds was read: a backlog is not silence.
    pub fn close_idle(&mut self, now: EventTime) -> Vec<ClosedWindow> {
        let settings = self.settings;
        self.close(ClosedBy::Idle, |source| source.close_idle(now, &settings))
    }

    /// Closes everything.
    pub fn end(&mut self) -> Vec<ClosedWindow> {
        let settings = self.settings;
        self.close(ClosedBy::End, |source| source.close_all(&settings))
    }

    /// Takes out every pane, so that what means something else begins new rows. Nothing becomes late by it.
    pub fn cut(&mut self) -> Vec<ClosedWindow> {
        let settings = self.settings;
        self.close(ClosedBy::Change, |source| source.cut(&settings))
    }

    /// Learns how detections depend on one another, from what a window shows of them. Not from one that other terms ended:
    /// another model may follow.
    pub(crate) fn learn(&mut self, released: &ReleasedWindow, detections: &Tally) {
        let Some(source) = self.sources.0.get_mut(&released.source) else {
            return;
        };
        if released.by == ClosedBy::Change {
            return;
        }
        let number = |time: EventTime| time.0.div_euclid(self.settings.pane);
        let panes = number(released.start)..number(released.end);
        for one in &released.content {
            if let Cells::Shown { counts, .. } = &one.cells {
                let votes = masked(&one.cells, detections.cells(one.attribute));
                let bursts = &mut source.bursts;
                bursts.learn(one.attribute, panes.clone(), counts.len(), &votes);
            }
        }
    }

    /// The event time up to which the source's panes are closed; `None` before the first face.
    pub fn closed_until(&self, source: &SourceId) -> Option<EventTime> {
        let until = self.sources.0.get(source)?.mark();
        (until != EventTime::MIN).then_some(until)
    }

    fn close(
        &mut self,
        by: ClosedBy,
        mut take: impl FnMut(&mut SourceWindows) -> Vec<WindowEnd>,
    ) -> Vec<ClosedWindow> {
        let open = self.sources.open_panes();
        let taken: Vec<_> = self
            .sources
            .0
            .iter_mut()
            .map(|(id, source)| (id.clone(), take(source)))
            .collect();
        self.closed[by as usize] += open - self.sources.open_panes();
        taken
            .into_iter()
            .flat_map(|(id, windows)| self.name(&id, windows, by))
            .collect()
    }

    fn name(&self, source: &SourceId, windows: Vec<WindowEnd>, by: ClosedBy) -> Vec<ClosedWindow> {
        windows
            .into_iter()
            .map(|WindowEnd { window, known }| {
                let place = Place {
                    source: source.clone(),
                    partition: self.partition,
                    start: window.start,
                    end: window.end,
                    by,
                };
                window.sum.close(place, known, &self.settings)
            })
            .collect()
    }
}
