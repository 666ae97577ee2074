//! Version 2, the one that is written. Reasons for rejection stand by name, and a policy's rules as the JSON that the
//! config would hold, so that neither a new reason nor a new key changes the layout.
//!
//! To add a field: as long as no release wrote version 2, put it here and give it a value for version 1 in `v1`. After a
//! release, copy this file to `v3`, and let this one become version 3 as `v1` becomes version 2.

mod periods;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde::{Deserialize, Serialize};

pub(super) use periods::{Periods, Zones};

use super::{Parts, Unknown, chosen};
use crate::{
    estimate::CellCounts,
    privacy::{Cells, ReleasedAttribute, ReleasedWindow, Sealed},
    record::{Attribute, EventId, EventTime, SourceId, TrackId},
    reject::Reject,
    state::{self, checkpoint},
    window::{
        self, Bursts, Categories, ClosedBy, OpenPane, SourceWindows, Stays, Tally, Track, Unit,
        Weighting,
    },
};

#[derive(Serialize, Deserialize)]
pub(super) struct Saved<'a> {
    pub log: Log<'a>,
    pub track_key: Option<state::Fingerprint>,
    pub terms: Terms<'a>,
    pub ledger: Ledger,
    pub sources: Vec<(SourceId, Source<'a>)>,
    pub chosen: Vec<chosen::Source>,
    pub outbox: Vec<Released<'a>>,
    pub periods: Periods<'a>,
    pub publish: bool,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Log<'a> {
    pub topic_id: Option<[u8; 16]>,
    pub cluster: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Terms<'a> {
    pub model: Cow<'a, str>,
    pub policy: Cow<'a, str>,
    /// JSON.
    pub rules: String,
    pub legal_bases: Option<Cow<'a, [(SourceId, String)]>>,
    pub categories: Cow<'a, Categories>,
    pub pane: i64,
    pub people_min: u64,
    pub window_max: i64,
    pub weighting: Cow<'a, str>,
    pub zones: Zones<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Ledger {
    pub first_offset: i64,
    pub next_offset: i64,
    pub skipped: u64,
    pub presences: u64,
    pub published: u64,
    pub waiting_since: Option<EventTime>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Source<'a> {
    pub mark: EventTime,
    pub newest: EventTime,
    pub heard: EventTime,
    pub open: Vec<(EventTime, Pane<'a>)>,
    pub growing: Option<Window<'a>>,
    pub whole_until: EventTime,
    pub stays: Cow<'a, Stays>,
    pub bursts: Cow<'a, Bursts>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Window<'a> {
    pub start: EventTime,
    pub end: EventTime,
    pub sum: Pane<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pane<'a> {
    pub accounting: Accounting<'a>,
    pub faces: Cow<'a, Tally>,
    pub faces_voted: u64,
    pub untracked_voted: u64,
    pub tracks: Cow<'a, HashMap<TrackId, Track>>,
    pub touched: EventTime,
    pub ids: Cow<'a, HashSet<EventId>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Accounting<'a> {
    pub faces: u64,
    pub spared: u64,
    pub late: u64,
    /// Reasons that occurred, and how often.
    pub rejected: Vec<(Cow<'a, str>, u64)>,
    pub first_offset: i64,
    pub next_offset: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Released<'a> {
    pub source: SourceId,
    pub partition: i32,
    pub start: EventTime,
    pub end: EventTime,
    pub by: ClosedBy,
    pub accounting: Accounting<'a>,
    pub tracks: u64,
    pub stayed: u64,
    pub votes: u64,
    pub unit: Unit,
    pub attributes: Vec<Estimated<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Estimated<'a> {
    pub attribute: Attribute,
    pub cells: Cow<'a, Cells>,
    pub evidence: Cow<'a, CellCounts>,
}

impl<'a> From<Parts<'a>> for Saved<'a> {
    fn from(parts: Parts<'a>) -> Self {
        let sources = parts.sources.0.iter();
        Self {
            log: parts.log.into(),
            track_key: parts.track_key,
            terms: parts.terms.into(),
            ledger: (*parts.ledger).into(),
            sources: sources
                .map(|(id, source)| (id.clone(), source.into()))
                .collect(),
            chosen: chosen::write(parts.chosen),
            outbox: parts.outbox.iter().map(Into::into).collect(),
            periods: parts.periods.into(),
            publish: parts.publish,
        }
    }
}

impl TryFrom<Saved<'_>> for checkpoint::Saved {
    type Error = Unknown;

    fn try_from(saved: Saved<'_>) -> Result<Self, Unknown> {
        let sources = saved.sources.into_iter();
        let sources = sources.map(|(id, source)| Ok((id, source.try_into()?)));
        let outbox = saved.outbox.into_iter().map(TryInto::try_into);
        Ok(Self {
            log: saved.log.into(),
            track_key: saved.track_key,
            terms: saved.terms.try_into()?,
            ledger: saved.ledger.into(),
            sources: window::Sources(sources.collect::<Result<_, Unknown>>()?),
            chosen: chosen::read(saved.chosen),
            outbox: outbox.collect::<Result<_, Unknown>>()?,
            periods: saved.periods.into(),
            publish: saved.publish,
        })
    }
}

impl<'a> From<&'a state::LogIdentity> for Log<'a> {
    fn from(log: &'a state::LogIdentity) -> Self {
        Self {
            topic_id: log.topic_id,
            cluster: log.cluster.as_deref().map(Cow::Borrowed),
        }
    }
}

impl From<Log<'_>> for state::LogIdentity {
    fn from(log: Log<'_>) -> Self {
        Self {
            topic_id: log.topic_id,
            cluster: log.cluster.map(Cow::into_owned),
        }
    }
}

impl<'a> From<&'a state::Terms> for Terms<'a> {
    fn from(terms: &'a state::Terms) -> Self {
        let weighting = match terms.weighting {
            Weighting::People => "people",
            Weighting::Dwell => "dwell",
        };
        Self {
            model: (&terms.model).into(),
            policy: (&terms.policy).into(),
            rules: serde_json::to_string(&terms.rules).expect("a policy is plain data"),
            legal_bases: terms.legal_bases.as_deref().map(Cow::Borrowed),
            categories: Cow::Borrowed(&terms.categories),
            pane: terms.pane,
            people_min: terms.people_min,
            window_max: terms.window_max,
            weighting: weighting.into(),
            zones: (&terms.zones).into(),
        }
    }
}

impl TryFrom<Terms<'_>> for state::Terms {
    type Error = Unknown;

    fn try_from(terms: Terms<'_>) -> Result<Self, Unknown> {
        let weighting = match &*terms.weighting {
            "people" => Weighting::People,
            "dwell" => Weighting::Dwell,
            _ => return Err(Unknown),
        };
        Ok(Self {
            model: terms.model.into_owned(),
            policy: terms.policy.into_owned(),
            rules: serde_json::from_str(&terms.rules).map_err(|_| Unknown)?,
            legal_bases: terms.legal_bases.map(Cow::into_owned),
            categories: terms.categories.into_owned(),
            pane: terms.pane,
            people_min: terms.people_min,
            window_max: terms.window_max,
            weighting,
            zones: terms.zones.try_into()?,
        })
    }
}

impl From<state::Ledger> for Ledger {
    fn from(ledger: state::Ledger) -> Self {
        Self {
            first_offset: ledger.first_offset,
            next_offset: ledger.next_offset,
            skipped: ledger.skipped,
            presences: ledger.presences,
            published: ledger.published,
            waiting_since: ledger.waiting_since,
        }
    }
}

impl From<Ledger> for state::Ledger {
    fn from(ledger: Ledger) -> Self {
        Self {
            first_offset: ledger.first_offset,
            next_offset: ledger.next_offset,
            skipped: ledger.skipped,
            presences: ledger.presences,
            published: ledger.published,
            waiting_since: ledger.waiting_since,
        }
    }
}

impl<'a> From<&'a SourceWindows> for Source<'a> {
    fn from(source: &'a SourceWindows) -> Self {
        let open = source.open.iter();
        Self {
            mark: source.mark,
            newest: source.newest,
            heard: source.heard,
            open: open.map(|(&start, pane)| (start, pane.into())).collect(),
            growing: source.growing.as_ref().map(Into::into),
            whole_until: source.whole_until,
            stays: Cow::Borrowed(&source.stays),
            bursts: Cow::Borrowed(&source.bursts),
        }
    }
}

impl TryFrom<Source<'_>> for SourceWindows {
    type Error = Unknown;

    fn try_from(source: Source<'_>) -> Result<Self, Unknown> {
        let open = source.open.into_iter();
        let open = open.map(|(start, pane)| Ok((start, pane.try_into()?)));
        Ok(Self {
            mark: source.mark,
            newest: source.newest,
            heard: source.heard,
            open: open.collect::<Result<_, Unknown>>()?,
            growing: source.growing.map(TryInto::try_into).transpose()?,
            whole_until: source.whole_until,
            stays: source.stays.into_owned(),
            bursts: source.bursts.into_owned(),
        })
    }
}

impl<'a> From<&'a window::Window> for Window<'a> {
    fn from(window: &'a window::Window) -> Self {
        Self {
            start: window.start,
            end: window.end,
            sum: (&window.sum).into(),
        }
    }
}

impl TryFrom<Window<'_>> for window::Window {
    type Error = Unknown;

    fn try_from(window: Window<'_>) -> Result<Self, Unknown> {
        Ok(Self {
            start: window.start,
            end: window.end,
            sum: window.sum.try_into()?,
        })
    }
}

impl<'a> From<&'a OpenPane> for Pane<'a> {
    fn from(pane: &'a OpenPane) -> Self {
        Self {
            accounting: (&pane.accounting).into(),
            faces: Cow::Borrowed(&pane.faces),
            faces_voted: pane.faces_voted,
            untracked_voted: pane.untracked_voted,
            tracks: Cow::Borrowed(&pane.tracks),
            touched: pane.touched,
            ids: Cow::Borrowed(&pane.ids),
        }
    }
}

impl TryFrom<Pane<'_>> for OpenPane {
    type Error = Unknown;

    fn try_from(pane: Pane<'_>) -> Result<Self, Unknown> {
        Ok(Self {
            accounting: pane.accounting.try_into()?,
            faces: pane.faces.into_owned(),
            faces_voted: pane.faces_voted,
            untracked_voted: pane.untracked_voted,
            tracks: pane.tracks.into_owned(),
            touched: pane.touched,
            ids: pane.ids.into_owned(),
        })
    }
}

impl<'a> From<&'a window::Accounting> for Accounting<'a> {
    fn from(accounting: &'a window::Accounting) -> Self {
        let rejected = accounting.rejected_by_reason();
        Self {
            faces: accounting.faces,
            spared: accounting.spared,
            late: accounting.late,
            rejected: rejected
                .map(|(reason, records)| (reason.name().into(), records))
                .collect(),
            first_offset: accounting.first_offset,
            next_offset: accounting.next_offset,
        }
    }
}

impl TryFrom<Accounting<'_>> for window::Accounting {
    type Error = Unknown;

    fn try_from(wire: Accounting<'_>) -> Result<Self, Unknown> {
        let mut accounting = Self {
            faces: wire.faces,
            spared: wire.spared,
            late: wire.late,
            first_offset: wire.first_offset,
            next_offset: wire.next_offset,
            ..Self::default()
        };
        for (name, records) in wire.rejected {
            let reason = Reject::named(&name).ok_or(Unknown)?;
            accounting.rejected[reason as usize] += records;
        }
        Ok(accounting)
    }
}

impl<'a> From<&'a ReleasedWindow> for Released<'a> {
    fn from(window: &'a ReleasedWindow) -> Self {
        Self {
            source: window.source.clone(),
            partition: window.partition,
            start: window.start,
            end: window.end,
            by: window.by,
            accounting: (&window.accounting).into(),
            tracks: window.tracks,
            stayed: window.stayed,
            votes: window.votes,
            unit: window.unit,
            attributes: window.content.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<Released<'_>> for ReleasedWindow {
    type Error = Unknown;

    fn try_from(window: Released<'_>) -> Result<Self, Unknown> {
        Ok(Self {
            source: window.source,
            partition: window.partition,
            start: window.start,
            end: window.end,
            by: window.by,
            accounting: window.accounting.try_into()?,
            tracks: window.tracks,
            stayed: window.stayed,
            votes: window.votes,
            unit: window.unit,
            content: window.attributes.into_iter().map(Into::into).collect(),
        })
    }
}

impl<'a> From<&'a ReleasedAttribute> for Estimated<'a> {
    fn from(released: &'a ReleasedAttribute) -> Self {
        Self {
            attribute: released.attribute,
            cells: Cow::Borrowed(&released.cells),
            evidence: Cow::Borrowed(released.evidence.for_state()),
        }
    }
}

impl From<Estimated<'_>> for ReleasedAttribute {
    fn from(wire: Estimated<'_>) -> Self {
        Self {
            attribute: wire.attribute,
            cells: wire.cells.into_owned(),
            evidence: Sealed::of(wire.evidence.into_owned()),
        }
    }
}
