//! What a reader of the tables finds, and which window holds which votes.

use std::collections::BTreeMap;

use demograph_core::{
    privacy::{Cells, ReleasedWindow},
    record::Attribute,
    state::{Saved, memory::Memory},
};

use super::log::{Totals, Votes};

/// A window with votes: its source, start and end.
pub type Bounds = (String, i64, i64);

/// The start of the window that holds this pane of the source: exactly one.
pub fn holder(windows: &[Bounds], (source, start): (&str, i64)) -> i64 {
    let holds = |window: &&Bounds| window.0 == *source && (window.1..window.2).contains(&start);
    let holders: Vec<&Bounds> = windows.iter().filter(holds).collect();
    let [holder] = holders[..] else {
        panic!("{source} {start} is in {holders:?}");
    };
    holder.1
}

/// What a reader of the tables finds, and the windows that hold votes.
pub fn published(store: &Memory, partition: i32) -> (Totals, Vec<Bounds>) {
    let mut windows = Vec::new();
    let mut totals = Totals::default();
    let labels = ["female", "male"];
    for (path, bytes) in store.tables.borrow().iter() {
        if !path.starts_with(&format!("windows/p{partition}-")) {
            continue;
        }
        let end = bytes.iter().position(|byte| *byte == b' ').unwrap();
        for window in Saved::decode(&bytes[end + 1..]).unwrap().outbox {
            totals.faces += window.accounting.faces;
            totals.spared += window.accounting.spared;
            totals.late += window.accounting.late;
            if window.votes > 0 {
                windows.push((window.source.to_string(), window.start.0, window.end.0));
            }
            for (reason, n) in window.accounting.rejected_by_reason() {
                *totals.rejected.entry(reason).or_default() += n;
            }
            votes(&window, &labels, &mut totals.votes);
        }
    }
    (totals, windows)
}

fn votes(window: &ReleasedWindow, labels: &[&str], votes: &mut Votes) {
    let gender = window
        .content
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
        let key = (window.source.to_string(), window.start.0, label.to_owned());
        *votes.entry(key).or_default() += n;
    }
}
