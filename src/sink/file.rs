//! Rows -> the bytes of a Parquet file.

use arrow_array::RecordBatch;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties},
};

/// The fact that names the checkpoint whose outbox the file holds.
pub const CHECKPOINT: &str = "checkpoint";

/// One file, zstd, with the facts as its key-value metadata.
pub fn encode(rows: &RecordBatch, facts: &[(&str, String)]) -> Result<Vec<u8>, ParquetError> {
    let metadata = facts
        .iter()
        .map(|(key, value)| KeyValue::new(format!("demograph.{key}"), value.clone()))
        .collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("demograph ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(metadata))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.into_inner()
}

/// A fact of a file that [`encode`] wrote.
pub(super) fn fact(bytes: Vec<u8>, name: &str) -> anyhow::Result<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?;
    let key = format!("demograph.{name}");
    let facts = reader.metadata().file_metadata().key_value_metadata();
    let found = facts.and_then(|facts| facts.iter().find(|fact| fact.key == key));
    Ok(found.and_then(|fact| fact.value.clone()))
}

/// The rows of a file that [`encode`] wrote.
pub fn decode(bytes: Vec<u8>) -> anyhow::Result<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?.build()?;
    Ok(reader.collect::<Result<_, _>>()?)
}
