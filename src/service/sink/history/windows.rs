//! Released windows of one source and attribute, read back from the table `demographics`.

use arrow_array::{
    Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use demograph_core::{
    privacy::ShownShare,
    record::{Attribute, EventTime},
};
use jiff::civil::Date;

use super::{History, Key};
use crate::sink::{Table, catalog, tables::columns::column};

/// What is asked of the windows.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedWindows {
    pub source: String,
    pub attribute: Attribute,
    /// The first and the last date in UTC: windows that begin on them.
    pub dates: (Date, Date),
    /// Leave out so many windows, and take so many at most.
    pub offset: usize,
    pub limit: usize,
}

/// One row of a window: a category, or none where nothing is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowRow {
    pub start: EventTime,
    pub end: EventTime,
    pub category: Option<String>,
    pub count: Option<i64>,
    pub total: Option<i64>,
    pub unit: String,
    pub share_naive: Option<f64>,
    pub share: ShownShare,
    pub shift_p: Option<f64>,
    pub calibration_fits: Option<bool>,
    pub suppressed: bool,
    pub model: String,
    pub policy: String,
    pub partition: i32,
}

/// The rows of the windows that were asked for, window by window, and whether more follow.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundWindows {
    pub windows: Vec<Vec<WindowRow>>,
    pub has_more: bool,
}

impl History {
    /// The windows in the order of time; the rows of each in the order of the model.
    pub fn windows(&self, asked: &AskedWindows) -> anyhow::Result<FoundWindows> {
        let table = Table::Demographics;
        let (from, until) = asked.dates;
        let mut found = FoundWindows::default();
        let mut left_out = 0;
        for (date, files) in catalog::days(&self.store, table)? {
            if !(from..=until).contains(&date) {
                continue;
            }
            let key = Key {
                table,
                source: asked.source.clone(),
                attribute: asked.attribute,
                date,
            };
            let rows = self.date(&self.windows, key, files, &COLUMNS, add)?;
            // A window lies in the date in which it begins.
            for window in windows_of(&rows) {
                if left_out < asked.offset {
                    left_out += 1;
                } else if found.windows.len() < asked.limit {
                    found.windows.push(window);
                } else {
                    found.has_more = true;
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// Windows may name the same time, and hold different faces: then a category comes again.
fn windows_of(rows: &[WindowRow]) -> Vec<Vec<WindowRow>> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.start, row.end, row.partition));
    let mut windows: Vec<Vec<WindowRow>> = Vec::new();
    for row in sorted {
        let is_next = |last: &Vec<WindowRow>| {
            let of = |row: &WindowRow| (row.start, row.end, row.partition);
            let is_of = last.iter().all(|other| {
                of(other) == of(&row)
                    && (&other.model, &other.policy) == (&row.model, &row.policy)
                    && other.category != row.category
            });
            is_of && row.category.is_some()
        };
        match windows.last_mut().filter(|last| is_next(last)) {
            Some(last) => last.push(row),
            None => windows.push(vec![row]),
        }
    }
    windows
}

const COLUMNS: [&str; 19] = [
    "source",
    "attribute",
    "window_start",
    "window_end",
    "category",
    "count",
    "total",
    "unit",
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

fn add(rows: &mut Vec<WindowRow>, batch: &RecordBatch) -> anyhow::Result<()> {
    let times = |name| column::<TimestampMillisecondArray>(batch, name);
    let texts = |name| column::<StringArray>(batch, name);
    let numbers = |name| column::<Float64Array>(batch, name);
    let counts = |name| column::<Int64Array>(batch, name);
    let (start, end) = (times("window_start")?, times("window_end")?);
    let (category, unit) = (texts("category")?, texts("unit")?);
    let (model, policy) = (texts("model")?, texts("policy")?);
    let (votes, total) = (counts("count")?, counts("total")?);
    let (naive, shift_p) = (numbers("share_naive")?, numbers("shift_p")?);
    let (share, effective_n) = (numbers("share")?, numbers("effective_n")?);
    let (low, high) = (numbers("share_low")?, numbers("share_high")?);
    let fits: &BooleanArray = column(batch, "calibration_fits")?;
    let suppressed: &BooleanArray = column(batch, "suppressed")?;
    let partition: &Int32Array = column(batch, "partition")?;
    for row in 0..batch.num_rows() {
        let number = |of: &Float64Array| of.is_valid(row).then(|| of.value(row));
        let count = |of: &Int64Array| of.is_valid(row).then(|| of.value(row));
        rows.push(WindowRow {
            start: EventTime(start.value(row)),
            end: EventTime(end.value(row)),
            category: category
                .is_valid(row)
                .then(|| category.value(row).to_owned()),
            count: count(votes),
            total: count(total),
            unit: unit.value(row).to_owned(),
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
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: i64, category: Option<&str>) -> WindowRow {
        WindowRow {
            start: EventTime(start),
            end: EventTime(start + 10),
            category: category.map(str::to_owned),
            count: None,
            total: None,
            unit: "tracks".into(),
            share_naive: None,
            share: ShownShare::default(),
            shift_p: None,
            calibration_fits: None,
            suppressed: false,
            model: "m@1".into(),
            policy: "p@1".into(),
            partition: 0,
        }
    }

    #[test]
    fn windows_of_the_same_time_are_told_apart_and_stand_in_the_order_of_time() {
        let both = |start| [row(start, Some("female")), row(start, Some("male"))];
        let other = WindowRow {
            partition: 1,
            ..row(10, Some("female"))
        };
        let rows = [
            &both(20)[..],
            &both(10),
            &both(10),
            &[other, row(0, None), row(0, None)],
        ]
        .concat();
        let windows = windows_of(&rows);
        let sizes: Vec<_> = windows
            .iter()
            .map(|window| (window[0].start.0, window.len()))
            .collect();
        let expected = [(0, 1), (0, 1), (10, 2), (10, 2), (10, 1), (20, 2)];
        assert_eq!(sizes, expected);
    }
}
