//! The people of a source by hour: how many were in its released windows lately.
//!
//! Promises: every number is a sum of `tracks` and `stayed` of released windows, which the table `windows` has too, so it says
//! nothing of categories. A window counts in the hour in which it begins, by the clock of its source.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    periods::{PeriodKind, Zone},
    privacy::ReleasedWindow,
    record::EventTime,
    window::{Unit, Untracked},
};

/// The last hours that are shown.
const SHOWN: i64 = 24 * 3_600_000;
/// Kept for longer: a day may have 25 hours.
const KEPT: i64 = 26 * 3_600_000;

/// A window, and how many people are in it; or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// When it begins.
    pub from: EventTime,
    /// When it ends.
    pub until: EventTime,
    /// The track ids of the window; of the windows of an hour, each once though it stands in several on end.
    pub people: u64,
}

/// What one partition adds to an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// Track ids, each once though it stands in several windows on end.
    people: u64,
    newest: Newest,
    /// Faces without a track id voted, too: nobody knows how many people they are.
    has_untracked: bool,
}

/// The people of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct People {
    zone: Zone,
    /// By the start of the hour, and the partition.
    hours: BTreeMap<(EventTime, i32), Part>,
    /// Windows that were released before are not in it; nothing where none is missing.
    since: Option<EventTime>,
}

impl People {
    /// Nobody, by this clock.
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            hours: BTreeMap::new(),
            since: None,
        }
    }

    /// An hour that a table has, for those who have no windows. Of hours that are there twice, both count.
    /// Where votes are detections, some may have no track id.
    pub fn add_hour(&mut self, start: EventTime, newest: Newest, unit: Unit) {
        let part = Part {
            people: newest.people,
            newest,
            has_untracked: unit == Unit::Detections,
        };
        self.add_part((start, 0), part);
    }

    pub(super) fn add(&mut self, window: &ReleasedWindow, untracked: Untracked) {
        if window.tracks == 0 && window.votes == 0 {
            return;
        }
        let hour = self.zone.period(PeriodKind::Hour, window.start);
        let part = Part {
            people: window.tracks.saturating_sub(window.stayed),
            newest: Newest {
                from: window.start,
                until: window.end,
                people: window.tracks,
            },
            has_untracked: untracked == Untracked::Count && window.unit == Unit::Detections,
        };
        self.add_part((hour.start, window.partition), part);
    }

    fn add_part(&mut self, key: (EventTime, i32), part: Part) {
        let known = self.hours.entry(key).or_insert(Part { people: 0, ..part });
        known.people += part.people;
        known.has_untracked |= part.has_untracked;
        if known.newest.until <= part.newest.until {
            known.newest = part.newest;
        }
    }

    pub(super) fn lacks_what_was_before(&mut self, since: Option<EventTime>) {
        self.since = self.since.max(since);
    }

    /// Takes out the hours that nobody asks for any more, and says whether there were any.
    pub(super) fn expire(&mut self, now: EventTime) -> bool {
        let before = self.hours.len();
        let begin = now.minus(KEPT);
        while let Some(first) = self.hours.first_entry()
            && first.key().0 < begin
        {
            first.remove();
        }
        self.hours.len() < before
    }

    /// Takes out what a partition added, and says whether it added anything.
    pub(super) fn forget(&mut self, partition: i32) -> bool {
        let before = self.hours.len();
        self.hours.retain(|key, _| key.1 != partition);
        self.hours.len() < before
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// The start of its last hour with a window.
    pub fn last_hour(&self) -> Option<EventTime> {
        self.hours.last_key_value().map(|(&(start, _), _)| start)
    }

    /// The window that ends last.
    pub fn newest(&self) -> Option<Newest> {
        let all = self.hours.values().map(|part| part.newest);
        all.max_by_key(|newest| newest.until)
    }

    /// The people of each hour with a window, of the last 24 hours.
    pub fn hours(&self, now: EventTime) -> BTreeMap<EventTime, u64> {
        let mut hours = BTreeMap::new();
        for (&(start, _), part) in self.hours.range((now.minus(SHOWN).plus(1), i32::MIN)..) {
            *hours.entry(start).or_default() += part.people;
        }
        hours
    }

    /// The date by its clock, and the people of the windows that began on it.
    pub fn today(&self, now: EventTime) -> (Date, u64) {
        let day = self.zone.period(PeriodKind::Day, now);
        let of_day = self.hours.range((day.start, i32::MIN)..(day.end, i32::MIN));
        let ahead = i64::from(day.offset) * 1_000;
        let wall = jiff::Timestamp::from_millisecond(day.start.plus(ahead).0);
        let date = jiff::tz::Offset::UTC.to_datetime(wall.unwrap_or_default());
        (date.date(), of_day.map(|(_, part)| part.people).sum())
    }

    /// Windows that were released before this time may be missing in its last 24 hours.
    pub fn since(&self, now: EventTime) -> Option<EventTime> {
        self.since.filter(|&since| since > now.minus(KEPT))
    }

    /// Whether faces without a track id voted, too: they are people that nobody counted.
    pub fn has_untracked(&self) -> bool {
        self.hours.values().any(|part| part.has_untracked)
    }
}
