//! The panes of one source in one partition, its mark, and the window that takes in what is closed.
//!
//! Marks are times, and panes are views of them: a mark means the same whatever the length of the panes. Promises: a
//! mark never lies beyond the newest face that was accepted, so a face that is not older than the one before it is
//! never late; a record that is late or rejected moves no mark.

use std::collections::BTreeMap;

use super::{Evidence, Note, Observation, Settings, Window, pane::OpenPane};
use crate::{
    record::{EventId, EventTime},
    reject::Reject,
};

/// Panes that a rejected record may open beside others; a backlog of rejects would open one for each pane's length.
const REJECT_PANES_MAX: usize = 256;
/// Event ids that are kept of one source, however long its panes are.
const IDS_MAX: usize = 50_000;

/// Cameras have clocks of their own, so each source has a mark of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceWindows {
    /// Panes that end here or earlier are closed for good; what belongs to them is late. The newest event time less
    /// the allowed lateness, and further where the source fell silent.
    pub(crate) mark: EventTime,
    pub(crate) open: BTreeMap<EventTime, OpenPane>,
    /// The closed panes for which more people are awaited. Without votes there is none.
    pub(crate) growing: Option<Window>,
    /// The end of the last window in which enough people were; the earliest time before the first.
    pub(crate) whole_until: EventTime,
    /// The newest event time of a face that was accepted; the earliest time before the first.
    pub(crate) newest: EventTime,
    /// When that face was received, by the wall clock.
    pub(crate) heard: EventTime,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Face,
    Late,
    Rejected(Reject),
}

impl SourceWindows {
    pub(super) fn new() -> Self {
        Self {
            mark: EventTime::MIN,
            open: BTreeMap::new(),
            growing: None,
            whole_until: EventTime::MIN,
            newest: EventTime::MIN,
            heard: EventTime::MIN,
        }
    }

    /// What version 1 saved, without its newest face, had one where its newest pane with faces begins, or later, and at its mark.
    pub(super) fn resume(&mut self) {
        if self.newest > EventTime::MIN {
            return;
        }
        let mut with_faces = self
            .open
            .iter()
            .filter(|(_, pane)| !pane.is_without_faces());
        let newest = with_faces.next_back().map(|(&start, _)| start);
        self.newest = self.mark.max(newest.unwrap_or(EventTime::MIN));
        let touched = self.open.values().map(|pane| pane.touched);
        self.heard = touched.max().unwrap_or(EventTime::MIN);
    }

    pub(super) fn open_panes(&self) -> usize {
        self.open.len()
    }

    /// The event time up to which panes are closed.
    pub(super) fn mark(&self) -> EventTime {
        self.mark
    }

    /// No window begins before this time any more, unless the clock is set back.
    pub(super) fn floor(&self, settings: &Settings) -> EventTime {
        self.held_from(settings.pane_start(self.mark))
    }

    /// The same by the source's own clock, where it has been silent for `idle_after` behind the allowed lateness. A face that
    /// was held back for longer still begins a window before it.
    pub(super) fn silent_floor(&self, now: EventTime, settings: &Settings) -> EventTime {
        let passed = self.own_clock(now).minus(settings.lateness_max);
        let silent = passed.minus(settings.idle_after);
        self.held_from(settings.pane_start(self.mark).max(silent))
    }

    /// This time, or where the oldest of what it holds begins.
    fn held_from(&self, time: EventTime) -> EventTime {
        let open = self.open.first_key_value().map(|(&start, _)| start);
        let growing = self.growing.as_ref().map(|window| window.start);
        let held = open.into_iter().chain(growing);
        held.fold(time, EventTime::min)
    }

    /// Its newest event time and the time that went by since, as far as it is known; else our clock.
    fn own_clock(&self, now: EventTime) -> EventTime {
        match self.newest {
            EventTime::MIN => now,
            newest => newest.plus(now.0.saturating_sub(self.heard.0)),
        }
    }

    /// Whether it may be forgotten: nothing is open, and its newest face is older than this time.
    pub(super) fn is_over(&self, before: EventTime) -> bool {
        self.open.is_empty() && self.newest < before
    }

    pub(super) fn is_growing(&self) -> bool {
        self.growing.is_some()
    }

    /// All that it holds.
    pub(crate) fn held(&self) -> impl Iterator<Item = &OpenPane> {
        let growing = self.growing.iter().map(|window| &window.sum);
        self.open.values().chain(growing)
    }

    pub(super) fn held_mut(&mut self) -> impl Iterator<Item = &mut OpenPane> {
        let growing = self.growing.iter_mut().map(|window| &mut window.sum);
        self.open.values_mut().chain(growing)
    }

    /// Records in the open panes and the growing window.
    pub(super) fn records(&self) -> u64 {
        self.held().map(OpenPane::records).sum()
    }

    /// Counts a record in the pane of its time; in the oldest open one if that is closed already.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        settings: &Settings,
    ) -> (Outcome, Option<Note>) {
        self.pull_back(observation, settings);
        let (outcome, note) = match &observation.outcome {
            Err(reason) => (self.reject(observation, *reason, settings), None),
            Ok(_) if self.is_duplicate(observation, settings) => {
                (self.reject(observation, Reject::Duplicate, settings), None)
            }
            Ok(evidence) => self.face((observation, evidence), settings),
        };
        assert!(
            self.mark <= self.newest,
            "a mark lies beyond the newest face"
        );
        (outcome, note)
    }

    /// A mark beyond all times that could be accepted now comes from a clock that was wrong: it begins anew.
    fn pull_back(&mut self, observation: &Observation, settings: &Settings) {
        let latest = observation.received.plus(settings.future_max);
        if self.mark > latest.max(observation.time) {
            self.mark = observation.time.minus(settings.lateness_max);
        }
        if self.newest > latest.max(observation.time) {
            self.newest = self.mark.max(observation.time);
            self.heard = observation.received;
        }
    }

    fn face(
        &mut self,
        (observation, evidence): (&Observation, &Evidence),
        settings: &Settings,
    ) -> (Outcome, Option<Note>) {
        let own = settings.pane_start(observation.time);
        let is_late = own.plus(settings.pane) <= self.mark;
        let start = match is_late {
            true => settings.pane_start(self.mark),
            false => own,
        };
        let remembered = self.remembered(settings);
        let pane = self.open.entry(start).or_default();
        let id = observation.id.filter(|_| settings.drops_duplicates);
        let is_full = id.is_some() && remembered >= IDS_MAX;
        if !is_full {
            pane.remember(id);
        }
        if is_late {
            pane.late(observation);
            return (Outcome::Late, None);
        }
        let note = pane.face((observation, evidence), settings);
        if observation.time >= self.newest {
            self.newest = observation.time;
            self.heard = observation.received;
        }
        let mark = observation.time.minus(settings.lateness_max);
        self.mark = self.mark.max(mark);
        (Outcome::Face, note.or(is_full.then_some(Note::TooManyIds)))
    }

    fn reject(
        &mut self,
        observation: &Observation,
        reason: Reject,
        settings: &Settings,
    ) -> Outcome {
        let start = self.place_of_reject(observation.time, settings);
        let pane = self.open.entry(start).or_default();
        pane.reject(observation, reason);
        Outcome::Rejected(reason)
    }

    /// The pane of its time, if that is open or may be opened; else one that is near.
    fn place_of_reject(&self, time: EventTime, settings: &Settings) -> EventTime {
        let start = settings.pane_start(time.max(self.mark));
        if self.open.len() < REJECT_PANES_MAX || self.open.contains_key(&start) {
            return start;
        }
        let before = self.open.range(..start).next_back();
        let nearest = before.or_else(|| self.open.first_key_value());
        nearest.map_or(start, |(&start, _)| start)
    }

    fn is_duplicate(&self, observation: &Observation, settings: &Settings) -> bool {
        let is_known = |id: EventId| self.open.values().any(|pane| pane.remembers(id));
        settings.drops_duplicates && observation.id.is_some_and(is_known)
    }

    fn remembered(&self, settings: &Settings) -> usize {
        match settings.drops_duplicates {
            true => self.open.values().map(OpenPane::ids).sum(),
            false => 0,
        }
    }

    /// Closes the panes that the mark has passed; returns the windows that end by it.
    pub(super) fn close_passed(&mut self, settings: &Settings) -> Vec<Window> {
        let mut passed = Vec::new();
        while let Some(entry) = self.open.first_entry() {
            if entry.key().plus(settings.pane) > self.mark {
                break;
            }
            passed.push(entry.remove_entry());
        }
        self.take_in(passed, self.mark, settings)
    }

    /// Closes the panes that nothing has touched for long and that have passed: by the source's own clock, as far as
    /// it is known (its newest event time, and the time that went by since); by ours, where they hold no face. Returns
    /// the windows that end by it, or because their time has passed by the source's own clock.
    pub(super) fn close_idle(&mut self, now: EventTime, settings: &Settings) -> Vec<Window> {
        let own_clock = self.own_clock(now);
        let end = |start: EventTime| start.plus(settings.pane);
        let is_idle = |pane: &OpenPane| pane.touched.plus(settings.idle_after) <= now;
        let has_passed = |start, clock| end(start).plus(settings.lateness_max) <= clock;
        let last = self
            .open
            .iter()
            .rev()
            .find(|&(&start, pane)| is_idle(pane) && has_passed(start, own_clock));
        self.pass(last.map(|(&start, _)| end(start)));
        let mark = self.mark;
        // What nobody could have seen yet was opened by a clock that was wrong.
        let beyond = now.plus(settings.future_max);
        let is_done = |start, pane: &OpenPane| {
            end(start) <= mark
                || is_idle(pane)
                    && (has_passed(start, own_clock)
                        || pane.is_without_faces() && has_passed(start, now)
                        || start > beyond)
        };
        let done = self
            .open
            .extract_if(.., |&start, pane| is_done(start, pane));
        let done: Vec<_> = done.collect();
        let mut ended = self.take_in(done, mark, settings);
        let oldest_open = self.open.first_key_value().map(|(&start, _)| start);
        let passed = (own_clock.minus(settings.lateness_max), oldest_open);
        let (whole_until, growth) = (self.whole_until, &settings.growth);
        let is_over = |window: &mut Window| window.has_passed(passed, whole_until, growth);
        ended.extend(self.growing.take_if(is_over));
        ended
    }

    /// Ends everything.
    pub(super) fn close_all(&mut self, settings: &Settings) -> Vec<Window> {
        let last = self.open.last_key_value();
        self.pass(last.map(|(start, _)| start.plus(settings.pane)));
        self.cut(settings)
    }

    /// Takes out everything without closing any pane: what comes later may begin them again.
    pub(super) fn cut(&mut self, settings: &Settings) -> Vec<Window> {
        let panes = std::mem::take(&mut self.open).into_iter().collect();
        let mut ended = self.take_in(panes, EventTime::MAX, settings);
        ended.extend(self.growing.take());
        ended
    }

    /// Takes closed panes into the growing window; returns what has ended, in order. A pane without votes does not wait
    /// where no window grows. Nor does it where it ends after the mark: rejects were closed by our clock, and a window
    /// that reached so far would reach over faces that are still to come.
    fn take_in(
        &mut self,
        panes: Vec<(EventTime, OpenPane)>,
        mark: EventTime,
        settings: &Settings,
    ) -> Vec<Window> {
        let growth = &settings.growth;
        let mut ended = Vec::new();
        for pane in panes {
            let next = Window::of(pane, settings);
            let (has_votes, bounds) = (next.sum.has_votes(), (next.start, next.end));
            if !has_votes && next.end > mark {
                ended.push(next);
                continue;
            }
            let before = self.whole_until;
            let is_over = |window: &mut Window| window.ends_before(&next, before, growth);
            ended.extend(self.growing.take_if(is_over));
            match &mut self.growing {
                Some(growing) => growing.absorb(next),
                None if has_votes => self.growing = Some(next),
                None => ended.push(next),
            }
            let is_over = |window: &mut Window| window.ends_with(bounds, before, growth);
            if let Some(window) = self.growing.take_if(is_over) {
                if window.is_whole(growth) {
                    self.whole_until = window.end.max(before);
                }
                ended.push(window);
            }
        }
        ended
    }

    /// Panes up to here are closed. The mark does not go beyond the newest face: what comes for the rest of its pane
    /// begins another row.
    fn pass(&mut self, end: Option<EventTime>) {
        let end = end.unwrap_or(EventTime::MIN);
        self.mark = self.mark.max(end.min(self.newest));
    }
}
