//! Whether the hours and days that a checkpoint published are in the tables.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use demograph_core::{
    periods::{PeriodKind, ReleasedPeriod},
    privacy::Policy,
};
use demograph_service::{
    config::Config,
    sink::{self, Footer, Stores, Table, catalog},
};

use super::{Kept, Read};

/// How many hours and days it published; `None` if a file of them is missing. A file that `compact` deleted is there if a
/// compacted file names it.
pub(super) fn published(
    config: &Config,
    stores: &Stores,
    kept: &Kept,
    checkpoint: &Read,
) -> anyhow::Result<Option<usize>> {
    let saved = &checkpoint.saved;
    if !saved.publish {
        return Ok(Some(0));
    }
    // The policy of the process that published them may have forbidden some attributes. This one is that of the rows.
    let is_known = Policy::new(&config.policy, &config.sources).id == saved.terms.policy;
    let (group, topic) = (&config.kafka.group, &config.kafka.topic);
    let name = sink::part_name(group, topic, kept.partition, checkpoint.header.seq);
    for ((table, date), expected) in expected(saved.periods.finished()) {
        let path = sink::part_path(table, &date, &name);
        match stores.tables.find(&path)? {
            Some(bytes) => {
                let rows = Footer::read(&bytes).with_context(|| path.clone())?.rows;
                let is_right = rows == expected || !is_known && rows < expected;
                ensure!(
                    is_right,
                    "{path} holds {rows} rows, and {} had {expected} to publish",
                    checkpoint.path
                );
            }
            None if !is_known => {}
            None if catalog::is_compacted(&stores.tables, table, &date, &name)? => {}
            None => return Ok(None),
        }
    }
    Ok(Some(saved.periods.finished().len()))
}

/// The rows of each file.
fn expected(periods: &[ReleasedPeriod]) -> BTreeMap<(Table, String), u64> {
    let mut files = BTreeMap::new();
    for period in periods.iter().filter(|period| period.rows() > 0) {
        let table = match period.kind {
            PeriodKind::Hour => Table::Hourly,
            PeriodKind::Day => Table::Daily,
        };
        let key = (table, period.date().to_string());
        *files.entry(key).or_default() += period.rows() as u64;
    }
    files
}
