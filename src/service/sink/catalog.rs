//! Which files of a table hold which rows: the small files of a date, daily files that hold the same rows again, copies.
//!
//! Promises: everything that reads a whole table asks here, so that each row is read once, at any
//! stage of `demograph compact` and also if files were copied. Files that cannot be told apart are an error that names them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use arrow_array::RecordBatch;
use jiff::civil::Date;

use super::{
    Store, Table,
    file::{CHECKPOINT, Footer, decode},
};

/// The facts of a daily file that name the small files that went in, and the checkpoints that they came from.
pub(super) const INPUT_NAMES: &str = "input_names";
pub(super) const INPUT_CHECKPOINTS: &str = "input_checkpoints";

/// Enough for most footers; a longer one is asked for again.
const FOOTER_GUESS: usize = 64 * 1024;

/// The files of a date, by their paths in the store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Day {
    pub small: Vec<String>,
    pub daily: Vec<String>,
}

/// The dates of a table that have files, small or daily.
pub fn days(store: &Store, table: Table) -> anyhow::Result<BTreeMap<Date, Day>> {
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    // Small files first: `compact` makes the daily file before it deletes them, so at any moment a row
    // is seen in one of the two.
    for path in store.list(table.name())? {
        if let Some(date) = date_of(&path)? {
            days.entry(date).or_default().small.push(path);
        }
    }
    for path in store.list(&format!("daily/{}", table.name()))? {
        if let Some(date) = date_of(&path)? {
            days.entry(date).or_default().daily.push(path);
        }
    }
    Ok(days)
}

/// The date in `.../date=2026-03-01/x.parquet`; nothing for files that are no tables.
fn date_of(path: &str) -> anyhow::Result<Option<Date>> {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let date = parts.next().and_then(|folder| folder.strip_prefix("date="));
    match date {
        Some(date) if file.ends_with(".parquet") => {
            let date = date.parse();
            Ok(Some(date.with_context(|| format!("{path}: no date"))?))
        }
        _ => Ok(None),
    }
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the end of a file in a store says of it.
pub fn footer(store: &Store, path: &str) -> anyhow::Result<Footer> {
    let mut end = store.tail(path, FOOTER_GUESS)?;
    let length = Footer::len(&end).with_context(|| path.to_owned())?;
    if length > end.len() {
        end = store.tail(path, length)?;
    }
    Footer::read(&end).with_context(|| path.to_owned())
}

/// The names of the files that went into a daily file.
pub(super) fn inputs(footer: &Footer) -> anyhow::Result<BTreeSet<String>> {
    let names = footer.facts.get(INPUT_NAMES);
    let names = names.context("it does not say which files went in: not made by `compact`")?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The checkpoints that they came from; none where an older version made the daily file.
pub(super) fn checkpoints(footer: &Footer) -> impl Iterator<Item = String> {
    let found = footer.facts.get(INPUT_CHECKPOINTS);
    let lines = found.into_iter().flat_map(|lines| lines.lines());
    lines.map(str::to_owned)
}

/// Whether a daily file of the date holds the rows of a small file of that name.
pub fn is_compacted(store: &Store, table: Table, date: &str, small: &str) -> anyhow::Result<bool> {
    for file in store.files(&format!("daily/{}/date={date}", table.name()))? {
        let names = inputs(&footer(store, &file.path)?).with_context(|| file.path.clone())?;
        if names.contains(small) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file whose rows another one holds too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub path: String,
    pub of: String,
}

/// The files of one date of one table that hold its rows once.
#[derive(Debug)]
pub struct Once {
    date: Date,
    /// Of small files that a daily file holds: their names, and which one.
    names: BTreeMap<String, String>,
    /// By the checkpoint that a small file came from: the file that holds its rows, and how many, where that is known.
    checkpoints: BTreeMap<String, (String, Option<u64>)>,
}

impl Once {
    pub fn new(date: Date) -> Self {
        Self {
            date,
            names: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    /// Takes a daily file in, before any small file. A copy of one that was taken in is returned as such.
    pub fn daily(&mut self, path: &str, footer: &Footer) -> anyhow::Result<Option<Copy>> {
        self.check_date(path, footer)?;
        let names = inputs(footer).with_context(|| path.to_owned())?;
        let known: BTreeSet<&String> = names
            .iter()
            .filter_map(|name| self.names.get(name))
            .collect();
        let is_known = names.iter().all(|name| self.names.contains_key(name));
        if let Some(&other) = known.first() {
            ensure!(
                is_known && known.len() == 1,
                "{path} and {other} share some rows, but not all: keep the right one and delete the other"
            );
            return Ok(Some(Copy {
                path: path.to_owned(),
                of: other.clone(),
            }));
        }
        let checkpoints = checkpoints(footer);
        let held = checkpoints.map(|checkpoint| (checkpoint, (path.to_owned(), None)));
        self.checkpoints.extend(held);
        self.names
            .extend(names.into_iter().map(|name| (name, path.to_owned())));
        Ok(None)
    }

    /// Whether a daily file holds the rows of a small one.
    pub fn is_compacted(&self, path: &str) -> bool {
        self.names.contains_key(name(path))
    }

    /// How many small files the daily files hold.
    pub fn compacted(&self) -> usize {
        self.names.len()
    }

    /// Takes a small file in that is in no daily file. A file of the same checkpoint under another name is its copy.
    pub fn small(&mut self, path: &str, footer: &Footer) -> anyhow::Result<Option<Copy>> {
        self.check_date(path, footer)?;
        let Some(checkpoint) = footer.facts.get(CHECKPOINT) else {
            return Ok(None);
        };
        let Some((of, rows)) = self.checkpoints.get(checkpoint) else {
            let held = (path.to_owned(), Some(footer.rows));
            self.checkpoints.insert(checkpoint.clone(), held);
            return Ok(None);
        };
        if let Some(rows) = rows.filter(|&rows| rows != footer.rows) {
            bail!(
                "{path} and {of} come from the same checkpoint, with {} and {rows} rows: one of them was changed, delete it",
                footer.rows
            );
        }
        Ok(Some(Copy {
            path: path.to_owned(),
            of: of.clone(),
        }))
    }

    /// A file that was copied into the folder of another date.
    fn check_date(&self, path: &str, footer: &Footer) -> anyhow::Result<()> {
        for start in footer
            .starts
            .into_iter()
            .flat_map(|(first, last)| [first, last])
        {
            let time = jiff::Timestamp::from_millisecond(start).with_context(|| path.to_owned())?;
            let date = jiff::tz::Offset::UTC.to_datetime(time).date();
            ensure!(
                date == self.date,
                "{path} holds a window of {date}: it was moved or copied into this folder, delete it here"
            );
        }
        Ok(())
    }
}

/// Reads a whole table, wherever its files lie, each row once: daily files, and the small files that are in none. Returns
/// the copies that were left out, and how many files were read.
pub fn read(
    stores: &[&Store],
    table: Table,
    take: impl FnMut(&RecordBatch) -> anyhow::Result<()>,
) -> anyhow::Result<(usize, Vec<Copy>)> {
    let mut dates: BTreeMap<Date, Vec<(&Store, Day)>> = BTreeMap::new();
    for &store in stores {
        for (date, day) in days(store, table)? {
            dates.entry(date).or_default().push((store, day));
        }
    }
    read_dates(dates, take)
}

/// The same of some dates, with the stores that hold their files.
pub(super) fn read_dates(
    dates: BTreeMap<Date, Vec<(&Store, Day)>>,
    mut take: impl FnMut(&RecordBatch) -> anyhow::Result<()>,
) -> anyhow::Result<(usize, Vec<Copy>)> {
    let (mut files, mut copies) = (0, Vec::new());
    for (date, days) in dates {
        let mut once = Once::new(date);
        let mut paths = Vec::new();
        for (store, day) in &days {
            paths.extend(day.daily.iter().map(|path| (*store, path, true)));
        }
        for (store, day) in &days {
            paths.extend(day.small.iter().map(|path| (*store, path, false)));
        }
        for (store, path, is_daily) in paths {
            if !is_daily && once.is_compacted(path) {
                continue;
            }
            let bytes = store.read(path)?;
            let footer = Footer::read(&bytes).with_context(|| path.clone())?;
            let copy = match is_daily {
                true => once.daily(path, &footer),
                false => once.small(path, &footer),
            };
            if let Some(copy) = copy? {
                copies.push(copy);
                continue;
            }
            files += 1;
            for batch in decode(bytes).with_context(|| path.clone())? {
                take(&batch).with_context(|| path.clone())?;
            }
        }
    }
    Ok((files, copies))
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;
    use crate::sink::{day, encode, tables::columns::column};

    fn date() -> Date {
        "2026-03-01".parse().unwrap()
    }

    fn footer(rows: u64, facts: &[(&str, &str)]) -> Footer {
        let fact = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Footer {
            rows,
            facts: facts.iter().map(fact).collect(),
            starts: None,
        }
    }

    fn daily(names: &str, checkpoints: &str) -> Footer {
        footer(
            2,
            &[("input_names", names), ("input_checkpoints", checkpoints)],
        )
    }

    #[test]
    fn a_small_file_that_a_daily_file_names_is_in_it_and_a_late_one_is_not() {
        let mut once = Once::new(date());
        let daily = daily("a.parquet\nb.parquet", "1\n2");
        assert_eq!(once.daily("daily/t/d.parquet", &daily).unwrap(), None);
        assert!(once.is_compacted("t/date=2026-03-01/a.parquet"));
        assert!(!once.is_compacted("t/date=2026-03-01/late.parquet"));
        let late = footer(1, &[(CHECKPOINT, "3")]);
        assert_eq!(once.small("t/late.parquet", &late).unwrap(), None);
    }

    #[test]
    fn a_copy_is_known_by_its_checkpoint_whether_its_first_is_small_or_in_a_daily_file() {
        let mut once = Once::new(date());
        once.daily("d.parquet", &daily("a.parquet", "1")).unwrap();
        let copy = once.small("a-copy.parquet", &footer(1, &[(CHECKPOINT, "1")]));
        assert_eq!(copy.unwrap().unwrap().of, "d.parquet");
        let two = footer(1, &[(CHECKPOINT, "2")]);
        assert_eq!(once.small("b.parquet", &two).unwrap(), None);
        let copy = once.small("b-copy.parquet", &two).unwrap().unwrap();
        assert_eq!((&*copy.path, &*copy.of), ("b-copy.parquet", "b.parquet"));
        let changed = footer(9, &[(CHECKPOINT, "2")]);
        let error = once
            .small("b-more.parquet", &changed)
            .unwrap_err()
            .to_string();
        assert!(error.contains("b-more.parquet and b.parquet"), "{error}");
    }

    #[test]
    fn a_daily_file_twice_is_a_copy_and_one_that_overlaps_is_an_error() {
        let mut once = Once::new(date());
        let first = daily("a\nb", "1\n2");
        assert_eq!(once.daily("d.parquet", &first).unwrap(), None);
        assert_eq!(
            once.daily("e.parquet", &first).unwrap().unwrap().of,
            "d.parquet"
        );
        let error = once.daily("f.parquet", &daily("b\nc", "2\n3")).unwrap_err();
        assert!(
            error.to_string().contains("f.parquet and d.parquet"),
            "{error}"
        );
        assert_eq!(once.daily("g.parquet", &daily("c", "3")).unwrap(), None);
    }

    #[test]
    fn a_file_in_the_folder_of_another_date_is_an_error() {
        let start = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let of = |first, last| Footer {
            starts: Some((start(first), start(last))),
            ..footer(1, &[])
        };
        let mut once = Once::new(date());
        let inside = of("2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z");
        once.small("a.parquet", &inside).unwrap();
        let moved = of("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z");
        let error = once.small("b.parquet", &moved).unwrap_err().to_string();
        assert!(
            error.contains("b.parquet holds a window of 2026-03-02"),
            "{error}"
        );
    }

    /// A folder with files of cells in 1970: (path, checkpoint, votes of a minute).
    fn store(files: &[(&str, &str, i64)]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_at(&folder.path().display().to_string(), &BTreeMap::new()).unwrap();
        for &(path, checkpoint, votes) in files {
            let facts = [(CHECKPOINT, checkpoint.to_owned())];
            let rows = day::tests::cells(&[("gate", 1, votes)]);
            store.create(path, encode(&rows, &facts).unwrap()).unwrap();
        }
        (folder, store)
    }

    /// The votes of all rows, and the copies that were left out.
    fn votes(stores: &[&Store]) -> anyhow::Result<(i64, usize)> {
        let mut votes = 0;
        let (_, copies) = read(stores, Table::Cells, |batch| {
            let parts: &Int64Array = column(batch, "parts")?;
            votes += parts.values().iter().sum::<i64>();
            Ok(())
        })?;
        Ok((votes, copies.len()))
    }

    #[test]
    fn every_row_counts_once_before_between_and_after_a_compaction() {
        let (a, b) = (
            "cells/date=1970-01-01/a.parquet",
            "cells/date=1970-01-01/b.parquet",
        );
        let (_folder, store) = store(&[(a, "1", 1), (b, "2", 20)]);
        assert_eq!(votes(&[&store]).unwrap(), (21, 0));
        let small = [a, b].map(|path| (name(path).to_owned(), store.read(path).unwrap()));
        let merged = day::merge(Table::Cells, small.into()).unwrap();
        store
            .create(
                "daily/cells/date=1970-01-01/cells-1970-01-01.parquet",
                merged.bytes,
            )
            .unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (21, 0), "both are there");
        store.delete(a).unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (21, 0), "half deleted");
        store.delete(b).unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (21, 0), "daily alone");
        let facts = [(CHECKPOINT, "3".to_owned())];
        let late = encode(&day::tests::cells(&[("gate", 1, 300)]), &facts).unwrap();
        store
            .create("cells/date=1970-01-01/c.parquet", late.clone())
            .unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (321, 0), "a late one");
        store
            .create("cells/date=1970-01-01/c (1).parquet", late)
            .unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (321, 1), "and its copy");
    }

    #[test]
    fn a_table_in_two_places_counts_once() {
        let path = |name: &str| format!("cells/date=1970-01-01/{name}.parquet");
        let (_old, old) = store(&[(&path("a"), "1", 1), (&path("b"), "2", 20)]);
        let (_new, new) = store(&[(&path("b"), "2", 20), (&path("c"), "3", 300)]);
        assert_eq!(votes(&[&new, &old]).unwrap(), (321, 1));
    }

    #[test]
    fn the_name_of_a_small_file_in_another_date_says_nothing() {
        // One publication over midnight: the same name under two dates.
        let (_folder, store) = store(&[("cells/date=1970-01-01/a.parquet", "1", 1)]);
        let facts = [(CHECKPOINT, "1".to_owned())];
        let next = encode(&day::tests::cells(&[("gate", 1441, 20)]), &facts).unwrap();
        store
            .create("cells/date=1970-01-02/a.parquet", next)
            .unwrap();
        let file = store.read("cells/date=1970-01-01/a.parquet").unwrap();
        let merged = day::merge(Table::Cells, vec![("a.parquet".into(), file)]).unwrap();
        store
            .create("daily/cells/date=1970-01-01/d.parquet", merged.bytes)
            .unwrap();
        assert_eq!(votes(&[&store]).unwrap(), (21, 0));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let (_folder, store) = store(&[]);
        let path = "cells/date=1970-01-01/broken.parquet";
        store.create(path, b"no parquet".to_vec()).unwrap();
        let error = votes(&[&store]).unwrap_err();
        assert!(format!("{error:#}").contains(path), "{error:#}");
    }

    #[test]
    fn the_date_of_a_file_is_that_of_its_folder() {
        let date = date_of("daily/cells/date=2026-03-01/cells-2026-03-01.parquet").unwrap();
        assert_eq!(date.unwrap().to_string(), "2026-03-01");
        assert_eq!(date_of("cells/date=2026-03-01/_SUCCESS").unwrap(), None);
        assert_eq!(date_of("cells/part.parquet").unwrap(), None);
        date_of("cells/date=yesterday/part.parquet").unwrap_err();
    }
}
