//! How many records the rows of the table `windows` stand for.

use arrow_array::Int64Array;

use super::{file, tables::columns::column};

/// Faces, late and rejected records of a file.
pub fn records(bytes: Vec<u8>) -> anyhow::Result<u64> {
    let mut sum = 0;
    for batch in file::decode(bytes)? {
        for name in ["faces", "late", "rejected"] {
            let counts: &Int64Array = column(&batch, name)?;
            sum += counts.iter().flatten().map(i64::unsigned_abs).sum::<u64>();
        }
    }
    Ok(sum)
}
