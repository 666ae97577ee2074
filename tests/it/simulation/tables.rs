//! What a reader of the tables finds, and which window holds which votes.

use std::collections::BTreeMap;

use demograph_core::{
    privacy::{Cells, ReleasedWindow},
    record::Attribute,
    state::memory::Memory,
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
        if !path.starts_with(&format!("panes/p{partition}-")) {
            continue;
        }
        let mark = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let panes: Vec<ReleasedWindow> = postcard::from_bytes(&bytes[mark + 1..]).unwrap();
        for pane in panes {
            totals.faces += pane.accounting.faces;
            totals.spared += pane.accounting.spared;
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
