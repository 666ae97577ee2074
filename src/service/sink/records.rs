//! How many records the rows of the table `windows` stand for.

use anyhow::Context;
use arrow_array::Int64Array;

use super::file;

/// Faces, late and rejected records of a file.
pub fn records(bytes: Vec<u8>) -> anyhow::Result<u64> {
    let mut sum = 0;
    for batch in file::decode(bytes)? {
        for name in ["faces", "late", "rejected"] {
            let column = batch.column_by_name(name);
            let counts: &Int64Array = column
                .and_then(|column| column.as_any().downcast_ref())
                .with_context(|| format!("no column {name}: this is no file of windows"))?;
            sum += counts.iter().flatten().map(i64::unsigned_abs).sum::<u64>();
        }
    }
    Ok(sum)
}
