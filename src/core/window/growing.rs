//! The window of a source that is still growing: closed panes are taken in until enough people stand behind it.
//!
//! Promises: what ends a window are numbers of people and times, never a category; windows of people are disjoint sets
//! of panes, so nothing can be subtracted from anything; a person has one vote a window. Why: docs/adr/0017.

use super::{Settings, pane::OpenPane};
use crate::record::EventTime;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How long windows grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// So many people end a window. 0: each pane is a window by itself.
    pub people_min: u64,
    /// So many end it at the end of an hour (UTC).
    pub hour_min: u64,
    /// So many end it at the end of a day, and of an hour in which a whole window ended.
    pub rest_min: u64,
    /// So many votes stand for a person where faces vote for themselves.
    pub votes_a_person: u64,
    /// The longest window, in milliseconds, as far as a pane is not longer.
    pub window_max: i64,
}

impl Growth {
    /// So many people end a window, where the config says nothing else.
    pub const PEOPLE_MIN: u64 = 100;
    /// Each pane is a window by itself.
    pub const NONE: Self = Self {
        people_min: 0,
        hour_min: 0,
        rest_min: 0,
        votes_a_person: 1,
        window_max: DAY,
    };
}

/// Panes that are closed, added up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) start: EventTime,
    pub(crate) end: EventTime,
    pub(crate) sum: OpenPane,
}

impl Window {
    /// One pane. Ids of events are of open panes only.
    pub(super) fn of((start, mut pane): (EventTime, OpenPane), settings: &Settings) -> Self {
        pane.ids = Default::default();
        Self {
            start,
            end: start.plus(settings.pane),
            sum: pane,
        }
    }

    pub(super) fn absorb(&mut self, next: Self) {
        self.start = self.start.min(next.start);
        self.end = self.end.max(next.end);
        self.sum.absorb(next.sum);
    }

    /// Whether enough people are in it, so that it waits for no more.
    pub(super) fn is_whole(&self, growth: &Growth) -> bool {
        self.sum.has_people(growth.people_min, growth)
    }

    /// Whether it ends before the next one that is closed: an hour ended in between, or both would be too long.
    /// `whole_until` is the end of the last whole window of the source.
    pub(super) fn ends_before(&self, next: &Self, whole_until: EventTime, growth: &Growth) -> bool {
        let start = self.start.min(next.start);
        let is_over = |until| next.start >= until;
        self.end.max(next.end) > start.plus(growth.window_max)
            || self.is_ended_by_an_hour(self.end, whole_until, is_over, growth)
    }

    /// Whether it ends with this pane, which was the last to be taken in.
    pub(super) fn ends_with(
        &self,
        start: EventTime,
        end: EventTime,
        whole_until: EventTime,
        growth: &Growth,
    ) -> bool {
        let is_over = |until| end >= until;
        self.is_whole(growth)
            || self.end >= self.start.plus(growth.window_max)
            || self.is_ended_by_an_hour(start.plus(1), whole_until, is_over, growth)
    }

    /// Whether time alone has ended it by this clock, and no open pane can be a part of it any more.
    pub(super) fn has_passed(
        &self,
        clock: EventTime,
        oldest_open: Option<EventTime>,
        whole_until: EventTime,
        growth: &Growth,
    ) -> bool {
        let is_over = |until: EventTime| {
            clock >= until && oldest_open.is_none_or(|oldest_open| oldest_open >= until)
        };
        is_over(self.start.plus(growth.window_max))
            || self.is_ended_by_an_hour(self.end, whole_until, is_over, growth)
    }

    /// Whether the end of the hour or of the day is over that holds this time, and enough people are there for it.
    fn is_ended_by_an_hour(
        &self,
        at: EventTime,
        whole_until: EventTime,
        is_over: impl Fn(EventTime) -> bool,
        growth: &Growth,
    ) -> bool {
        let (hour, day) = (end_of(at, HOUR), end_of(at, DAY));
        // The rest of an hour of many people.
        let is_rest = whole_until > hour.minus(HOUR);
        let hour_min = match is_rest {
            true => growth.rest_min,
            false => growth.hour_min,
        };
        is_over(day) && self.sum.has_people(growth.rest_min, growth)
            || is_over(hour) && self.sum.has_people(hour_min, growth)
    }
}

/// The end of the hour or day (UTC) in which something ended.
fn end_of(ended: EventTime, length: i64) -> EventTime {
    let whole = ended.0.saturating_sub(1).div_euclid(length);
    EventTime(whole.saturating_add(1).saturating_mul(length))
}

#[cfg(test)]
mod tests;
