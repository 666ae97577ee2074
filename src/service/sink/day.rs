//! A day of a table: many small files, each sorted, merged into one.
//!
//! Promises: every row once, by source and start; the same files make the same bytes; what is held at once is the
//! compressed files, the decoders of a bounded number of them, and the file that grows. The number of rows is checked
//! against what the small files say of themselves, before the result can be seen.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use anyhow::{Context, ensure};
use arrow_array::{RecordBatch, StringArray, TimestampMillisecondArray, new_null_array};
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;
use demograph_core::record::{EventTime, SourceId};
use sha2::{Digest, Sha256};

use super::{
    Table,
    catalog::{INPUT_CHECKPOINTS, INPUT_NAMES},
    file::{Batches, CHECKPOINT, Encoder, Footer, batches},
    tables::columns::column,
};

/// Rows that are written at once.
const CHUNK: usize = 8 * 1024;
/// Rows of each file that are decoded at once.
const BATCH: usize = 256;
/// Files that are read at once: each costs most of a megabyte in the decoders of its columns.
const OPEN: usize = 128;

/// The facts of a compacted file that say what went in, beside the names of the files and the checkpoints that they came
/// from: how many files, the SHA-256 of their names, the rows.
const INPUTS: &str = "inputs";
const INPUTS_SHA256: &str = "inputs_sha256";
const ROWS: &str = "rows";

/// The file of a day.
pub struct Merged {
    pub bytes: Vec<u8>,
    pub rows: u64,
}

/// Merges files, each with its name, in the order of their names.
pub fn merge(table: Table, files: Vec<(String, Vec<u8>)>) -> anyhow::Result<Merged> {
    let mut expected = 0;
    let mut facts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, bytes) in &files {
        let footer = Footer::read(bytes).with_context(|| name.clone())?;
        expected += footer.rows;
        for (key, value) in footer.facts {
            let lines = value.lines().map(str::to_owned);
            let key = match key.as_str() {
                CHECKPOINT => INPUT_CHECKPOINTS.to_owned(),
                _ => key,
            };
            facts.entry(key).or_default().extend(lines);
        }
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let made = made_of(&names, expected);
    let kept = facts.iter().map(|(key, lines)| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        (key.as_str(), lines.join("\n"))
    });
    let facts: Vec<(&str, String)> = kept.chain(made).collect();
    let bytes = interleaved(table, fewer(table, files)?, &facts)?;
    let rows = Footer::read(&bytes)?.rows;
    ensure!(
        rows == expected,
        "{rows} rows of {expected} came out: nothing is written; this is a fault of demograph, please report it"
    );
    Ok(Merged { bytes, rows })
}

/// So many files at most, in the same order: where there are more, neighbours are merged first.
fn fewer(
    table: Table,
    mut files: Vec<(String, Vec<u8>)>,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    while files.len() > OPEN {
        let mut merged = Vec::new();
        let mut rest = files.into_iter();
        while let group = rest.by_ref().take(OPEN).collect::<Vec<_>>()
            && !group.is_empty()
        {
            let name = format!("group {}", merged.len());
            merged.push((name, interleaved(table, group, &[])?));
        }
        files = merged;
    }
    Ok(files)
}

fn interleaved(
    table: Table,
    files: Vec<(String, Vec<u8>)>,
    facts: &[(&str, String)],
) -> anyhow::Result<Vec<u8>> {
    let mut output = Output::new(table, facts)?;
    interleave(table, files, &mut output)?;
    output.finish()
}

fn made_of(names: &[&str], rows: u64) -> [(&'static str, String); 4] {
    let names = names.join("\n");
    let hash = demograph_core::hex(Sha256::digest(names.as_bytes()));
    [
        (INPUTS, names.lines().count().to_string()),
        (INPUTS_SHA256, hash),
        (ROWS, rows.to_string()),
        (INPUT_NAMES, names),
    ]
}

type Key = (SourceId, EventTime);

/// Takes the rows of all files in the order of source and start; those of one start file by file.
fn interleave(
    table: Table,
    files: Vec<(String, Vec<u8>)>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    let mut next = BinaryHeap::new();
    for (name, bytes) in files {
        if let Some(run) = Run::open(table, name, bytes)? {
            next.push(Reverse((run.key.clone(), runs.len())));
            runs.push(run);
        }
    }
    while let Some(Reverse((_, index))) = next.pop() {
        let run = &mut runs[index];
        loop {
            output.take(run)?;
            if !run.advance()? {
                break;
            }
            let place = (run.key.clone(), index);
            let behind = next.peek().is_some_and(|Reverse(first)| place > *first);
            if behind {
                next.push(Reverse(place));
                break;
            }
        }
    }
    Ok(())
}

/// One file, at one of its rows.
struct Run {
    name: String,
    batches: Batches,
    table: Table,
    batch: RecordBatch,
    row: usize,
    key: Key,
    /// Where the batch stands in the chunk, and in which chunk.
    place: Option<(u64, usize)>,
}

impl Run {
    /// At its first row; nothing where there is none.
    fn open(table: Table, name: String, bytes: Vec<u8>) -> anyhow::Result<Option<Self>> {
        let mut run = Self {
            batches: batches(bytes, BATCH).with_context(|| name.clone())?,
            name,
            batch: RecordBatch::new_empty(table.schema()),
            table,
            row: 0,
            key: (SourceId::new(""), EventTime::MIN),
            place: None,
        };
        Ok(run.advance()?.then_some(run))
    }

    /// To the next row, if there is one.
    fn advance(&mut self) -> anyhow::Result<bool> {
        self.row += 1;
        while self.row >= self.batch.num_rows() {
            let Some(batch) = self.batches.next() else {
                return Ok(false);
            };
            self.batch = batch
                .and_then(|batch| fit(&batch, &self.table.schema()))
                .with_context(|| self.name.clone())?;
            (self.row, self.place) = (0, None);
        }
        let key = self.read_key()?;
        ensure!(
            key >= self.key,
            "{} is not sorted by source and start: no file of `demograph run`",
            self.name
        );
        self.key = key;
        Ok(true)
    }

    fn read_key(&self) -> anyhow::Result<Key> {
        let source: &StringArray = column(&self.batch, "source")?;
        let start: &TimestampMillisecondArray = column(&self.batch, self.table.start())?;
        let source = match source.value(self.row) {
            same if same == self.key.0.as_str() => self.key.0.clone(),
            other => SourceId::new(other),
        };
        Ok((source, EventTime(start.value(self.row))))
    }
}

/// The batch in today's columns: those that an older version did not write are NULL.
fn fit(batch: &RecordBatch, schema: &SchemaRef) -> anyhow::Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => Ok(column.clone()),
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
            None => anyhow::bail!("no column {}", field.name()),
        });
    let columns = columns.collect::<anyhow::Result<_>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// The file that grows, and the rows that are written to it next.
struct Output {
    encoder: Encoder,
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
    chunk: u64,
}

impl Output {
    fn new(table: Table, facts: &[(&str, String)]) -> anyhow::Result<Self> {
        Ok(Self {
            encoder: Encoder::new(table.schema(), facts)?,
            batches: Vec::new(),
            rows: Vec::with_capacity(CHUNK),
            chunk: 0,
        })
    }

    /// Takes the row at which the run stands.
    fn take(&mut self, run: &mut Run) -> anyhow::Result<()> {
        let place = match run.place {
            Some((chunk, place)) if chunk == self.chunk => place,
            _ => {
                self.batches.push(run.batch.clone());
                self.batches.len() - 1
            }
        };
        run.place = Some((self.chunk, place));
        self.rows.push((place, run.row));
        if self.rows.len() == CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if !self.rows.is_empty() {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            let rows = interleave_record_batch(&batches, &self.rows)?;
            self.encoder.write(&rows)?;
        }
        self.batches.clear();
        self.rows.clear();
        self.chunk += 1;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        self.flush()?;
        Ok(self.encoder.finish()?)
    }
}

#[cfg(test)]
pub(super) mod tests;
