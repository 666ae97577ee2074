//! What a row of released shares shows: of hours, days and windows alike.

use arrow_array::{
    Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use demograph_core::privacy::ShownShare;

use crate::{sink::tables::columns::column, snapshot::ShownCategory};

/// A category, or none where nothing is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShownRow {
    pub category: Option<String>,
    /// For the category.
    pub votes: Option<u64>,
    /// Of all categories together.
    pub total: Option<u64>,
    pub share_naive: Option<f64>,
    pub share: ShownShare,
    pub shift_p: Option<f64>,
    pub calibration_fits: Option<bool>,
    pub suppressed: bool,
    pub model: String,
    pub policy: String,
    pub partition: i32,
}

impl ShownRow {
    /// The category, if one is shown.
    pub fn shown(&self) -> Option<ShownCategory> {
        Some(ShownCategory {
            label: self.category.clone()?,
            votes: self.votes,
            share_naive: self.share_naive,
            share: self.share,
        })
    }
}

/// The columns besides that of the votes, whose name differs.
pub(super) const COLUMNS: [&str; 15] = [
    "source",
    "attribute",
    "category",
    "total",
    "share_naive",
    "share",
    "share_low",
    "share_high",
    "effective_n",
    "shift_p",
    "calibration_fits",
    "suppressed",
    "model",
    "policy",
    "partition",
];

/// The rows of a batch; `votes` is the column of the category's votes.
pub(super) fn shown(batch: &RecordBatch, votes: &str) -> anyhow::Result<Vec<ShownRow>> {
    let texts = |name| column::<StringArray>(batch, name);
    let numbers = |name| column::<Float64Array>(batch, name);
    let counts = |name| column::<Int64Array>(batch, name);
    let (category, model, policy) = (texts("category")?, texts("model")?, texts("policy")?);
    let (votes, total) = (counts(votes)?, counts("total")?);
    let (naive, shift_p) = (numbers("share_naive")?, numbers("shift_p")?);
    let (share, effective_n) = (numbers("share")?, numbers("effective_n")?);
    let (low, high) = (numbers("share_low")?, numbers("share_high")?);
    let fits: &BooleanArray = column(batch, "calibration_fits")?;
    let suppressed: &BooleanArray = column(batch, "suppressed")?;
    let partition: &Int32Array = column(batch, "partition")?;
    let of = |row| {
        let number = |of: &Float64Array| of.is_valid(row).then(|| of.value(row));
        let count = |of: &Int64Array| {
            let count = of.is_valid(row).then(|| of.value(row));
            count.and_then(|count| u64::try_from(count).ok())
        };
        let text = |of: &StringArray| of.is_valid(row).then(|| of.value(row).to_owned());
        ShownRow {
            category: text(category),
            votes: count(votes),
            total: count(total),
            share_naive: number(naive),
            share: ShownShare {
                share: number(share),
                low: number(low),
                high: number(high),
                effective_n: number(effective_n),
            },
            shift_p: number(shift_p),
            calibration_fits: fits.is_valid(row).then(|| fits.value(row)),
            suppressed: suppressed.value(row),
            model: model.value(row).to_owned(),
            policy: policy.value(row).to_owned(),
            partition: partition.value(row),
        }
    };
    Ok((0..batch.num_rows()).map(of).collect())
}
