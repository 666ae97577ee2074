//! What became of the records, what the stages did lately, and what is wrong, each with its fix.

use demograph_core::reject::Reject;
use demograph_service::{
    metrics::pace::{Batch, Delay, Doing, Stage},
    wiring::Visible,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    answer::Text,
    inputs::{ConditionOf, InputOf},
};
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
    /// Delay, batch and stages are of so many seconds before `at`: a minute, less after a start. 0: not known yet.
    measured_seconds: f64,
    /// Null where no face was estimated.
    delay: Option<DelayOf>,
    /// Null where the model was given no batch.
    batch: Option<BatchOf>,
    /// In the order of the path.
    stages: Vec<StageOf>,
    /// When this instance wrote a checkpoint last; null before it did.
    last_checkpoint: Option<Time>,
    /// Records by what became of them.
    records: Vec<Count>,
    /// Rejected records by reason, most frequent first.
    rejected: Vec<Rejected>,
    /// What was written to each table since the start.
    tables: Vec<Written>,
    /// What feeds this instance from within its process, such as the cameras of `watch`. Mostly there is none.
    inputs: Vec<InputOf>,
}

/// How long faces took from their record's timestamp to their estimate.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Delay")]
struct DelayOf {
    faces: u64,
    mean_seconds: f64,
    /// Half of the faces took at most so long: a bound of the metric's buckets. Null: more than 60 s.
    p50_within_seconds: Option<f64>,
    /// The same for 99 of 100 faces.
    p99_within_seconds: Option<f64>,
}

/// The batches that the model was given.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Batch")]
struct BatchOf {
    batches: u64,
    crops_mean: f64,
}

/// One stage of the path.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Stage")]
struct StageOf {
    stage: &'static str,
    /// What it does most of the time: it waits for input, works, or is blocked by the next stage. Of the reader only this is
    /// known: whether it is blocked.
    state: State,
    /// The part of its time in which it works. Of several workers the mean. Commits that overlap add up, to 1 at most.
    busy_ratio: Option<f64>,
    /// The part of its time in which it waits for the next stage. Null where that is not measured.
    blocked_ratio: Option<f64>,
}

/// What a stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Waiting,
    Busy,
    Blocked,
    Reading,
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
        let pace = &now.pace;
        Self {
            at: Time(now.at),
            is_alive: now.probes.is_alive,
            is_ready: now.probes.is_ready,
            broker_answered: now.probes.broker_answered.map(Time),
            lag: now.lag.values().sum(),
            measured_seconds: pace.seconds,
            delay: pace.delay.map(DelayOf::from),
            batch: pace.batch.map(BatchOf::from),
            stages: pace.stages.iter().map(StageOf::from).collect(),
            last_checkpoint: pace.last_checkpoint.map(Time),
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
            inputs: now.inputs.iter().map(InputOf::from).collect(),
        }
    }

    /// A row for each number, as CSV has them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let mut rows = vec![
            Row::of("is_alive", "", u64::from(self.is_alive)),
            Row::of("is_ready", "", u64::from(self.is_ready)),
            Row::of("lag", "", self.lag.max(0)),
            Row::of("measured_seconds", "", self.measured_seconds),
        ];
        if let Some(delay) = &self.delay {
            rows.push(Row::of("delay_mean_seconds", "", delay.mean_seconds));
            let bounds = [
                ("delay_p50_within_seconds", delay.p50_within_seconds),
                ("delay_p99_within_seconds", delay.p99_within_seconds),
            ];
            rows.extend(bounds.map(|(what, bound)| Row::known(what, "", bound)));
        }
        if let Some(batch) = &self.batch {
            rows.push(Row::of("batch_crops_mean", "", batch.crops_mean));
        }
        for one in &self.stages {
            rows.push(Row::known("busy_ratio", one.stage, one.busy_ratio));
            rows.push(Row::known("blocked_ratio", one.stage, one.blocked_ratio));
        }
        let records = self.records.iter();
        rows.extend(records.map(|one| Row::of("records", one.outcome, one.records)));
        let rejected = self.rejected.iter();
        rows.extend(rejected.map(|one| Row::of("rejected", one.reason, one.records)));
        let tables = || self.tables.iter();
        rows.extend(tables().map(|one| Row::of("files", one.table, one.files)));
        rows.extend(tables().map(|one| Row::of("rows", one.table, one.rows)));
        for one in &self.inputs {
            let is_down = one.condition == ConditionOf::Down;
            rows.push(Row::of("input_is_down", &one.source, u64::from(is_down)));
            let figures = one.figures.iter();
            rows.extend(figures.map(|of| Row::of(of.name, &one.source, of.number)));
        }
        rows.into_iter()
    }
}

impl From<Delay> for DelayOf {
    fn from(delay: Delay) -> Self {
        Self {
            faces: delay.faces,
            mean_seconds: delay.mean_seconds,
            p50_within_seconds: delay.p50_within_seconds,
            p99_within_seconds: delay.p99_within_seconds,
        }
    }
}

impl From<Batch> for BatchOf {
    fn from(batch: Batch) -> Self {
        Self {
            batches: batch.batches,
            crops_mean: batch.crops_mean,
        }
    }
}

impl From<&Stage> for StageOf {
    fn from(stage: &Stage) -> Self {
        Self {
            stage: stage.name,
            state: match stage.doing {
                Doing::Waiting => State::Waiting,
                Doing::Busy => State::Busy,
                Doing::Blocked => State::Blocked,
                Doing::Reading => State::Reading,
            },
            busy_ratio: stage.busy,
            blocked_ratio: stage.blocked,
        }
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    what: &'static str,
    of: Text,
    /// Empty where it is not known.
    number: String,
}

impl Row {
    fn of(what: &'static str, of: &str, number: impl ToString) -> Self {
        Self {
            what,
            of: Text::of(of),
            number: number.to_string(),
        }
    }

    fn known(what: &'static str, of: &str, number: Option<f64>) -> Self {
        let number = number.map_or_else(String::new, |number| number.to_string());
        Self::of(what, of, number)
    }
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
