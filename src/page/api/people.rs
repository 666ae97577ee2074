//! How many people were before a source lately: sums of what the table `windows` says of its released windows. It says nothing of
//! categories.

use demograph_core::{people::People, record::EventTime};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{origin::OriginKind, time::Time};

/// The people of the released windows of a source. A person is a track id.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LivePeople {
    /// The newest released window; of tables the newest hour.
    newest: Option<LiveWindow>,
    /// The date by the clock of the source; of tables the date of their newest hour.
    date: String,
    time_zone: String,
    /// People of the windows that began on this date. Who stays over the end of a window counts once.
    today: u64,
    /// The same of each hour of the last 24 in which a window began, oldest first; of tables: up to their newest hour.
    hours: Vec<LiveHour>,
    /// Windows that were released before this time may be missing: the instance began then, or the source had no series of its own
    /// (`http.source_series_max`). Null where none is missing.
    since: Option<Time>,
    /// Faces without a track id voted, too: there were more people than these.
    has_untracked: bool,
}

/// People of one window, or of the windows of one hour.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct LiveWindow {
    from: Time,
    until: Time,
    people: u64,
}

/// People of one hour.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct LiveHour {
    start: Time,
    people: u64,
}

impl LivePeople {
    pub(super) fn of(origin: OriginKind, people: &People, at: EventTime) -> Self {
        // Tables may be old: their last hour stands for now.
        let now = match origin {
            OriginKind::Service => at,
            OriginKind::Tables => people.last_hour().unwrap_or(at),
        };
        let (date, today) = people.today(now);
        let newest = people.newest().map(|newest| LiveWindow {
            from: Time(newest.from),
            until: Time(newest.until),
            people: newest.people,
        });
        let hours = people.hours(now).into_iter();
        Self {
            newest,
            date: date.to_string(),
            time_zone: people.zone().to_owned(),
            today,
            hours: hours
                .map(|(start, people)| LiveHour {
                    start: Time(start),
                    people,
                })
                .collect(),
            since: people.since(now).map(Time),
            has_untracked: people.has_untracked(),
        }
    }
}
