//! Time zones: which hour and which day a time belongs to.
//!
//! Promises: the hours of a zone hold each time once, and so do its days. The zones are those of the IANA database that is
//! part of the program, so every machine cuts the same periods.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase, TimeZoneTransition},
};

use super::{Period, PeriodKind};
use crate::record::{EventTime, SourceId};

const HOUR: i64 = 3_600_000;
const UTC: &str = "UTC";

/// A time zone by its name.
#[derive(Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// A name that the IANA database does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no time zone of the IANA database: write {0}, or UTC")]
pub struct UnknownZone(
    /// A name that may be meant.
    String,
);

impl Zone {
    /// The zone of this name, in upper or lower case.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let zones = TimeZoneDatabase::bundled();
        let found = zones.get(name).ok();
        let found = found.and_then(|zone| Some((zone.iana_name()?.to_owned(), zone)));
        found
            .map(|(name, zone)| Self { name, zone })
            .ok_or_else(|| UnknownZone(similar(&zones, name)))
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self {
            name: UTC.to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// Its name in the IANA database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The period that holds this time: its hour or its day.
    pub fn period(&self, kind: PeriodKind, at: EventTime) -> Period {
        let found = match kind {
            PeriodKind::Hour => self.hour(at),
            PeriodKind::Day => self.day(at),
        };
        // Beyond the year 9999 no zone has rules.
        found.unwrap_or_else(|| whole(kind.length(), at, 0))
    }

    /// An hour of the clock on the wall. Where the clock is set, it ends.
    fn hour(&self, at: EventTime) -> Option<Period> {
        let time = stamp(at)?;
        let offset = self.zone.to_offset(time).seconds();
        let mut hour = whole(HOUR, at, offset);
        let before = stamp(EventTime(at.0.checked_add(1)?))?;
        let is_set = |set: &TimeZoneTransition<'_>| self.is_set(set);
        let in_hour =
            |set: &TimeZoneTransition<'_>| set.timestamp().as_millisecond() > hour.start.0;
        let mut sets = self.zone.preceding(before).take_while(in_hour);
        let start = sets.find(is_set).map(|set| set.timestamp());
        let in_hour = |set: &TimeZoneTransition<'_>| set.timestamp().as_millisecond() < hour.end.0;
        let mut sets = self.zone.following(time).take_while(in_hour);
        let end = sets.find(is_set).map(|set| set.timestamp());
        let at = |time: Timestamp| EventTime(time.as_millisecond());
        (hour.start, hour.end) = (start.map_or(hour.start, at), end.map_or(hour.end, at));
        Some(hour)
    }

    /// Whether the clock on the wall is set then: some transitions change a name only.
    fn is_set(&self, transition: &TimeZoneTransition<'_>) -> bool {
        let before = Timestamp::from_millisecond(transition.timestamp().as_millisecond() - 1);
        before.is_ok_and(|before| self.zone.to_offset(before) != transition.offset())
    }

    /// From the first moment of a date to that of the next one.
    fn day(&self, at: EventTime) -> Option<Period> {
        let time = stamp(at)?;
        let begin = |date: Date| self.zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
        let mut date = self.zone.to_datetime(time).date();
        // Where a clock was set back over midnight, an hour of the date before comes again after it.
        while begin(date)? > time {
            date = date.yesterday().ok()?;
        }
        while begin(date.tomorrow().ok()?)? <= time {
            date = date.tomorrow().ok()?;
        }
        let (start, end) = (begin(date)?, begin(date.tomorrow().ok()?)?);
        Some(Period {
            start: EventTime(start.as_millisecond()),
            end: EventTime(end.as_millisecond()),
            offset: self.zone.to_offset(start).seconds(),
        })
    }
}

/// The period of this length that begins at a multiple of it on a clock that is so many seconds ahead of UTC.
fn whole(length: i64, at: EventTime, offset: i32) -> Period {
    let ahead = i64::from(offset) * 1_000;
    let into = at.0.saturating_add(ahead).rem_euclid(length);
    let start = at.minus(into);
    Period {
        start,
        end: start.plus(length),
        offset,
    }
}

fn stamp(at: EventTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.0).ok()
}

/// A name with the same city, or any.
fn similar(zones: &TimeZoneDatabase, name: &str) -> String {
    let plain = |name: &str| {
        let city = name.rsplit('/').next().unwrap_or(name);
        city.to_lowercase().replace([' ', '-'], "_")
    };
    let wanted = plain(name.trim());
    let known = zones.available().map(|name| name.as_str().to_owned());
    let found = known.filter(|known| known.contains('/') && plain(known) == wanted);
    found.min().unwrap_or_else(|| "Europe/Berlin".to_owned())
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The zones of all sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    /// Of every source without one of its own.
    pub default: Zone,
    /// Of single sources.
    pub own: BTreeMap<SourceId, Zone>,
}

impl Zones {
    /// The zone of a source.
    pub fn of(&self, source: &SourceId) -> &Zone {
        self.own.get(source).unwrap_or(&self.default)
    }
}

impl Default for Zones {
    fn default() -> Self {
        Self {
            default: Zone::utc(),
            own: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests;
