//! Which files of a table hold which rows: the small files of a date, compacted files that hold the same rows again, copies.
//!
//! Promises: everything that reads a whole table asks here, so that each row is read once, at any
//! stage of `demograph compact` and also if files were copied. Files that cannot be told apart are an error that names them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use arrow_array::RecordBatch;
use demograph_core::record::EventTime;
use jiff::civil::Date;

use super::{
    Store, Table,
    file::{CHECKPOINT, Footer, decode},
    side_by_side::side_by_side,
};

/// The facts of a compacted file that name the small files that went in, and the checkpoints that they came from.
pub(super) const INPUT_NAMES: &str = "input_names";
pub(super) const INPUT_CHECKPOINTS: &str = "input_checkpoints";

/// Where `demograph compact` writes.
pub const COMPACTED: &str = "compacted";

/// Enough for most footers; a longer one is asked for again.
const FOOTER_GUESS: usize = 64 * 1024;

/// The files of a date, by their paths in the store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Day {
    pub small: Vec<String>,
    pub compacted: Vec<String>,
    /// When each file was written.
    pub written: BTreeMap<String, EventTime>,
}

impl Day {
    /// Whether all files of an earlier look are there as they were.
    pub fn has_all_of(&self, before: &Self) -> bool {
        let mut earlier = before.written.iter();
        earlier.all(|(path, written)| self.written.get(path) == Some(written))
    }
}

/// The dates of a table that have files, small or compacted.
pub fn days(store: &Store, table: Table) -> anyhow::Result<BTreeMap<Date, Day>> {
    let (days, strays) = wanted_days(store, table, |_| true)?;
    match strays.first() {
        None => Ok(days),
        Some(path) => bail!("{path}: no date"),
    }
}

/// The dates that are wanted; and the files in folders whose names are no dates.
pub fn wanted_days(
    store: &Store,
    table: Table,
    is_wanted: impl Fn(Date) -> bool,
) -> anyhow::Result<(BTreeMap<Date, Day>, Vec<String>)> {
    let (mut days, mut strays): (BTreeMap<Date, Day>, _) = (BTreeMap::new(), Vec::new());
    // Small files first: `compact` makes the compacted file before it deletes them, so at any moment a row
    // is seen in one of the two.
    let small = [(table.name().to_owned(), false)];
    let compacted = compacted_folders(table).map(|folder| (folder, true));
    for (folder, is_compacted) in small.into_iter().chain(compacted) {
        let places = store.folders(&folder)?.into_iter().filter_map(|place| {
            let name = place.strip_prefix(&format!("{folder}/date="))?;
            let date: Option<Date> = name.parse().ok();
            date.is_none_or(&is_wanted).then_some((date, place))
        });
        let places: Vec<_> = places.collect();
        let listed = side_by_side(&places, |(_, place)| store.files(place))?;
        for ((date, _), files) in places.into_iter().zip(listed) {
            let tables = files
                .into_iter()
                .filter(|file| file.path.ends_with(".parquet"));
            for file in tables {
                let Some(date) = date else {
                    strays.push(file.path);
                    continue;
                };
                let day = days.entry(date).or_default();
                day.written.insert(file.path.clone(), file.modified);
                match is_compacted {
                    true => day.compacted.push(file.path),
                    false => day.small.push(file.path),
                }
            }
        }
    }
    Ok((days, strays))
}

/// Where `demograph compact` writes the files of a table, and where earlier versions wrote them: under `daily/`, which is a
/// table of its own now.
pub fn compacted_folders(table: Table) -> [String; 2] {
    [COMPACTED, "daily"].map(|folder| format!("{folder}/{}", table.name()))
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

/// The names of the files that went into a compacted file.
pub(super) fn inputs(footer: &Footer) -> anyhow::Result<BTreeSet<String>> {
    let names = footer.facts.get(INPUT_NAMES);
    let names = names.context(
        "it does not say which files went in, so `demograph compact` did not make it: move it away, or beside no other files of \
         its date",
    )?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The checkpoints that they came from; none where an older version made the compacted file.
pub(super) fn checkpoints(footer: &Footer) -> impl Iterator<Item = String> {
    let found = footer.facts.get(INPUT_CHECKPOINTS);
    let lines = found.into_iter().flat_map(|lines| lines.lines());
    lines.map(str::to_owned)
}

/// Whether a compacted file of the date holds the rows of a small file of that name.
pub fn is_compacted(store: &Store, table: Table, date: &str, small: &str) -> anyhow::Result<bool> {
    for folder in compacted_folders(table) {
        for file in store.files(&format!("{folder}/date={date}"))? {
            let names = inputs(&footer(store, &file.path)?).with_context(|| file.path.clone())?;
            if names.contains(small) {
                return Ok(true);
            }
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
    /// Of small files that a compacted file holds: their names, and which one.
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

    /// Takes a compacted file in, before any small file. A copy of one that was taken in is returned as such.
    pub fn compacted(&mut self, path: &str, footer: &Footer) -> anyhow::Result<Option<Copy>> {
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

    /// Whether a compacted file holds the rows of a small one.
    pub fn is_compacted(&self, path: &str) -> bool {
        self.names.contains_key(name(path))
    }

    /// How many small files the compacted files hold.
    pub fn inputs(&self) -> usize {
        self.names.len()
    }

    /// Takes a small file in that is in no compacted file. A file of the same checkpoint under another name is its copy.
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
        for date in footer
            .dates
            .into_iter()
            .flat_map(|(first, last)| [first, last])
        {
            ensure!(
                date == self.date,
                "{path} holds a row of {date}: it was moved or copied into this folder, delete it here"
            );
        }
        Ok(())
    }
}

/// Reads a whole table, wherever its files lie, each row once: compacted files, and the small files that are in none. Returns
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
            paths.extend(day.compacted.iter().map(|path| (*store, path, true)));
        }
        for (store, day) in &days {
            paths.extend(day.small.iter().map(|path| (*store, path, false)));
        }
        for (store, path, is_compacted) in paths {
            if !is_compacted && once.is_compacted(path) {
                continue;
            }
            let bytes = store.read(path)?;
            let footer = Footer::read(&bytes).with_context(|| path.clone())?;
            let copy = match is_compacted {
                true => once.compacted(path, &footer),
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
mod tests;
