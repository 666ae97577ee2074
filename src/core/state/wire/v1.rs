//! Version 1, read only: what versions of this program wrote in which reasons for rejection stood in a fixed order and
//! the keys of a policy were part of the layout. Becomes version 2.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use serde::Deserialize;

use super::v2;
use crate::{
    estimate::{Cell, CellCounts},
    privacy::Cells,
    record::{Attribute, EventTime, SourceId, TrackId},
    window::{self, Categories, ClosedBy, Track, Unit},
};

#[derive(Deserialize)]
pub(super) struct Saved {
    terms: Terms,
    ledger: Ledger,
    sources: BTreeMap<SourceId, Source>,
    outbox: Vec<Released>,
    publish: bool,
}

#[derive(Deserialize)]
struct Ledger {
    first_offset: i64,
    next_offset: i64,
    skipped: u64,
    published: u64,
}

#[derive(Deserialize)]
struct Terms {
    model: String,
    policy: String,
    rules: Rules,
    categories: Categories,
    pane: i64,
    weighting: Weighting,
}

#[derive(Deserialize)]
enum Weighting {
    People,
    Dwell,
}

#[derive(Deserialize)]
struct Rules {
    name: String,
    unknown_sources: UnknownSources,
    k_total: u64,
    k_cell: u64,
    detections_factor: u64,
    minors_detail: bool,
}

#[derive(Deserialize)]
enum UnknownSources {
    Deny,
    Allow,
}

#[derive(Deserialize)]
struct Source {
    closed_until: EventTime,
    open: BTreeMap<EventTime, Pane>,
}

#[derive(Deserialize)]
struct Pane {
    accounting: Accounting,
    faces: Tally,
    faces_voted: u64,
    tracks: HashMap<TrackId, Track>,
    touched: EventTime,
}

#[derive(Deserialize)]
struct Tally {
    counts: [Vec<u64>; 3],
    cells: [BTreeMap<u32, Cell>; 3],
}

#[derive(Deserialize)]
struct Accounting {
    faces: u64,
    late: u64,
    /// In the order of [`REASONS`].
    rejected: [u64; REASONS.len()],
    first_offset: i64,
    next_offset: i64,
}

const REASONS: [&str; 16] = [
    "empty",
    "malformed_event",
    "unknown_type",
    "unsupported_version",
    "unknown_content_type",
    "not_an_image",
    "truncated",
    "too_many_bytes",
    "too_many_pixels",
    "no_time",
    "invalid_time",
    "future_time",
    "no_source",
    "unknown_source",
    "too_many_sources",
    "decoder_panic",
];

#[derive(Deserialize)]
struct Released {
    source: SourceId,
    partition: i32,
    start: EventTime,
    end: EventTime,
    by: ClosedBy,
    accounting: Accounting,
    tracks: u64,
    votes: u64,
    unit: Unit,
    attributes: Vec<ReleasedAttribute>,
}

#[derive(Deserialize)]
struct ReleasedAttribute {
    attribute: Attribute,
    cells: Cells,
    evidence: BTreeMap<u32, Cell>,
}

impl From<Saved> for v2::Saved<'static> {
    fn from(saved: Saved) -> Self {
        let sources = saved.sources.into_iter();
        Self {
            log: v2::Log::default(),
            track_key: None,
            terms: saved.terms.into(),
            ledger: saved.ledger.into(),
            sources: sources.map(|(id, source)| (id, source.into())).collect(),
            // Nothing was spared.
            chosen: Vec::new(),
            outbox: saved.outbox.into_iter().map(Into::into).collect(),
            periods: v2::Periods::default(),
            publish: saved.publish,
        }
    }
}

impl From<Ledger> for v2::Ledger {
    fn from(ledger: Ledger) -> Self {
        Self {
            first_offset: ledger.first_offset,
            next_offset: ledger.next_offset,
            skipped: ledger.skipped,
            // It rejected them.
            presences: 0,
            published: ledger.published,
            waiting_since: None,
        }
    }
}

impl From<Terms> for v2::Terms<'static> {
    fn from(terms: Terms) -> Self {
        let rules = terms.rules;
        let unknown_sources = match rules.unknown_sources {
            UnknownSources::Deny => "deny",
            UnknownSources::Allow => "allow",
        };
        let rules = serde_json::json!({
            "name": rules.name,
            "unknown_sources": unknown_sources,
            "k_total": rules.k_total,
            "k_cell": rules.k_cell,
            "untracked": "count",
            "detections_factor": rules.detections_factor,
            "minors_detail": rules.minors_detail,
        });
        let weighting = match terms.weighting {
            Weighting::People => "people",
            Weighting::Dwell => "dwell",
        };
        Self {
            model: terms.model.into(),
            policy: terms.policy.into(),
            rules: rules.to_string(),
            legal_bases: None,
            categories: Cow::Owned(terms.categories),
            pane: terms.pane,
            // Each pane was a window.
            people_min: 0,
            window_max: terms.pane,
            weighting: weighting.into(),
            zones: v2::Zones {
                default: "UTC".into(),
                own: Vec::new(),
            },
        }
    }
}

impl From<Source> for v2::Source<'static> {
    fn from(source: Source) -> Self {
        let open = source.open.into_iter();
        Self {
            mark: source.closed_until,
            newest: EventTime::MIN,
            heard: EventTime::MIN,
            open: open.map(|(start, pane)| (start, pane.into())).collect(),
            growing: None,
            whole_until: EventTime::MIN,
            stays: Cow::default(),
            bursts: Cow::default(),
        }
    }
}

impl From<Pane> for v2::Pane<'static> {
    fn from(pane: Pane) -> Self {
        Self {
            accounting: pane.accounting.into(),
            faces: Cow::Owned(pane.faces.into()),
            faces_voted: pane.faces_voted,
            // Judged as detections, as they were.
            untracked_voted: pane.faces_voted,
            tracks: Cow::Owned(pane.tracks),
            touched: pane.touched,
            ids: Cow::default(),
        }
    }
}

impl From<Tally> for window::Tally {
    fn from(tally: Tally) -> Self {
        Self::of(tally.counts, tally.cells.map(votes))
    }
}

/// As if all votes were of different people: nothing else was known.
fn votes(cells: BTreeMap<u32, Cell>) -> CellCounts {
    let mut votes = CellCounts::default();
    for (cell, here) in cells {
        votes.add(cell, here.parts, &here.sums);
    }
    votes
}

impl From<ReleasedAttribute> for v2::Estimated<'static> {
    fn from(released: ReleasedAttribute) -> Self {
        Self {
            attribute: released.attribute,
            cells: Cow::Owned(released.cells),
            evidence: Cow::Owned(votes(released.evidence)),
        }
    }
}

impl From<Accounting> for v2::Accounting<'static> {
    fn from(accounting: Accounting) -> Self {
        let rejected = REASONS.into_iter().zip(accounting.rejected);
        Self {
            faces: accounting.faces,
            spared: 0,
            late: accounting.late,
            rejected: rejected
                .filter(|&(_, records)| records > 0)
                .map(|(reason, records)| (reason.into(), records))
                .collect(),
            first_offset: accounting.first_offset,
            next_offset: accounting.next_offset,
        }
    }
}

impl From<Released> for v2::Released<'static> {
    fn from(window: Released) -> Self {
        Self {
            source: window.source,
            partition: window.partition,
            start: window.start,
            end: window.end,
            by: window.by,
            accounting: window.accounting.into(),
            tracks: window.tracks,
            stayed: 0,
            votes: window.votes,
            unit: window.unit,
            attributes: window.attributes.into_iter().map(Into::into).collect(),
        }
    }
}
