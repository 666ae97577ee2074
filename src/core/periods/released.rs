//! A period that is finished: what may be published of it.

use crate::{
    periods::{Period, PeriodKind},
    record::{EventTime, SourceId},
    views::Sums,
    window::ClosedBy,
};

/// An hour or a day of a source in a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasedPeriod {
    /// The source.
    pub source: SourceId,
    /// The partition in which its windows were.
    pub partition: i32,
    /// Hour or day.
    pub kind: PeriodKind,
    /// From when to when.
    pub period: Period,
    /// The name of its time zone.
    pub zone: String,
    /// What says that no further window begins in it. After [`ClosedBy::End`] and [`ClosedBy::Change`] more rows of it may
    /// follow.
    pub by: ClosedBy,
    /// What it adds up.
    pub content: Content,
}

/// Released windows that belong to a period.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Content {
    /// When the first of them begins.
    pub from: EventTime,
    /// When the last of them ends.
    pub until: EventTime,
    /// Votes of windows that began in an earlier period, which was published before they were released.
    pub carried: u64,
    /// Track ids of each of them, added up.
    pub tracks: u64,
    /// Those that stood in the source's window before, too.
    pub stayed: u64,
    /// Their sums.
    pub sums: Sums,
}

impl ReleasedPeriod {
    /// Its date by the clock on the wall: the Hive partition that its rows lie in.
    pub fn date(&self) -> jiff::civil::Date {
        self.local().date()
    }

    /// The hour of its start by the clock on the wall.
    pub fn hour(&self) -> i8 {
        self.local().hour()
    }

    fn local(&self) -> jiff::civil::DateTime {
        let ahead = i64::from(self.period.offset) * 1_000;
        let wall = jiff::Timestamp::from_millisecond(self.period.start.plus(ahead).0);
        jiff::tz::Offset::UTC.to_datetime(wall.unwrap_or_default())
    }

    /// How many rows it makes: one a category, and at least one an attribute.
    pub fn rows(&self) -> usize {
        self.content.sums.rows()
    }
}
