//! What a reader of the tables finds, and which window holds which votes.

use std::collections::BTreeMap;

use demograph_core::{
    periods::{PeriodKind, ReleasedPeriod},
    privacy::{Cells, ReleasedWindow},
    record::Attribute,
    state::memory::Memory,
};

use serde::{Deserialize, Serialize};

use super::log::{Totals, Votes};

/// A window with votes: its source, start and end.
pub type Bounds = (String, i64, i64);

/// The votes of panes, or of windows, by the window that holds them: exactly one.
pub fn in_windows(votes: &Votes, windows: &[Bounds]) -> Votes {
    let mut sums = Votes::new();
    for ((source, start, category), n) in votes {
        let holds = |window: &&Bounds| window.0 == *source && (window.1..window.2).contains(start);
        let holders: Vec<&Bounds> = windows.iter().filter(holds).collect();
        let [holder] = holders[..] else {
            panic!("{source} {start} is in {holders:?}");
        };
        *sums
            .entry((source.clone(), holder.1, category.clone()))
            .or_default() += n;
    }
    sums
}

/// What a reader of the tables finds, and the windows that hold votes.
pub fn published(store: &Memory, partition: i32) -> (Totals, Vec<Bounds>) {
    let mut windows = Vec::new();
    let mut totals = Totals::default();
    let labels = ["female", "male"];
    for (path, bytes) in store.tables.borrow().iter() {
        if !path.starts_with(&format!("panes/p{partition}-")) {
            continue;
        }
        for pane in rows(bytes).0 {
            totals.faces += pane.accounting.faces;
            totals.late += pane.accounting.late;
            if pane.votes > 0 {
                windows.push((pane.source.to_string(), pane.start.0, pane.end.0));
            }
            for (reason, n) in pane.accounting.rejected_by_reason() {
                *totals.rejected.entry(reason).or_default() += n;
            }
            votes(&pane, &labels, &mut totals.votes);
        }
    }
    (totals, windows)
}

/// What an hour or a day adds up.
#[derive(Serialize, Deserialize)]
pub struct PeriodRow {
    source: String,
    is_day: bool,
    windows: u64,
    faces: u64,
    votes: u64,
}

impl PeriodRow {
    pub fn of(period: &ReleasedPeriod) -> Self {
        let sums = &period.content.sums;
        Self {
            source: period.source.to_string(),
            is_day: period.kind == PeriodKind::Day,
            windows: sums.windows() as u64,
            faces: sums.faces(),
            votes: sums.votes(),
        }
    }
}

/// The rows of a file behind its mark.
fn rows(bytes: &[u8]) -> (Vec<ReleasedWindow>, Vec<PeriodRow>) {
    let mark = bytes.iter().position(|byte| *byte == b' ').unwrap();
    postcard::from_bytes(&bytes[mark + 1..]).unwrap()
}

/// Each window with faces is in one hour and one day, whatever happened. Returns how many hours there are beyond one a
/// source.
pub fn periods_add_up(store: &Memory, partition: i32) -> u64 {
    let mut expected: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut hours_and_days = [BTreeMap::new(), BTreeMap::new()];
    let mut hours = 0;
    let tables = store.tables.borrow();
    let own = format!("panes/p{partition}-");
    for (_, bytes) in tables.iter().filter(|(path, _)| path.starts_with(&own)) {
        let (windows, periods) = rows(bytes);
        for window in windows.iter().filter(|window| window.accounting.faces > 0) {
            let sums = expected.entry(window.source.to_string()).or_default();
            add(sums, [1, window.accounting.faces, window.votes]);
        }
        for row in periods {
            hours += u64::from(!row.is_day);
            let sums = hours_and_days[usize::from(row.is_day)].entry(row.source);
            add(sums.or_default(), [row.windows, row.faces, row.votes]);
        }
    }
    for sums in hours_and_days {
        assert_eq!(sums, expected);
    }
    hours - expected.len() as u64
}

fn add(sums: &mut [u64; 3], more: [u64; 3]) {
    sums.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more);
}

fn votes(pane: &ReleasedWindow, labels: &[&str], votes: &mut Votes) {
    let gender = pane
        .attributes
        .iter()
        .find(|released| released.attribute == Attribute::Gender);
    let Some(Cells::Shown { counts, .. }) = gender.map(|released| &released.cells) else {
        return;
    };
    let shown: BTreeMap<&str, u64> = labels
        .iter()
        .zip(counts)
        .filter_map(|(label, count)| Some((*label, count.filter(|&n| n > 0)?)))
        .collect();
    for (label, n) in shown {
        let key = (pane.source.to_string(), pane.start.0, label.to_owned());
        *votes.entry(key).or_default() += n;
    }
}
