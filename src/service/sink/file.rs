//! Rows -> the bytes of a Parquet file, and back, whole or batch by batch.

mod picked;

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use jiff::civil::Date;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ConvertedType, LogicalType, TimeUnit, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{
            ColumnChunkMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
        },
        properties::WriterProperties,
        statistics::Statistics,
    },
};

use super::tables::{LOCAL_DATE, WINDOW_START};

pub use picked::{Only, Opened};

/// What facts are called in a file's key-value metadata.
const FACT: &str = "demograph.";
/// The footer's length and the magic bytes, at the very end.
const END: usize = 8;
/// Rows of a row group: what a writer holds, and what a reader can skip.
const GROUP: usize = 128 * 1024;
/// Rows of a batch where a whole file is read.
const BATCH: usize = 1024;
/// The fact that names the checkpoint whose outbox the file holds.
pub const CHECKPOINT: &str = "checkpoint";
/// The fact that names the topic whose records a file stands for.
pub const TOPIC: &str = "topic";

/// One file, zstd, with the facts as its key-value metadata.
pub fn encode(rows: &RecordBatch, facts: &[(&str, String)]) -> Result<Vec<u8>, ParquetError> {
    let mut encoder = Encoder::new(rows.schema(), facts)?;
    encoder.write(rows)?;
    encoder.finish()
}

/// A file that grows batch by batch; encoded row groups are all that it keeps.
pub struct Encoder(ArrowWriter<Vec<u8>>);

impl Encoder {
    pub fn new(schema: SchemaRef, facts: &[(&str, String)]) -> Result<Self, ParquetError> {
        let metadata = facts
            .iter()
            .map(|(key, value)| KeyValue::new(format!("{FACT}{key}"), value.clone()))
            .collect();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(GROUP))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("demograph ", env!("CARGO_PKG_VERSION")).into())
            .set_key_value_metadata(Some(metadata))
            .build();
        Ok(Self(ArrowWriter::try_new(
            Vec::new(),
            schema,
            Some(properties),
        )?))
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        self.0.write(rows)
    }

    pub fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.0.into_inner()
    }
}

/// The batches of a file, each decoded when it is asked for.
pub type Batches = Box<dyn Iterator<Item = anyhow::Result<RecordBatch>>>;

/// Opens a file that [`encode`] wrote; so many rows make a batch.
pub fn batches(bytes: Vec<u8>, rows: usize) -> anyhow::Result<Batches> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?;
    let reader = reader.with_batch_size(rows).build()?;
    Ok(Box::new(reader.map(|batch| Ok(batch?))))
}

/// A fact of a file that [`encode`] wrote.
pub(super) fn fact(bytes: Vec<u8>, name: &str) -> anyhow::Result<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?;
    let key = format!("{FACT}{name}");
    let facts = reader.metadata().file_metadata().key_value_metadata();
    let found = facts.and_then(|facts| facts.iter().find(|fact| fact.key == key));
    Ok(found.and_then(|fact| fact.value.clone()))
}

/// The rows of a file that [`encode`] wrote.
pub fn decode(bytes: Vec<u8>) -> anyhow::Result<Vec<RecordBatch>> {
    batches(bytes, BATCH)?.collect()
}

/// What the end of a file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    pub rows: u64,
    pub facts: BTreeMap<String, String>,
    /// The first and the last date of its rows, where the file has statistics.
    pub dates: Option<(Date, Date)>,
}

impl Footer {
    /// How many of the file's last bytes [`Footer::read`] needs.
    pub fn len(end: &[u8]) -> anyhow::Result<usize> {
        let last = end.len().checked_sub(END).map(|start| &end[start..]);
        let last = last.filter(|last| last.ends_with(b"PAR1"));
        let last = last.context("no whole Parquet file: its end is missing")?;
        let length = u32::from_le_bytes([last[0], last[1], last[2], last[3]]);
        Ok(length as usize + END)
    }

    /// Reads it from the last bytes of a file.
    pub fn read(end: &[u8]) -> anyhow::Result<Self> {
        let length = Self::len(end)?;
        ensure!(
            end.len() >= length,
            "the footer has {length} bytes, and there are {}",
            end.len()
        );
        let footer = &end[end.len() - length..end.len() - END];
        Self::of(&ParquetMetaDataReader::decode_metadata(footer)?)
    }

    fn of(whole: &ParquetMetaData) -> anyhow::Result<Self> {
        let metadata = whole.file_metadata();
        let facts = metadata.key_value_metadata().into_iter().flatten();
        let fact = |pair: &KeyValue| {
            let key = pair.key.strip_prefix(FACT)?;
            Some((key.to_owned(), pair.value.clone().unwrap_or_default()))
        };
        Ok(Self {
            rows: u64::try_from(metadata.num_rows()).context("a number of rows below 0")?,
            facts: facts.filter_map(fact).collect(),
            dates: dates(whole.row_groups())?,
        })
    }
}

/// By the date of the clock on the wall, where the table has one; else by the UTC date of the window's start.
fn dates(groups: &[RowGroupMetaData]) -> anyhow::Result<Option<(Date, Date)>> {
    let columns = groups.iter().flat_map(RowGroupMetaData::columns);
    let mut found: Option<(Date, Date)> = None;
    for column in columns {
        let name = column.column_path().string();
        let ends = match (name.as_str(), column.statistics()) {
            (LOCAL_DATE, Some(Statistics::Int32(days))) => {
                let ends = days.min_opt().zip(days.max_opt());
                ends.map(|(&min, &max)| (local_date(min), local_date(max)))
            }
            (WINDOW_START, Some(Statistics::Int64(starts))) => {
                let parts = parts_of_a_millisecond(column);
                let ends = starts.min_opt().zip(starts.max_opt());
                ends.map(|(min, max)| {
                    let date = |time: &i64| utc_date(time.div_euclid(parts));
                    (date(min), date(max))
                })
            }
            _ => None,
        };
        if let Some((min, max)) = ends {
            let (min, max) = (min?, max?);
            let (first, last) = found.unwrap_or((min, max));
            found = Some((first.min(min), last.max(max)));
        }
    }
    Ok(found)
}

/// How finely a file counts its times: other writers count more finely than demograph.
fn parts_of_a_millisecond(column: &ColumnChunkMetaData) -> i64 {
    let kind = column.column_descr();
    match (kind.logical_type_ref(), kind.converted_type()) {
        (Some(LogicalType::Timestamp(time)), _) if time.unit == TimeUnit::NANOS => 1_000_000,
        (Some(LogicalType::Timestamp(time)), _) if time.unit == TimeUnit::MICROS => 1_000,
        (None, ConvertedType::TIMESTAMP_MICROS) => 1_000,
        _ => 1,
    }
}

fn utc_date(millis: i64) -> anyhow::Result<Date> {
    let time = jiff::Timestamp::from_millisecond(millis)?;
    Ok(jiff::tz::Offset::UTC.to_datetime(time).date())
}

fn local_date(days: i32) -> anyhow::Result<Date> {
    utc_date(i64::from(days) * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Table;

    #[test]
    fn the_end_of_a_file_says_how_many_rows_and_which_facts() {
        let rows = RecordBatch::new_empty(Table::Windows.schema());
        let file = encode(&rows, &[("model", "m@1".into())]).unwrap();
        let length = Footer::len(&file[file.len() - END..]).unwrap();
        let footer = Footer::read(&file[file.len() - length..]).unwrap();
        assert_eq!((footer.rows, footer.facts["model"].as_str()), (0, "m@1"));
        Footer::read(&file[file.len() - length + 1..]).unwrap_err();
        Footer::len(&file[..file.len() - 1]).unwrap_err();
        Footer::len(b"PAR1").unwrap_err();
    }
}
