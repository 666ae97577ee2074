//! Some rows and columns of a file of a table, whoever wrote it: this program, DuckDB, Spark, pandas.
//!
//! Promises: what comes out has the types of the table and the values of the file. What cannot be read so is an error that says
//! what to do.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, anyhow, ensure};
use arrow_array::{
    ArrayRef, BooleanArray, RecordBatch, StringArray, cast::AsArray, types::TimestampNanosecondType,
};
use arrow_schema::{ArrowError, Field, FieldRef, Schema};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions,
            ParquetRecordBatchReaderBuilder, RowFilter,
        },
    },
    basic::{CompressionCodec, Type},
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use super::Footer;
use crate::sink::tables::{cast::as_in_table, columns::column};

/// Some columns, and the rows in which texts have certain values.
pub struct Only<'a> {
    /// All columns of the table.
    pub schema: &'a Schema,
    pub columns: &'a [&'a str],
    /// Columns of text, which must be among `columns`, and their values. Empty: all rows.
    pub equal: &'a [(&'a str, &'a str)],
}

/// A file whose end was read.
pub struct Opened {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    pub footer: Footer,
}

impl Opened {
    pub fn new(bytes: Vec<u8>) -> anyhow::Result<Self> {
        Footer::len(&bytes)?;
        let bytes = Bytes::from(bytes);
        // What a writer says of its own types is left aside: a text is a text, whether it was in a dictionary or not.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options)?;
        Ok(Self {
            footer: Footer::of(metadata.metadata())?,
            bytes,
            metadata,
        })
    }

    /// These rows and columns.
    pub fn pick(self, only: &Only<'_>) -> anyhow::Result<Vec<RecordBatch>> {
        let wanted = Arc::new(self.wanted(only)?);
        let groups = self.groups(only);
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes, self.metadata)
            .with_row_groups(groups);
        let schema = reader.parquet_schema();
        let all = ProjectionMask::columns(schema, only.columns.iter().copied());
        // One after the other: a later column is read only where the earlier ones fit.
        let tests = only.equal.iter().map(|&(name, value)| {
            let tested = ProjectionMask::columns(schema, [name]);
            let (wanted, name, value) = (wanted.clone(), name.to_owned(), value.to_owned());
            let is_wanted = ArrowPredicateFn::new(tested, move |batch| {
                let batch = wanted.fit(&batch, Some(&name));
                let batch = batch.map_err(|error| ArrowError::CastError(format!("{error:#}")))?;
                let texts: &StringArray = column(&batch, &name)
                    .map_err(|error| ArrowError::SchemaError(error.to_string()))?;
                let rows = texts.iter().map(|text| text == Some(value.as_str()));
                Ok(BooleanArray::from(rows.collect::<Vec<bool>>()))
            });
            Box::new(is_wanted) as Box<dyn ArrowPredicate>
        });
        let tests: Vec<_> = tests.collect();
        let reader = reader.with_projection(all);
        let reader = match tests.is_empty() {
            true => reader,
            false => reader.with_row_filter(RowFilter::new(tests)),
        };
        let broken =
            |error: &dyn std::fmt::Display| anyhow!("{error}: move it away, or write it again");
        let batches = reader.build().map_err(|error| broken(&error))?;
        let read = batches.map(|batch| wanted.fit(&batch.map_err(|error| broken(&error))?, None));
        read.collect()
    }

    /// The wanted columns. Each is there, and can be opened.
    fn wanted(&self, only: &Only<'_>) -> anyhow::Result<Wanted> {
        let columns = self.metadata.parquet_schema().columns().iter();
        let old = columns.filter(|column| column.physical_type() == Type::INT96);
        let mut wanted = Wanted {
            fields: Vec::new(),
            old_times: old.map(|column| column.name().to_owned()).collect(),
        };
        let there = self.metadata.schema();
        let none = RecordBatch::new_empty(there.clone());
        for &name in only.columns {
            ensure!(
                there.field_with_name(name).is_ok(),
                "no column {name}, so it is no file of this table: move it away"
            );
            let field = only.schema.field_with_name(name)?;
            wanted.column(&none, field)?;
            wanted.fields.push(Arc::new(field.clone()));
        }
        let groups = self.metadata.metadata().row_groups().iter();
        for chunk in groups.flat_map(RowGroupMetaData::columns) {
            let codec = chunk.compression_codec();
            let is_known = matches!(
                codec,
                CompressionCodec::UNCOMPRESSED
                    | CompressionCodec::ZSTD
                    | CompressionCodec::SNAPPY
                    | CompressionCodec::GZIP
            );
            ensure!(
                is_known,
                "compressed with {codec:?}: write it again with zstd, snappy or gzip"
            );
        }
        Ok(wanted)
    }

    /// The row groups that may hold such rows.
    fn groups(&self, only: &Only<'_>) -> Vec<usize> {
        let groups = self.metadata.metadata().row_groups();
        let may_hold = |group: &RowGroupMetaData| {
            let mut tests = only.equal.iter();
            tests.all(|(name, value)| may_hold(group, name, value))
        };
        let numbered = groups.iter().enumerate();
        let may = numbered.filter(|(_, group)| may_hold(group));
        may.map(|(at, _)| at).collect()
    }
}

/// Whether a text may be in a row group. Without statistics it may.
fn may_hold(group: &RowGroupMetaData, name: &str, value: &str) -> bool {
    let mut columns = group.columns().iter();
    let of_name = columns.find(|column| column.column_path().parts() == [name]);
    match of_name.and_then(|column| column.statistics()) {
        Some(ends @ Statistics::ByteArray(_)) if !ends.is_min_max_deprecated() => {
            let value = value.as_bytes();
            let (min, max) = (ends.min_bytes_opt(), ends.max_bytes_opt());
            min.is_none_or(|min| min <= value) && max.is_none_or(|max| value <= max)
        }
        _ => true,
    }
}

/// Columns as the table has them.
struct Wanted {
    fields: Vec<FieldRef>,
    /// Times as Spark writes them: always in UTC, though the file does not say so.
    old_times: BTreeSet<String>,
}

impl Wanted {
    /// The columns of a batch, or only one of them.
    fn fit(&self, batch: &RecordBatch, only: Option<&str>) -> anyhow::Result<RecordBatch> {
        let is_wanted = |field: &&FieldRef| only.is_none_or(|name| field.name() == name);
        let fields: Vec<FieldRef> = self.fields.iter().filter(is_wanted).cloned().collect();
        let columns = fields.iter().map(|field| self.column(batch, field));
        let columns = columns.collect::<anyhow::Result<_>>()?;
        Ok(RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            columns,
        )?)
    }

    fn column(&self, batch: &RecordBatch, field: &Field) -> anyhow::Result<ArrayRef> {
        let column = batch.column_by_name(field.name());
        let column = column.with_context(|| format!("no column {}", field.name()))?;
        let old = column.as_primitive_opt::<TimestampNanosecondType>();
        match old.filter(|_| self.old_times.contains(field.name())) {
            Some(old) => {
                let in_utc: ArrayRef = Arc::new(old.clone().with_timezone("UTC"));
                as_in_table(&in_utc, field)
            }
            None => as_in_table(column, field),
        }
    }
}
