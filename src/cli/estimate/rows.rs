//! Which rows of the table `cells` are estimated.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail, ensure};
use demograph_core::record::EventTime;
use demograph_service::{
    config,
    sink::{CellRow, Store, Table, catalog},
};

/// What the caller asks for.
pub(super) struct Choice {
    /// All where none is named.
    pub sources: Vec<String>,
    pub model: Option<String>,
    pub from: EventTime,
    pub to: EventTime,
}

impl Choice {
    fn takes(&self, row: &CellRow) -> bool {
        let of_source = |id: &String| id == row.source.as_str();
        (self.sources.is_empty() || self.sources.iter().any(of_source))
            && self.model.as_ref().is_none_or(|model| *model == row.model)
            && (self.from..self.to).contains(&row.window_start)
    }
}

/// Where the table may lie.
pub(super) struct Places {
    /// The place of the other tables, where an earlier version wrote it.
    pub tables: Option<String>,
    /// The place of its own; by default beside the other tables.
    pub cells: Option<String>,
}

impl Places {
    /// The stores that may hold files of the table.
    fn open(&self) -> anyhow::Result<Vec<Store>> {
        let beside = self.tables.as_deref().map(config::cells_beside);
        let beside = beside.filter(|place| Store::may_be_there(place));
        let own = self.cells.clone().or(beside);
        let mut stores = Vec::new();
        if let Some(url) = &own {
            stores
                .push(open(url).context("the place of the table `cells`: --cells names another")?);
        }
        let is_own = |url: &str| {
            own.as_deref()
                .is_some_and(|own| config::is_same_place(own, url))
        };
        let Some(tables) = self.tables.as_deref().filter(|url| !is_own(url)) else {
            return Ok(stores);
        };
        let old = open(tables)?;
        if !catalog::days(&old, Table::Cells)?.is_empty() {
            tracing::warn!(
                place = old.place(),
                "exact cells lie among the tables, where an earlier version wrote them: they are read too, and everyone who may \
                 read the tables can read them"
            );
            stores.push(old);
        }
        Ok(stores)
    }
}

fn open(url: &str) -> anyhow::Result<Store> {
    Store::open_at(url, &BTreeMap::new())
}

/// The rows of the table that are asked for, each once.
pub(super) fn read(places: &Places, choice: &Choice) -> anyhow::Result<Vec<CellRow>> {
    let stores = places.open()?;
    let named = [&places.cells, &places.tables].map(Option::as_deref);
    let url = named.into_iter().flatten().next().unwrap_or_default();
    let stores: Vec<&Store> = stores.iter().collect();
    let (mut rows, mut all) = (Vec::new(), 0);
    let (files, copies) = catalog::read(&stores, Table::Cells, |batch| {
        let read = CellRow::read(batch)?;
        all += read.len();
        rows.extend(read.into_iter().filter(|row| choice.takes(row)));
        Ok(())
    })?;
    for copy in copies {
        tracing::warn!(
            file = copy.path,
            of = copy.of,
            "left out: it is a copy, and its rows would count twice"
        );
    }
    ensure!(
        files > 0,
        "{url} has no table `cells`, nor has the place beside it: set output.cells = true in the config of `demograph \
         run`, and name what its output.cells_url names with --cells"
    );
    ensure!(
        !rows.is_empty(),
        "none of the {all} rows in {url} is of the sources, the model and the time that were asked for"
    );
    Ok(rows)
}

/// Cells of different models do not add up, and a calibration knows one model.
pub(super) fn of_one_model(
    rows: &[CellRow],
    known: &str,
    calibration: &Path,
) -> anyhow::Result<()> {
    let mut models: BTreeMap<&str, (EventTime, EventTime)> = BTreeMap::new();
    for row in rows {
        let (first, last) = models
            .entry(&row.model)
            .or_insert((row.window_start, row.window_end));
        *first = row.window_start.min(*first);
        *last = row.window_end.max(*last);
    }
    let calibration = calibration.display();
    let found: Vec<&str> = models.keys().copied().collect();
    match found[..] {
        [model] if model == known => Ok(()),
        [model] => bail!(
            "{calibration} is of the model {known}, and the cells are of {model}: name its calibration with --calibration"
        ),
        _ => {
            let times = models.iter().map(|(model, (first, last))| {
                let (first, last) = (super::lines::time(*first), super::lines::time(*last));
                format!("\n  {model}, {first} to {last}")
            });
            bail!(
                "the cells are of {} models, which do not add up; choose one with --model, or its days with --from and \
                 --to ({calibration} is of {known}):{}",
                models.len(),
                times.collect::<String>()
            )
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use demograph_core::{
        privacy::Thresholds,
        record::{Attribute, SourceId},
    };

    use super::*;

    /// Two votes of a minute.
    pub fn row(source: &str, minute: i64, cell: u32) -> CellRow {
        CellRow {
            source: SourceId::new(source),
            window_start: EventTime(minute * 60_000),
            window_end: EventTime((minute + 1) * 60_000),
            attribute: Attribute::Gender,
            cell,
            parts: 2 * 720_720,
            posterior_sums: vec![720_720, 720_720],
            model: "m@1".into(),
            repeats: None,
            thresholds: Thresholds {
                k_total: 10,
                k_cell: 5,
            },
        }
    }

    fn choice() -> Choice {
        Choice {
            sources: Vec::new(),
            model: None,
            from: EventTime::MIN,
            to: EventTime::MAX,
        }
    }

    #[test]
    fn rows_are_chosen_by_source_model_and_the_start_of_their_pane() {
        let takes = |choice: Choice| choice.takes(&row("gate", 5, 0));
        assert!(takes(choice()));
        let of = |source: &str| vec!["lobby".to_owned(), source.to_owned()];
        assert!(takes(Choice {
            sources: of("gate"),
            ..choice()
        }));
        assert!(!takes(Choice {
            sources: of("cafe"),
            ..choice()
        }));
        assert!(takes(Choice {
            model: Some("m@1".into()),
            ..choice()
        }));
        assert!(!takes(Choice {
            model: Some("m@2".into()),
            ..choice()
        }));
        let at = |minute: i64| EventTime(minute * 60_000);
        assert!(takes(Choice {
            from: at(5),
            to: at(6),
            ..choice()
        }));
        assert!(!takes(Choice {
            from: at(6),
            ..choice()
        }));
        assert!(!takes(Choice {
            to: at(5),
            ..choice()
        }));
    }

    #[test]
    fn cells_of_several_models_are_refused_with_their_names_and_times() {
        let other = CellRow {
            model: "m@2".into(),
            ..row("gate", 60, 0)
        };
        let of = |rows: &[CellRow], model| of_one_model(rows, model, Path::new("c.json"));
        of(&[row("gate", 0, 0)], "m@1").unwrap();
        let error = of(std::slice::from_ref(&other), "m@1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("the cells are of m@2"), "{error}");
        let error = of(&[row("gate", 0, 0), other], "m@1")
            .unwrap_err()
            .to_string();
        for part in [
            "m@1, 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z",
            "m@2, 1970-01-01T01:00:00Z to 1970-01-01T01:01:00Z",
            "--model",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
