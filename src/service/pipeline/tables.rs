//! The files of a publication: a pure function of its checkpoint, so that every instance that publishes it writes the
//! same rows.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use demograph_core::{
    privacy::Admit,
    state::{Publication, TableFile, Terms},
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
        rows: &Publication,
        edition: &Edition,
    ) -> anyhow::Result<Vec<Written>> {
        let provenance = &self.provenance(&edition.terms);
        let mut files = Vec::new();
        for (date, of_date) in by_date(self.allowed(rows)) {
            for table in Table::ALL {
                if table == Table::Cells && !self.cells {
                    continue;
                }
                let rows = table.rows(&of_date, provenance);
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

    /// The rows without what the policy of today forbids, though a policy of before allowed it.
    fn allowed(&self, rows: &Publication) -> Publication {
        let mut rows = rows.clone();
        let allowed = |source| self.meaning.policy.admit(source).unwrap_or_default();
        for window in &mut rows.windows {
            let allowed = allowed(&window.source);
            window
                .content
                .retain(|released| allowed.contains(released.attribute));
        }
        for period in &mut rows.periods {
            let allowed = allowed(&period.source);
            let sums = &mut period.content.sums;
            sums.retain(|attribute| allowed.contains(attribute));
        }
        rows
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

/// Hive partitions go by the UTC date of the window's start; those of hours and days by the date of the clock on the wall.
fn by_date(rows: Publication) -> BTreeMap<String, Publication> {
    let mut dates: BTreeMap<String, Publication> = BTreeMap::new();
    for window in rows.windows {
        let of_date = dates.entry(window.date()).or_default();
        of_date.windows.push(window);
    }
    for period in rows.periods {
        let of_date = dates.entry(period.date().to_string()).or_default();
        of_date.periods.push(period);
    }
    dates
}

#[cfg(test)]
mod tests {
    use demograph_core::{
        facts::ModelFacts,
        periods::{Content, PeriodKind, ReleasedPeriod, Zone},
        privacy::{Cells, Policy, PolicyRules, ReleasedAttribute, ReleasedWindow, SourceRules},
        record::{Attribute, Position, SourceId},
        views::Sums,
        window::{Accounting, ClosedBy},
    };

    use super::*;

    fn tables(attributes: &[Attribute]) -> Tables {
        let source = SourceRules {
            id: "cam".into(),
            attributes: attributes.to_vec(),
            legal_basis: Some("consent".into()),
            calibration: None,
            time_zone: None,
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

    /// The day in Berlin that holds such a window.
    fn day(window: &ReleasedWindow) -> ReleasedPeriod {
        let mut sums = Sums::default();
        sums.add(window);
        let berlin = Zone::named("Europe/Berlin").unwrap();
        ReleasedPeriod {
            source: window.source.clone(),
            partition: 0,
            kind: PeriodKind::Day,
            period: berlin.period(PeriodKind::Day, window.start),
            zone: berlin.name().into(),
            by: ClosedBy::Watermark,
            content: Content {
                from: window.start,
                until: window.end,
                carried: 0,
                tracks: 0,
                stayed: 0,
                sums,
            },
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
        let rows = Publication {
            windows: windows.to_vec(),
            periods: windows.iter().map(day).collect(),
        };
        let files = tables.files(&rows, &edition).unwrap();
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
        assert_eq!(rows(&[Attribute::Gender, Attribute::Ethnicity]), [4, 1, 4]);
        assert_eq!(rows(&[Attribute::Gender]), [2, 1, 2]);
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
            let rows = Publication {
                windows: vec![window(0)],
                periods: Vec::new(),
            };
            let files = tables.files(&rows, &edition).unwrap();
            assert!(!files.is_empty());
            for written in files {
                let footer = sink::Footer::read(&written.file.bytes).unwrap();
                assert_eq!(footer.facts["legal_basis"], expected);
            }
        }
    }

    #[test]
    fn windows_go_by_the_date_in_utc_and_days_by_that_on_the_wall() {
        // Half past eleven in the evening, in Berlin half an hour after midnight.
        let evening = window(84_600_000);
        let files = files(&tables(&[Attribute::Gender]), &[window(0), evening]);
        let folders: Vec<&str> = files.iter().map(|(folder, _)| folder.as_str()).collect();
        assert_eq!(
            folders,
            [
                "demographics/date=1970-01-01",
                "windows/date=1970-01-01",
                "daily/date=1970-01-01",
                "daily/date=1970-01-02"
            ]
        );
    }
}
