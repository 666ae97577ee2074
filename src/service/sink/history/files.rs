//! The files of a date: each whole or not at all.
//!
//! Promises: a row counts once, as everywhere ([`catalog`]). A file that cannot be read is left out, and named with what to do;
//! what the store itself refuses is an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, anyhow, bail};
use arrow_array::RecordBatch;
use jiff::civil::Date;

use crate::sink::{
    Store,
    catalog::{self, Once},
    file::{CHECKPOINT, Footer, Only, Opened},
};

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path in the place of the tables.
    pub file: String,
    /// What is wrong with it, and what to do.
    pub why: String,
}

impl LeftOut {
    fn new(file: &str, error: &anyhow::Error) -> Self {
        let why = format!("{error:#}");
        // The name is said already.
        let rest = why
            .strip_prefix(file)
            .map(|rest| rest.trim_start_matches([':', ' ']));
        Self {
            file: file.to_owned(),
            why: rest.unwrap_or(&why).to_owned(),
        }
    }

    /// A file in a folder whose name is no date.
    pub(super) fn stray(file: String) -> Self {
        Self {
            file,
            why: "its folder must be named after a date, as date=2026-03-01: move it away".into(),
        }
    }
}

/// What a file says of itself.
pub(super) struct Said<R> {
    pub rows: Vec<R>,
    /// Another program wrote it, so that nothing says whether its rows are in another file too.
    pub is_foreign: bool,
}

/// Reads the files of a date. `parse` makes rows of a batch; `take` takes those of a whole file in, or refuses them.
pub(super) fn read<R>(
    store: &Store,
    (date, day): (Date, &catalog::Day),
    only: &Only<'_>,
    parse: impl Fn(&mut Vec<R>, &RecordBatch) -> anyhow::Result<()>,
    mut take: impl FnMut(Said<R>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<LeftOut>> {
    let (mut once, mut left_out) = (Once::new(date), Vec::new());
    // Those that only their rows tell apart come last.
    let mut foreign = Vec::new();
    let compacted = day.compacted.iter().map(|path| (path, true));
    let small = day.small.iter().map(|path| (path, false));
    for (path, is_compacted) in compacted.chain(small) {
        if !is_compacted && once.is_compacted(path) {
            continue;
        }
        let bytes = store.find(path)?;
        let bytes = bytes.context("it was deleted while it was read: ask again");
        let taken =
            bytes
                .and_then(|bytes| whole(bytes, only, &parse))
                .and_then(|(footer, said)| {
                    // Others may have put it in place of all small files.
                    let is_alone = said.is_foreign && day.small.is_empty();
                    let copy = match is_compacted && !is_alone {
                        true => once.compacted(path, &footer)?,
                        false => once.small(path, &footer)?,
                    };
                    match copy {
                        Some(_) => {}
                        None if said.is_foreign => foreign.push((path, said)),
                        None => take(said)?,
                    }
                    Ok(())
                });
        left_out.extend(taken.err().map(|error| LeftOut::new(path, &error)));
    }
    for (path, said) in foreign {
        let taken = take(said);
        left_out.extend(taken.err().map(|error| LeftOut::new(path, &error)));
    }
    Ok(left_out)
}

/// All rows of a file, or none.
fn whole<R>(
    bytes: Vec<u8>,
    only: &Only<'_>,
    parse: impl Fn(&mut Vec<R>, &RecordBatch) -> anyhow::Result<()>,
) -> anyhow::Result<(Footer, Said<R>)> {
    let read = || -> anyhow::Result<(Footer, Said<R>)> {
        let broken = |error: anyhow::Error| anyhow!("{error:#}: move it away, or write it again");
        let file = Opened::new(bytes).map_err(broken)?;
        let footer = file.footer.clone();
        let mut rows = Vec::new();
        for batch in file.pick(only)? {
            parse(&mut rows, &batch)?;
        }
        let facts = &footer.facts;
        let is_foreign = [CHECKPOINT, catalog::INPUT_NAMES]
            .iter()
            .all(|fact| !facts.contains_key(*fact));
        Ok((footer, Said { rows, is_foreign }))
    };
    // Bytes that no writer wrote may make a decoder stumble.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read,
        Err(_) => bail!("its content cannot be decoded: move it away, or write it again"),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;
    use crate::sink::{Table, day::tests::cells, encode, tables::columns::column};

    /// The parts in the rows of the gate.
    fn parts(bytes: &[u8]) -> anyhow::Result<Vec<i64>> {
        let only = Only {
            schema: &Table::Cells.schema(),
            columns: &["source", "parts"],
            equal: &[("source", "gate")],
        };
        let (_, said) = whole(bytes.to_vec(), &only, |rows: &mut Vec<i64>, batch| {
            let parts: &Int64Array = column(batch, "parts")?;
            rows.extend(parts.values());
            Ok(())
        })?;
        Ok(said.rows)
    }

    #[test]
    fn bytes_that_nobody_wrote_are_an_error_or_rows_and_never_a_panic() {
        let file = encode(&cells(&[("gate", 1, 7), ("lobby", 2, 8)]), &[]).unwrap();
        assert_eq!(parts(&file).unwrap(), [7]);
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 0x55;
            drop(parts(&other));
            parts(&file[..at]).unwrap_err();
        }
    }
}
