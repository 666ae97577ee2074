//! How many people came before each source lately, as the table `windows` says.

use std::collections::BTreeMap;

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use demograph_core::window::Unit;

use super::{Store, Table, catalog, tables::columns::column};

/// More files of two dates are not read for a hint.
const FILES_MAX: usize = 1_000;
const HOUR: f64 = 3_600_000.0;

/// The traffic of one source.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Traffic {
    people: f64,
    start: i64,
    end: i64,
}

impl Traffic {
    /// People an hour, from the start of the first window to the end of the last one.
    pub fn people_an_hour(&self) -> f64 {
        self.people * HOUR / (self.end - self.start).max(1) as f64
    }

    /// Minutes until so many people have come.
    pub fn minutes_for(&self, people: u64) -> f64 {
        60.0 * people as f64 / self.people_an_hour()
    }
}

/// The traffic of each source in the newest date of the table and the one before, as far as it has people. Nothing where
/// there are too many files: `demograph compact` merges them. So many votes stand for a person where faces vote for
/// themselves.
pub fn traffic(store: &Store, votes_a_person: u64) -> anyhow::Result<BTreeMap<String, Traffic>> {
    let mut days = catalog::days(store, Table::Windows)?;
    let newest = days.keys().rev().take(2).copied();
    let newest: Vec<_> = newest.collect();
    days.retain(|date, _| newest.contains(date));
    let files: usize = days
        .values()
        .map(|day| day.small.len() + day.compacted.len())
        .sum();
    let mut sources = BTreeMap::new();
    if files > FILES_MAX {
        return Ok(sources);
    }
    let days = days.into_iter();
    let dates = days.map(|(date, day)| (date, vec![(store, day)])).collect();
    catalog::read_dates(dates, |batch| add(&mut sources, batch, votes_a_person))?;
    Ok(sources)
}

fn add(
    sources: &mut BTreeMap<String, Traffic>,
    batch: &RecordBatch,
    votes_a_person: u64,
) -> anyhow::Result<()> {
    let source: &StringArray = column(batch, "source")?;
    let start: &TimestampMillisecondArray = column(batch, "window_start")?;
    let end: &TimestampMillisecondArray = column(batch, "window_end")?;
    let votes: &Int64Array = column(batch, "votes")?;
    let unit: &StringArray = column(batch, "unit")?;
    for row in 0..batch.num_rows() {
        let people = match unit.value(row) == Unit::Tracks.name() {
            true => votes.value(row) as f64,
            false => votes.value(row) as f64 / votes_a_person as f64,
        };
        if people == 0.0 {
            continue;
        }
        let known = sources
            .entry(source.value(row).to_owned())
            .or_insert(Traffic {
                people: 0.0,
                start: i64::MAX,
                end: i64::MIN,
            });
        known.people += people;
        known.start = known.start.min(start.value(row));
        known.end = known.end.max(end.value(row));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use demograph_core::{
        facts::ModelFacts,
        privacy::{Policy, PolicyRules, ReleasedWindow},
        record::{EventTime, SourceId},
        state::{Publication, Terms},
    };

    use super::*;
    use crate::sink::{Provenance, encode};

    fn window(
        (source, unit): (&str, Unit),
        (start, end): (i64, i64),
        votes: u64,
    ) -> ReleasedWindow {
        ReleasedWindow {
            source: SourceId::new(source),
            votes,
            unit,
            start: EventTime(start * 60_000),
            end: EventTime(end * 60_000),
            ..ReleasedWindow::empty(0, 0)
        }
    }

    fn store(windows: &[ReleasedWindow], folder: &std::path::Path) -> Store {
        let facts = ModelFacts {
            id: "m@1".into(),
            has_age: false,
            gender: Vec::new(),
            ethnicity: Vec::new(),
        };
        let policy = Policy::new(&PolicyRules::default(), &[]);
        let provenance = Provenance {
            terms: Arc::new(Terms::example(&facts, &policy)),
            calibrations: Arc::default(),
        };
        let rows = Publication {
            windows: windows.to_vec(),
            periods: Vec::new(),
        };
        let rows = Table::Windows.rows(&rows, &provenance);
        let store = Store::open_at(folder.to_str().unwrap(), &BTreeMap::new()).unwrap();
        let bytes = encode(&rows, &[]).unwrap();
        store
            .create("windows/date=1970-01-01/a.parquet", bytes)
            .unwrap();
        store
    }

    #[test]
    fn people_an_hour_are_those_of_all_windows_over_the_time_that_they_span() {
        let folder = tempfile::tempdir().unwrap();
        let door = |bounds, votes| window(("door", Unit::Tracks), bounds, votes);
        let windows = [
            door((0, 20), 60),
            door((20, 40), 0),
            door((40, 60), 60),
            window(("gate", Unit::Detections), (0, 30), 100),
            window(("empty", Unit::Tracks), (0, 30), 0),
        ];
        let found = traffic(&store(&windows, folder.path()), 10).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["door", "gate"]);
        assert_eq!(found["door"].people_an_hour(), 120.0);
        assert_eq!(found["door"].minutes_for(100), 50.0);
        assert_eq!(found["gate"].people_an_hour(), 20.0);
    }
}
