//! The panes of one source in one partition, its mark, and the window that takes in what is closed.
//!
//! Marks are times, and panes are views of them: a mark means the same for any length of the panes. Promises: a
//! mark never lies beyond the newest face that was accepted, so a face that is not older than the one before it is
//! never late; a record that is late or rejected moves no mark.

use std::collections::BTreeMap;

use super::{
    Bursts, Evidence, Note, Observation, Settings, Stays, Window,
    pane::{Known, OpenPane},
};
use crate::{
    record::{EventId, EventTime, TrackId},
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
    /// Who stood in the last window.
    pub(crate) stays: Stays,
    /// How detections depend on one another.
    pub(crate) bursts: Bursts,
}

/// A window that has ended.
#[derive(Debug)]
pub(super) struct WindowEnd {
    pub window: Window,
    pub known: Known,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is a face, in its own pane.
    Face,
    /// It is a crop of a track that had enough, in its own pane.
    Spared,
    /// It is a face, and its own pane was closed already.
    Late,
    /// It was not counted, for this reason.
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
            stays: Stays::default(),
            bursts: Bursts::default(),
        }
    }

    /// Version 1 did not save the newest face: it is taken to lie at the start of the newest pane with faces, and not before
    /// the mark.
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

    /// Gives every track and every event another name.
    pub(super) fn rename(
        &mut self,
        track: &impl Fn(TrackId) -> TrackId,
        event: &impl Fn(EventId) -> EventId,
    ) {
        let growing = self.growing.iter_mut().map(|window| &mut window.sum);
        for pane in self.open.values_mut().chain(growing) {
            pane.rename(track, event);
        }
        self.stays.rename(track);
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
            Ok(evidence) => self.face(observation, evidence, settings),
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
        observation: &Observation,
        evidence: &Evidence,
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
        let (outcome, note) = match observation.is_spared() {
            true => (Outcome::Spared, pane.spared(observation)),
            false => (Outcome::Face, pane.face(observation, evidence, settings)),
        };
        if observation.time >= self.newest {
            self.newest = observation.time;
            self.heard = observation.received;
        }
        let mark = observation.time.minus(settings.lateness_max);
        self.mark = self.mark.max(mark);
        (outcome, note.or(is_full.then_some(Note::TooManyIds)))
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
    pub(super) fn close_passed(&mut self, settings: &Settings) -> Vec<WindowEnd> {
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
    pub(super) fn close_idle(&mut self, now: EventTime, settings: &Settings) -> Vec<WindowEnd> {
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
        // A pane that begins later than any plausible time was opened by a wrong clock.
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
        let clock = own_clock.minus(settings.lateness_max);
        let (whole_until, growth) = (self.whole_until, &settings.growth);
        let is_over =
            |window: &mut Window| window.has_passed(clock, oldest_open, whole_until, growth);
        let over = self.growing.take_if(is_over);
        ended.extend(over.map(|window| self.end(window, settings)));
        ended
    }

    /// Ends everything.
    pub(super) fn close_all(&mut self, settings: &Settings) -> Vec<WindowEnd> {
        let last = self.open.last_key_value();
        self.pass(last.map(|(start, _)| start.plus(settings.pane)));
        self.cut(settings)
    }

    /// Takes out everything without closing any pane: what comes later may begin them again.
    pub(super) fn cut(&mut self, settings: &Settings) -> Vec<WindowEnd> {
        let panes = std::mem::take(&mut self.open).into_iter().collect();
        let mut ended = self.take_in(panes, EventTime::MAX, settings);
        let growing = self.growing.take();
        ended.extend(growing.map(|window| self.end(window, settings)));
        // Another model may follow, whose posteriors are others.
        self.bursts = Bursts::default();
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
    ) -> Vec<WindowEnd> {
        let growth = &settings.growth;
        let mut ended = Vec::new();
        for pane in panes {
            let next = Window::of(pane, settings);
            let has_votes = next.sum.has_votes();
            let (start, end) = (next.start, next.end);
            if !has_votes && next.end > mark {
                ended.push(self.end(next, settings));
                continue;
            }
            let before = self.whole_until;
            let is_over = |window: &mut Window| window.ends_before(&next, before, growth);
            let over = self.growing.take_if(is_over);
            ended.extend(over.map(|window| self.end(window, settings)));
            match &mut self.growing {
                Some(growing) => growing.absorb(next),
                None if has_votes => self.growing = Some(next),
                None => ended.push(self.end(next, settings)),
            }
            let is_over = |window: &mut Window| window.ends_with(start, end, before, growth);
            if let Some(window) = self.growing.take_if(is_over) {
                if window.is_whole(growth) {
                    self.whole_until = window.end.max(before);
                }
                ended.push(self.end(window, settings));
            }
        }
        ended
    }

    /// What is known of a window that has ended by what came before it; the next one will know of it.
    fn end(&mut self, window: Window, settings: &Settings) -> WindowEnd {
        let sum = &window.sum;
        let mut known = Known::default();
        if sum.has_votes() {
            known.stayed = self.stays.next(sum.votes_of_tracks(settings.weighting));
        }
        if sum.has_untracked_votes() {
            let panes = (window.end.0 - window.start.0) / settings.pane;
            let panes = u64::try_from(panes).unwrap_or(1);
            known.looks = Some(self.bursts.looks(panes, settings.growth.votes_a_person));
        }
        WindowEnd { window, known }
    }

    /// Panes up to here are closed. The mark does not go beyond the newest face: what comes for the rest of its pane
    /// begins another row.
    fn pass(&mut self, end: Option<EventTime>) {
        let end = end.unwrap_or(EventTime::MIN);
        self.mark = self.mark.max(end.min(self.newest));
    }
}
