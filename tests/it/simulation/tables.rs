//! What a reader of the tables finds, and which window holds which votes.

use std::collections::BTreeMap;

use demograph_core::{
    periods::PeriodKind,
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
        for window in saved(bytes).outbox {
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

/// The state that a file holds behind its origin.
fn saved(bytes: &[u8]) -> Saved {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap();
    Saved::decode(&bytes[end + 1..]).unwrap()
}

/// Each window with faces is in one hour and one day, whatever happened. Returns how many hours there are beyond one a
/// source.
pub fn periods_add_up(store: &Memory, partition: i32) -> u64 {
    let mut expected: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let mut hours_and_days = [BTreeMap::new(), BTreeMap::new()];
    let mut hours = 0;
    let tables = store.tables.borrow();
    let own = format!("windows/p{partition}-");
    for (_, bytes) in tables.iter().filter(|(path, _)| path.starts_with(&own)) {
        let saved = saved(bytes);
        let with_faces = |window: &&ReleasedWindow| window.accounting.faces > 0;
        for window in saved.outbox.iter().filter(with_faces) {
            let sums = expected.entry(window.source.to_string()).or_default();
            add(sums, [1, window.accounting.seen(), window.votes]);
        }
        for period in saved.periods.finished() {
            hours += u64::from(period.kind == PeriodKind::Hour);
            let all = hours_and_days[period.kind as usize].entry(period.source.to_string());
            let sums = &period.content.sums;
            let more = [sums.windows() as u64, sums.faces(), sums.votes()];
            add(all.or_default(), more);
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
