//! How many records the rows of the table `windows` stand for.

use arrow_array::Int64Array;

use super::{file, tables::columns::column};

/// Faces, spared, late and rejected records of a file. An earlier version spared none and had no column for them.
pub fn records(bytes: Vec<u8>) -> anyhow::Result<u64> {
    let mut sum = 0;
    for batch in file::decode(bytes)? {
        let has_spared = batch.column_by_name("spared").is_some();
        let spared = has_spared.then_some("spared");
        for name in ["faces", "late", "rejected"].into_iter().chain(spared) {
            let counts: &Int64Array = column(&batch, name)?;
            sum += counts.iter().flatten().map(i64::unsigned_abs).sum::<u64>();
        }
    }
    Ok(sum)
}
