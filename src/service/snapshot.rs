//! The read model: what the service says of itself now, as plain data. The demo reads it.
//!
//! Promises: what it says of people are the released values that /metrics and the table `windows` show, and no others; a
//! snapshot never changes.
//! The fold makes one at every tick and when partitions come or go: one that is old says that the fold stands still.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use demograph_core::{
    estimate::calibration_fits,
    people::People,
    privacy::ShownShare,
    record::{Attribute, EventTime, SourceId},
    reject::Reject,
    span::Span,
};

use crate::{
    http::Health,
    inputs::Input,
    metrics::{Metrics, outcome, pace::Lately},
    sink::{Table, history::LeftOut},
};

/// One moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was made.
    pub at: EventTime,
    pub audience: Arc<Audience>,
    pub people: Arc<PeopleBySource>,
    pub counts: Counts,
    /// What the stages did in the last minute.
    pub pace: Lately,
    /// Records that are not folded yet, by partition.
    pub lag: BTreeMap<i32, i64>,
    pub probes: Probes,
    /// What feeds the service from within its process. Mostly there is none.
    pub inputs: Vec<Input>,
    /// Files that tables without a service have left out; of a service none.
    pub left_out: Arc<[LeftOut]>,
}

/// Who was seen: the rolling views of each source, by the length of the view. A view without a released window is not
/// there.
pub type Audience = BTreeMap<SourceId, BTreeMap<Span, ShownView>>;

/// How many people were in the released windows of each source lately.
pub type PeopleBySource = BTreeMap<SourceId, People>;

/// One rolling view. What is hidden or unknown is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownView {
    /// From when to when its released windows go.
    pub covers: Option<(EventTime, EventTime)>,
    /// In all windows, also those that were spared or are suppressed. Tables of hours and days do not say it.
    pub faces: Option<u64>,
    pub attributes: Vec<ShownAttribute>,
}

/// One attribute of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownAttribute {
    pub attribute: Attribute,
    /// The part of the votes that is shown.
    pub shown_ratio: Option<f64>,
    pub shift_p: Option<f64>,
    /// In the order of the model.
    pub categories: Vec<ShownCategory>,
}

impl ShownAttribute {
    /// Whether the shift test finds that the calibration fits; `None` without a test.
    pub fn calibration_fits(&self) -> Option<bool> {
        self.shift_p.map(calibration_fits)
    }
}

/// One category of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownCategory {
    pub label: String,
    pub votes: Option<u64>,
    pub share_naive: Option<f64>,
    /// The estimate.
    pub share: ShownShare,
}

/// What became of records and rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// By outcome.
    pub records: BTreeMap<&'static str, u64>,
    /// By reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// By the name of the table.
    pub written: BTreeMap<&'static str, Written>,
}

/// What was written of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    pub files: u64,
    pub rows: u64,
}

/// What /healthz and /readyz say, and whether Kafka is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probes {
    pub is_alive: bool,
    pub is_ready: bool,
    /// When any broker answered last.
    pub broker_answered: Option<EventTime>,
}

impl Counts {
    pub(crate) fn of(metrics: &Metrics) -> Self {
        let outcomes = outcome::ALL.into_iter();
        let reasons = Reject::ALL.into_iter().map(Reject::name);
        let written = Table::ALL.into_iter().map(|table| {
            let label = [table.name()];
            let files = metrics.files_written.with_label_values(&label).get();
            let rows = metrics.rows_written.with_label_values(&label).get();
            (table.name(), Written { files, rows })
        });
        Self {
            records: outcomes
                .map(|name| (name, metrics.records.with_label_values(&[name]).get()))
                .collect(),
            rejected: reasons
                .map(|name| {
                    let counter = metrics.rejected_records.with_label_values(&[name]);
                    (name, counter.get())
                })
                .collect(),
            written: written.collect(),
        }
    }

    /// Records with this outcome.
    pub fn records(&self, outcome: &str) -> u64 {
        self.records.get(outcome).copied().unwrap_or(0)
    }

    /// All records that were folded.
    pub fn read(&self) -> u64 {
        self.records.values().sum()
    }

    /// Files of all tables.
    pub fn files(&self) -> u64 {
        self.written.values().map(|written| written.files).sum()
    }
}

impl Probes {
    pub(crate) fn of(health: &Health) -> Self {
        Self {
            is_alive: health.is_alive(),
            is_ready: health.is_ready(),
            broker_answered: health.broker_answered(),
        }
    }
}

/// The newest snapshot. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Latest(Arc<Mutex<Arc<Snapshot>>>);

impl Latest {
    /// The snapshot; the lock is held only while one pointer is copied.
    pub fn get(&self) -> Arc<Snapshot> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    pub(crate) fn put(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = snapshot;
    }
}
