//! Which votes are estimated together: those of a source, or of all, over a span of time.

use std::collections::BTreeMap;

use demograph_core::{
    estimate::CellCounts,
    privacy::Thresholds,
    record::{Attribute, EventTime, SourceId},
    span::Span,
};
use demograph_service::sink::CellRow;

use super::By;

const DAY: i64 = 24 * 60 * 60 * 1000;
const WEEK: i64 = 7 * DAY;
/// The first Monday after 1970-01-01, a Thursday.
const MONDAY: i64 = 4 * DAY;

/// What is estimated together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub from: EventTime,
    pub source: SourceId,
    pub attribute: Attribute,
}

/// The votes of a group, and until when they go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Votes {
    pub until: EventTime,
    pub cells: CellCounts,
    /// Whether rows of an earlier version are in it, which do not say which votes are one person's.
    pub is_assumed: bool,
    /// The highest of the policies that made its rows.
    pub thresholds: Thresholds,
}

/// The start of the span of such a length that holds a time. Whole weeks begin on Mondays; all in UTC.
fn start(at: EventTime, length: i64) -> EventTime {
    let first = if length % WEEK == 0 { MONDAY } else { 0 };
    EventTime((at.0 - first).div_euclid(length) * length + first)
}

/// Adds the votes up. A window cannot be divided: one that reaches over the end of a span counts where it begins, and
/// `until` of the group is then where it ends.
pub(super) fn grouped(rows: &[CellRow], every: Option<Span>, by: By) -> BTreeMap<Group, Votes> {
    let first = rows.iter().map(|row| row.window_start).min();
    let mut groups: BTreeMap<Group, Votes> = BTreeMap::new();
    for row in rows {
        let from = match every.map(Span::as_millis) {
            Some(length) => start(row.window_start, length),
            None => first.unwrap_or_default(),
        };
        let source = match by {
            By::Source => row.source.clone(),
            By::All => SourceId::new("*"),
        };
        let attribute = row.attribute;
        let group = Group {
            from,
            source,
            attribute,
        };
        let votes = groups.entry(group).or_insert_with(|| Votes {
            until: row.window_end,
            cells: CellCounts::default(),
            is_assumed: false,
            thresholds: row.thresholds,
        });
        let thresholds = &mut votes.thresholds;
        thresholds.k_total = thresholds.k_total.max(row.thresholds.k_total);
        thresholds.k_cell = thresholds.k_cell.max(row.thresholds.k_cell);
        match &row.repeats {
            Some(row_repeats) => {
                let cells = &mut votes.cells;
                cells.add_parts(row.cell, row.parts, &row.posterior_sums);
                cells.repeat(&row_repeats.repeats, row_repeats.squares);
            }
            None => {
                votes.cells.add(row.cell, row.parts, &row.posterior_sums);
                votes.is_assumed = true;
            }
        }
        votes.until = votes.until.max(row.window_end);
    }
    groups
}

#[cfg(test)]
mod tests {
    use demograph_service::sink::RowRepeats;

    use super::*;
    use crate::cli::estimate::rows::tests::row;

    fn totals(groups: &BTreeMap<Group, Votes>) -> Vec<(i64, &str, f64)> {
        let totals = groups.iter().map(|(group, votes)| {
            let minute = group.from.0 / 60_000;
            (minute, group.source.as_str(), votes.cells.votes())
        });
        totals.collect()
    }

    #[test]
    fn a_group_has_the_highest_thresholds_of_its_rows() {
        let strict = CellRow {
            thresholds: Thresholds {
                k_total: 8,
                k_cell: 7,
            },
            ..row("a", 1, 3)
        };
        let groups = grouped(&[row("a", 0, 3), strict], None, By::Source);
        let expected = Thresholds {
            k_total: 10,
            k_cell: 7,
        };
        assert_eq!(groups.values().next().unwrap().thresholds, expected);
    }

    #[test]
    fn panes_are_added_by_source_and_time() {
        let rows = [
            row("a", 0, 3),
            row("a", 59, 3),
            row("a", 60, 4),
            row("b", 5, 3),
        ];
        let hour = Some(Span::seconds(3600));
        let hours = grouped(&rows, hour, By::Source);
        assert_eq!(
            totals(&hours),
            [(0, "a", 4.0), (0, "b", 2.0), (60, "a", 2.0)]
        );
        let all = grouped(&rows, None, By::All);
        assert_eq!(totals(&all), [(0, "*", 8.0)]);
    }

    #[test]
    fn weeks_begin_on_mondays_and_days_at_midnight() {
        let at = |text: &str| EventTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        // 2026-03-02 was a Monday.
        for (length, time, expected) in [
            (WEEK, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"),
            (WEEK, "2026-03-08T23:59:59Z", "2026-03-02T00:00:00Z"),
            (WEEK, "2026-03-01T12:00:00Z", "2026-02-23T00:00:00Z"),
            (WEEK, "1969-12-31T00:00:00Z", "1969-12-29T00:00:00Z"),
            (2 * WEEK, "2026-03-15T00:00:00Z", "2026-03-02T00:00:00Z"),
            (DAY, "2026-03-01T12:00:00Z", "2026-03-01T00:00:00Z"),
        ] {
            assert_eq!(start(at(time), length), at(expected), "{time}");
        }
    }

    #[test]
    fn a_window_that_reaches_over_the_end_of_a_group_counts_where_it_begins() {
        let rows = [row("gate", 0, 3), row("gate", 1, 3)];
        let groups = grouped(&rows, Some(Span::seconds(50)), By::Source);
        let spans: Vec<(i64, i64)> = groups
            .iter()
            .map(|(group, votes)| (group.from.0 / 1_000, votes.until.0 / 1_000))
            .collect();
        assert_eq!(spans, [(0, 60), (50, 120)], "which the line says");
    }

    #[test]
    fn votes_of_one_person_are_known_in_sums_and_assumed_to_be_none_in_old_rows() {
        let mut rows: Vec<CellRow> = (0..60).map(|minute| row("a", minute, 3)).collect();
        let hour = |rows: &[CellRow]| {
            let hours = grouped(rows, Some(Span::seconds(3600)), By::Source);
            let votes = &hours.values().next().unwrap();
            (votes.cells.design_effect(), votes.is_assumed)
        };
        assert_eq!(hour(&rows), (1.0, true));
        for row in &mut rows {
            let mut one = RowRepeats::default();
            one.repeats.windows = 1;
            // One of the two stayed from the window before.
            one.repeats.add_stay(1, 1);
            row.repeats = Some(one);
        }
        let (effect, is_assumed) = hour(&rows);
        assert!((effect - (1.0 + 59.0 / 60.0)).abs() < 1e-9, "{effect}");
        assert!(!is_assumed);
    }

    #[test]
    fn hours_add_up_to_the_day_cell_by_cell() {
        let rows: Vec<CellRow> = (0..1440)
            .map(|m| row("a", m, (m * 7 % 54) as u32))
            .collect();
        let mut sum = CellCounts::default();
        let hours = grouped(&rows, Some(Span::seconds(3600)), By::Source);
        for votes in hours.values() {
            sum.merge(&votes.cells);
        }
        let day = grouped(&rows, None, By::Source);
        assert_eq!(day.values().next().unwrap().cells, sum);
    }
}
