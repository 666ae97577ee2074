//! What became of the records, and what is wrong, each with its fix.

use demograph_core::reject::Reject;
use demograph_service::wiring::Visible;
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::Time;

/// The service's health.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Health {
    /// When the service took this picture of itself. If it is old, the service stands still.
    at: Time,
    /// What /healthz says: the poll loop goes round.
    is_alive: bool,
    /// What /readyz says: the instance has partitions and reads them.
    is_ready: bool,
    /// When any broker answered last; null before it did.
    broker_answered: Option<Time>,
    /// Records that are not counted yet, all partitions together.
    lag: i64,
    /// Records by what became of them.
    records: Vec<Count>,
    /// Rejected records by reason, most frequent first.
    rejected: Vec<Rejected>,
    /// What was written to each table since the start.
    tables: Vec<Written>,
}

/// Records with one outcome.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Count {
    outcome: &'static str,
    records: u64,
}

/// Records that were rejected for one reason.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Rejected {
    reason: &'static str,
    records: u64,
    /// What to do about it.
    fix: &'static str,
}

/// Files and rows of one table.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Written {
    table: &'static str,
    files: u64,
    rows: u64,
}

impl Health {
    pub(super) fn of(service: &Visible) -> Self {
        let now = service.latest.get();
        let counts = &now.counts;
        let records = counts.records.iter();
        let tables = counts.written.iter();
        let rejected = Reject::ALL.into_iter().map(|reason| Rejected {
            reason: reason.name(),
            records: counts.rejected.get(reason.name()).copied().unwrap_or(0),
            fix: fix(reason),
        });
        let mut rejected: Vec<_> = rejected.filter(|reason| reason.records > 0).collect();
        rejected.sort_by_key(|reason| std::cmp::Reverse(reason.records));
        Self {
            at: Time(now.at),
            is_alive: now.probes.is_alive,
            is_ready: now.probes.is_ready,
            broker_answered: now.probes.broker_answered.map(Time),
            lag: now.lag.values().sum(),
            records: records
                .map(|(&outcome, &records)| Count { outcome, records })
                .collect(),
            rejected,
            tables: tables
                .map(|(&table, written)| Written {
                    table,
                    files: written.files,
                    rows: written.rows,
                })
                .collect(),
        }
    }

    /// A row for each number, as CSV has them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let lag = u64::try_from(self.lag).unwrap_or(0);
        let probes = [
            ("is_alive", "", self.is_alive.into()),
            ("is_ready", "", self.is_ready.into()),
            ("lag", "", lag),
        ];
        let records = self.records.iter();
        let rejected = self.rejected.iter();
        let tables = self.tables.iter();
        let all = probes
            .into_iter()
            .chain(records.map(|count| ("records", count.outcome, count.records)))
            .chain(rejected.map(|count| ("rejected", count.reason, count.records)))
            .chain(
                tables
                    .clone()
                    .map(|table| ("files", table.table, table.files)),
            )
            .chain(tables.map(|table| ("rows", table.table, table.rows)));
        let rows: Vec<Row> = all
            .map(|(what, of, number)| Row { what, of, number })
            .collect();
        rows.into_iter()
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    what: &'static str,
    of: &'static str,
    number: u64,
}

/// What to do about records that are rejected for this reason.
fn fix(reason: Reject) -> &'static str {
    match reason {
        Reject::Empty => "Send the image as the record's value. Tombstones are counted here too.",
        Reject::MalformedEvent => {
            "Check the event's JSON, its headers and the source's name against the event contract."
        }
        Reject::UnknownType => "Set ce_type to the face-crop event's type, or leave it out.",
        Reject::UnsupportedVersion => "Send CloudEvents 1.0 and version 1 of the face-crop event.",
        Reject::UnknownContentType => {
            "Send one image a record, as image/jpeg, image/png or image/webp."
        }
        Reject::NotAnImage => "Send a JPEG, PNG or WebP; open one of these crops in a viewer.",
        Reject::Truncated => {
            "The image ends too early: look at the producer's buffer and message size."
        }
        Reject::TooManyBytes => {
            "Send crops instead of whole pictures, or raise limits.payload_bytes_max."
        }
        Reject::TooManyPixels => {
            "Send crops instead of whole pictures, or raise limits.image_side_max."
        }
        Reject::TooFewPixels => "Move the camera nearer, or lower limits.image_side_min.",
        Reject::NoTime => "Send ce_time, or let the producer set record timestamps.",
        Reject::InvalidTime => {
            "Write ce_time as RFC 3339 with a zone, such as 2026-03-01T12:00:00Z."
        }
        Reject::FutureTime => "Set the camera's clock: its events lie in the future.",
        Reject::PastTime => "Set the camera's clock. To read an old topic, raise windows.past_max.",
        Reject::NoSource => "Set the record's key, or ce_source, to the camera's name.",
        Reject::UnknownSource => "Add the camera to the config as a [[source]].",
        Reject::TooManySources => "Raise limits.sources_max, or find out who invents source names.",
        Reject::Duplicate => {
            "Give each face a ce_id of its own, or set windows.duplicates = \"count\"."
        }
        Reject::DecoderPanic => "Please report it: a decoder failed in an unforeseen way.",
        Reject::NoAnswer => {
            "The model has no finite answer for these crops: run `demograph model check`."
        }
    }
}
