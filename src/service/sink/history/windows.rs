//! Released windows of one source and attribute, read back from the table `demographics`.

use arrow_array::{RecordBatch, StringArray, TimestampMillisecondArray};
use demograph_core::record::{Attribute, EventTime};
use jiff::civil::Date;

use super::{
    History, Key, LeftOut,
    shown::{self, ShownRow},
};
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
    pub unit: String,
    pub shown: ShownRow,
}

/// The rows of the windows that were asked for, window by window, and whether more follow.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundWindows {
    pub windows: Vec<Vec<WindowRow>>,
    pub has_more: bool,
    /// Files that could not be read, of the dates that were read.
    pub left_out: Vec<LeftOut>,
}

impl History {
    /// The windows in the order of time; the rows of each in the order of the model.
    pub fn windows(&self, asked: &AskedWindows) -> anyhow::Result<FoundWindows> {
        let table = Table::Demographics;
        let (from, until) = asked.dates;
        let wanted = |date: Date| (from..=until).contains(&date);
        let (days, strays) = catalog::wanted_days(&self.store, table, wanted)?;
        let mut found = FoundWindows {
            left_out: strays.into_iter().map(LeftOut::stray).collect(),
            ..FoundWindows::default()
        };
        let mut passed = 0;
        for (date, files) in days {
            let key = Key {
                table,
                source: asked.source.clone(),
                attribute: asked.attribute,
                date,
            };
            let read = self.date(&self.windows, key, &files, &COLUMNS, add)?;
            found.left_out.extend_from_slice(&read.left_out);
            // A window lies in the date in which it begins.
            for window in windows_of(&read.rows) {
                if passed < asked.offset {
                    passed += 1;
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
    sorted.sort_by_key(|row| (row.start, row.end, row.shown.partition));
    let mut windows: Vec<Vec<WindowRow>> = Vec::new();
    for row in sorted {
        let is_next = |last: &Vec<WindowRow>| {
            let of = |row: &WindowRow| (row.start, row.end, row.shown.partition);
            let is_of = last.iter().all(|other| {
                let (other_shown, this) = (&other.shown, &row.shown);
                of(other) == of(&row)
                    && (&other_shown.model, &other_shown.policy) == (&this.model, &this.policy)
                    && other_shown.category != this.category
            });
            is_of && row.shown.category.is_some()
        };
        match windows.last_mut().filter(|last| is_next(last)) {
            Some(last) => last.push(row),
            None => windows.push(vec![row]),
        }
    }
    windows
}

/// Those of windows besides what they show.
const COLUMNS: [&str; 4] = ["count", "window_start", "window_end", "unit"];

fn add(rows: &mut Vec<WindowRow>, batch: &RecordBatch) -> anyhow::Result<()> {
    let times = |name| column::<TimestampMillisecondArray>(batch, name);
    let (start, end) = (times("window_start")?, times("window_end")?);
    let unit: &StringArray = column(batch, "unit")?;
    let shown = shown::shown(batch, "count")?.into_iter().enumerate();
    rows.extend(shown.map(|(row, shown)| WindowRow {
        start: EventTime(start.value(row)),
        end: EventTime(end.value(row)),
        unit: unit.value(row).to_owned(),
        shown,
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: i64, category: Option<&str>) -> WindowRow {
        WindowRow {
            start: EventTime(start),
            end: EventTime(start + 10),
            unit: "tracks".into(),
            shown: ShownRow {
                category: category.map(str::to_owned),
                ..ShownRow::default()
            },
        }
    }

    #[test]
    fn windows_of_the_same_time_are_told_apart_and_stand_in_the_order_of_time() {
        let both = |start| [row(start, Some("female")), row(start, Some("male"))];
        let mut other = row(10, Some("female"));
        other.shown.partition = 1;
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
