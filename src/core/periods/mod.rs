//! Hours and days: sums of released windows, by the clock on the wall of their source.
//!
//! Promises: each window with faces is in exactly one hour and one day; a period is published once, when no further window
//! can begin in it; nothing but released windows comes in, and a sum says no more of hidden categories than they did.
//! Why: docs/adr/0018.

mod partition;
mod published;
mod released;
mod source;
mod zone;

pub use partition::{CarriedWindows, Periods};
pub(crate) use published::Published;
pub use released::{Content, ReleasedPeriod};
pub(crate) use source::{Line, Unfinished};
pub use zone::{UnknownZone, Zone, Zones};

use serde::{Deserialize, Serialize};

use crate::record::EventTime;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodKind {
    /// An hour of the clock on the wall.
    Hour,
    /// A date of the calendar: 23, 24 or 25 hours.
    Day,
}

impl PeriodKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// In milliseconds, where no clock is set.
    fn length(self) -> i64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

/// From when to when: `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first moment.
    pub start: EventTime,
    /// The first moment behind it.
    pub end: EventTime,
    /// How many seconds the clock on the wall is ahead of UTC at its start.
    pub offset: i32,
}
