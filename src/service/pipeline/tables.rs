//! The files of a publication: a pure function of its checkpoint, so that every instance that publishes it writes the
//! same rows.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use demograph_core::{
    privacy::{Admit, ReleasedWindow},
    state::{TableFile, Terms},
};

use super::Meaning;
use crate::sink::{self, CHECKPOINT, Provenance, TOPIC, Table};

/// Writes released windows as files.
pub(super) struct Tables {
    pub group: String,
    pub topic: String,
    /// Whether the table of exact cells is written.
    pub cells: bool,
    pub meaning: Meaning,
}

/// The checkpoint that the files belong to.
#[derive(Debug, Clone)]
pub(super) struct Edition {
    pub partition: i32,
    pub seq: u64,
    pub origin: String,
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
        windows: &[ReleasedWindow],
        edition: &Edition,
    ) -> anyhow::Result<Vec<Written>> {
        let provenance = &self.provenance(&edition.terms);
        let mut files = Vec::new();
        for (date, windows) in by_date(self.allowed(windows)) {
            for table in Table::ALL {
                if table == Table::Cells && !self.cells {
                    continue;
                }
                let rows = table.rows(&windows, provenance);
                if rows.num_rows() == 0 {
                    continue;
                }
                let bytes = sink::encode(&rows, &self.facts(edition)).context("encode Parquet")?;
                let name =
                    sink::part_name(&self.group, &self.topic, edition.partition, edition.seq);
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

    /// The windows without what the policy of today forbids, though a policy of before allowed it.
    fn allowed(&self, windows: &[ReleasedWindow]) -> Vec<ReleasedWindow> {
        let mut windows = windows.to_vec();
        for window in &mut windows {
            let allowed = self
                .meaning
                .policy
                .admit(&window.source)
                .unwrap_or_default();
            window
                .content
                .retain(|released| allowed.contains(released.attribute));
        }
        windows
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
        vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("model", edition.terms.model.clone()),
            ("policy", edition.terms.policy.clone()),
            ("legal_basis", edition.terms.legal_basis()),
            (CHECKPOINT, edition.origin.clone()),
            (TOPIC, self.topic.clone()),
        ]
    }
}

/// Hive partitions go by the UTC date of the window's start.
fn by_date(windows: Vec<ReleasedWindow>) -> BTreeMap<String, Vec<ReleasedWindow>> {
    let mut dates: BTreeMap<String, Vec<ReleasedWindow>> = BTreeMap::new();
    for window in windows {
        dates.entry(window.date()).or_default().push(window);
    }
    dates
}

#[cfg(test)]
mod tests {
    use demograph_core::{
        facts::ModelFacts,
        privacy::{Cells, Policy, PolicyRules, ReleasedAttribute, SourceRules},
        record::{Attribute, Position, SourceId},
        window::Accounting,
    };

    use super::*;

    fn tables(attributes: &[Attribute]) -> Tables {
        let source = SourceRules {
            id: "cam".into(),
            attributes: attributes.to_vec(),
            legal_basis: Some("consent".into()),
            calibration: None,
        };
        let policy = Policy::new(&PolicyRules::default(), &[source]);
        let facts = ModelFacts {
            id: "m@1".into(),
            has_age: false,
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec!["a".into(), "b".into()],
        };
        let terms = Terms::example(&facts, &policy);
        Tables {
            group: "g".into(),
            topic: "t".into(),
            cells: true,
            meaning: Meaning {
                policy: Arc::new(policy),
                terms: Arc::new(terms),
                calibrations: Arc::default(),
            },
        }
    }

    fn window(start: i64) -> ReleasedWindow {
        let released = |attribute| ReleasedAttribute {
            attribute,
            cells: Cells::Shown {
                total: 40,
                counts: vec![Some(20), Some(20)],
            },
            evidence: Default::default(),
        };
        let mut accounting = Accounting::of_faces(40);
        accounting.cover(Position {
            partition: 0,
            offset: 7,
        });
        ReleasedWindow {
            accounting,
            tracks: 40,
            votes: 40,
            content: vec![released(Attribute::Gender), released(Attribute::Ethnicity)],
            ..ReleasedWindow::empty(start, start + 10_000)
        }
    }

    /// Folder and rows of every file.
    fn files(tables: &Tables, windows: &[ReleasedWindow]) -> Vec<(String, usize)> {
        let edition = Edition {
            partition: 0,
            seq: 3,
            origin: "origin".into(),
            terms: tables.meaning.terms.clone(),
        };
        let folder = |path: &str| path.split("/part").next().unwrap().to_owned();
        let files = tables.files(windows, &edition).unwrap();
        files
            .iter()
            .map(|written| (folder(&written.file.path), written.rows))
            .collect()
    }

    #[test]
    fn what_the_policy_of_today_forbids_is_not_published_though_it_was_counted() {
        let rows = |attributes: &[Attribute]| {
            let files = files(&tables(attributes), &[window(0)]);
            files.into_iter().map(|(_, rows)| rows).collect::<Vec<_>>()
        };
        assert_eq!(rows(&[Attribute::Gender, Attribute::Ethnicity]), [4, 1]);
        assert_eq!(rows(&[Attribute::Gender]), [2, 1]);
    }

    #[test]
    fn a_file_states_the_legal_basis_that_its_rows_were_counted_under() {
        let tables = tables(&[Attribute::Gender, Attribute::Ethnicity]);
        let before = |legal_bases| {
            Arc::new(Terms {
                policy: "before@1".into(),
                legal_bases,
                ..Terms::clone(&tables.meaning.terms)
            })
        };
        let of_before = vec![(SourceId::new("cam"), "audit".to_owned())];
        for (terms, expected) in [
            (tables.meaning.terms.clone(), "cam: consent"),
            (before(Some(of_before)), "cam: audit"),
            (before(None), "as the policy before@1 stated it"),
        ] {
            let edition = Edition {
                partition: 0,
                seq: 3,
                origin: "origin".into(),
                terms,
            };
            let files = tables.files(&[window(0)], &edition).unwrap();
            assert!(!files.is_empty());
            for written in files {
                let footer = sink::Footer::read(&written.file.bytes).unwrap();
                assert_eq!(footer.facts["legal_basis"], expected);
            }
        }
    }

    #[test]
    fn panes_of_two_days_are_files_of_two_dates() {
        let files = files(
            &tables(&[Attribute::Gender]),
            &[window(0), window(86_400_000)],
        );
        let folders: Vec<&str> = files.iter().map(|(folder, _)| folder.as_str()).collect();
        assert_eq!(
            folders,
            [
                "demographics/date=1970-01-01",
                "windows/date=1970-01-01",
                "demographics/date=1970-01-02",
                "windows/date=1970-01-02"
            ]
        );
    }
}
