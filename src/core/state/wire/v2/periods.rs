//! Hours, days and time zones in version 2.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::super::Unknown;
use crate::{
    periods::{self, Content, Period, PeriodKind, Published, ReleasedPeriod, Unfinished, Zone},
    record::SourceId,
    window::ClosedBy,
};

/// Names of time zones.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct Zones<'a> {
    pub default: Cow<'a, str>,
    pub own: Vec<(SourceId, Cow<'a, str>)>,
}

#[derive(Default, Serialize, Deserialize)]
pub(in super::super) struct Periods<'a> {
    /// Hours and days.
    pub sources: Vec<(SourceId, [Line<'a>; 2])>,
    pub finished: Vec<FinishedPeriod<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct Line<'a> {
    pub open: Vec<UnfinishedPeriod<'a>>,
    pub published: Cow<'a, Published>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct UnfinishedPeriod<'a> {
    pub period: Period,
    pub partition: i32,
    pub content: Cow<'a, Content>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct FinishedPeriod<'a> {
    pub source: SourceId,
    pub partition: i32,
    pub is_day: bool,
    pub period: Period,
    pub zone: Cow<'a, str>,
    pub by: ClosedBy,
    pub content: Cow<'a, Content>,
}

impl<'a> From<&'a periods::Zones> for Zones<'a> {
    fn from(zones: &'a periods::Zones) -> Self {
        let own = zones.own.iter();
        Self {
            default: zones.default.name().into(),
            own: own
                .map(|(source, zone)| (source.clone(), zone.name().into()))
                .collect(),
        }
    }
}

impl TryFrom<Zones<'_>> for periods::Zones {
    type Error = Unknown;

    fn try_from(zones: Zones<'_>) -> Result<Self, Unknown> {
        let zone = |name: &str| Zone::named(name).map_err(|_| Unknown);
        let own = zones.own.into_iter();
        let own = own.map(|(source, name)| Ok((source, zone(&name)?)));
        Ok(Self {
            default: zone(&zones.default)?,
            own: own.collect::<Result<_, Unknown>>()?,
        })
    }
}

impl<'a> From<&'a periods::Periods> for Periods<'a> {
    fn from(periods: &'a periods::Periods) -> Self {
        let sources = periods.sources.iter();
        Self {
            sources: sources
                .map(|(source, lines)| (source.clone(), lines.each_ref().map(Into::into)))
                .collect(),
            finished: periods.finished().iter().map(Into::into).collect(),
        }
    }
}

impl From<Periods<'_>> for periods::Periods {
    fn from(periods: Periods<'_>) -> Self {
        let sources = periods.sources.into_iter();
        let sources = sources.map(|(source, lines)| (source, lines.map(Into::into)));
        let finished = periods.finished.into_iter().map(Into::into);
        Self::resume(sources.collect(), finished.collect())
    }
}

impl<'a> From<&'a periods::Line> for Line<'a> {
    fn from(line: &'a periods::Line) -> Self {
        let open = line.open.values().map(|one| UnfinishedPeriod {
            period: one.period,
            partition: one.partition,
            content: Cow::Borrowed(&one.content),
        });
        Self {
            open: open.collect(),
            published: Cow::Borrowed(&line.published),
        }
    }
}

impl From<Line<'_>> for periods::Line {
    fn from(line: Line<'_>) -> Self {
        let open = line.open.into_iter().map(|one| {
            let unfinished = Unfinished {
                period: one.period,
                partition: one.partition,
                content: one.content.into_owned(),
            };
            (one.period.start, unfinished)
        });
        Self {
            open: open.collect(),
            published: line.published.into_owned(),
        }
    }
}

impl<'a> From<&'a ReleasedPeriod> for FinishedPeriod<'a> {
    fn from(finished: &'a ReleasedPeriod) -> Self {
        Self {
            source: finished.source.clone(),
            partition: finished.partition,
            is_day: finished.kind == PeriodKind::Day,
            period: finished.period,
            zone: (&finished.zone).into(),
            by: finished.by,
            content: Cow::Borrowed(&finished.content),
        }
    }
}

impl From<FinishedPeriod<'_>> for ReleasedPeriod {
    fn from(finished: FinishedPeriod<'_>) -> Self {
        Self {
            source: finished.source,
            partition: finished.partition,
            kind: match finished.is_day {
                true => PeriodKind::Day,
                false => PeriodKind::Hour,
            },
            period: finished.period,
            zone: finished.zone.into_owned(),
            by: finished.by,
            content: finished.content.into_owned(),
        }
    }
}
