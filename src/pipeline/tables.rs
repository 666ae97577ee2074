//! The files of a publication: a pure function of its checkpoint, so that whoever publishes it writes the same rows.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;

use super::Meaning;
use crate::{
    privacy::ReleasedPane,
    sink::{self, CHECKPOINT, Provenance, Table},
    state::{TableFile, Terms},
};

/// Writes released panes as files.
pub(super) struct Tables {
    pub group: String,
    pub topic: String,
    /// Whether the table of exact cells is written.
    pub cells: bool,
    pub meaning: Meaning,
}

/// Which checkpoint of which partition the files belong to.
#[derive(Debug, Clone)]
pub(super) struct Edition {
    pub partition: i32,
    pub seq: u64,
    pub mark: String,
    pub terms: Arc<Terms>,
}

/// A file, and what it adds to its table.
pub(super) struct Written {
    pub table: Table,
    pub rows: usize,
    pub file: TableFile,
}

impl Tables {
    /// One file a table and date that has rows.
    pub(super) fn files(
        &self,
        panes: &[ReleasedPane],
        edition: &Edition,
    ) -> anyhow::Result<Vec<Written>> {
        let provenance = &self.provenance(&edition.terms);
        let mut files = Vec::new();
        for (date, panes) in by_date(panes) {
            for table in Table::ALL {
                if table == Table::Cells && !self.cells {
                    continue;
                }
                let rows = table.rows(&panes, provenance);
                if rows.num_rows() == 0 {
                    continue;
                }
                let bytes = sink::encode(&rows, &self.facts(edition)).context("encode Parquet")?;
                let name =
                    sink::part_name((&self.group, &self.topic), edition.partition, edition.seq);
                let path = sink::part_path(table, &date, &name);
                files.push(Written {
                    table,
                    rows: rows.num_rows(),
                    file: TableFile { path, bytes },
                });
            }
        }
        Ok(files)
    }

    /// Rows of former terms have no estimates: how that model erred is not known any more.
    fn provenance(&self, terms: &Arc<Terms>) -> Provenance {
        let current = &self.meaning.terms;
        let is_same = terms.model == current.model && terms.categories == current.categories;
        Provenance {
            terms: terms.clone(),
            calibrations: match is_same {
                true => self.meaning.calibrations.clone(),
                false => Arc::default(),
            },
        }
    }

    fn facts(&self, edition: &Edition) -> Vec<(&'static str, String)> {
        let bases: Vec<String> = self
            .meaning
            .policy
            .legal_bases()
            .iter()
            .map(|(source, basis)| format!("{source}: {basis}"))
            .collect();
        vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("model", edition.terms.model.clone()),
            ("policy", edition.terms.policy.clone()),
            ("legal_basis", bases.join("\n")),
            (CHECKPOINT, edition.mark.clone()),
        ]
    }
}

/// Hive partitions go by the UTC date of the pane's start.
fn by_date(panes: &[ReleasedPane]) -> BTreeMap<String, Vec<ReleasedPane>> {
    let mut dates: BTreeMap<String, Vec<ReleasedPane>> = BTreeMap::new();
    for pane in panes {
        dates.entry(pane.date()).or_default().push(pane.clone());
    }
    dates
}
