//! A closed pane becomes what the world may see of it. Decided once, when the pane closes.

use serde::{Deserialize, Serialize};

use super::{Cells, Thresholds, disclosure::suppress};
use crate::{
    estimate::CellCounts,
    record::{Attribute, EventTime, SourceId},
    window::{Accounting, ClosedBy, ClosedPane, Unit},
};

/// What may be published of a pane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasedPane {
    pub source: SourceId,
    pub partition: i32,
    pub start: EventTime,
    pub end: EventTime,
    pub by: ClosedBy,
    /// Totals only: exact, never suppressed.
    pub accounting: Accounting,
    pub tracks: u64,
    pub votes: u64,
    pub unit: Unit,
    /// The attributes that were estimated.
    pub attributes: Vec<ReleasedAttribute>,
}

impl ReleasedPane {
    /// The UTC date of its start: the Hive partition that its rows lie in.
    pub fn date(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.start.0).unwrap_or_default();
        jiff::tz::Offset::UTC.to_datetime(time).date().to_string()
    }
}

/// One attribute of a released pane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasedAttribute {
    pub attribute: Attribute,
    pub cells: Cells,
    /// Votes by cell of the posterior, and the sums of the posteriors: exact, so not for show. What is estimated from them passes
    /// [`show_shares`](super::show_shares).
    pub evidence: CellCounts,
}

/// Applies disclosure control. The exact counts of the pane end here; its cells go on, under seal.
pub fn release(pane: ClosedPane, thresholds: Thresholds) -> ReleasedPane {
    let attributes = Attribute::ALL
        .into_iter()
        .filter(|&attribute| !pane.tally.counts(attribute).is_empty())
        .map(|attribute| ReleasedAttribute {
            attribute,
            cells: suppress(pane.tally.counts(attribute), thresholds),
            evidence: pane.tally.cells(attribute).clone(),
        })
        .collect();
    ReleasedPane {
        source: pane.source,
        partition: pane.partition,
        start: pane.start,
        end: pane.end,
        by: pane.by,
        accounting: pane.accounting,
        tracks: pane.tracks,
        votes: pane.votes,
        unit: pane.unit,
        attributes,
    }
}

#[cfg(test)]
impl ReleasedPane {
    /// A pane of the source `cam` in which nobody was seen, for tests.
    pub fn empty(start: i64, end: i64) -> Self {
        Self {
            source: SourceId::new("cam"),
            partition: 0,
            start: EventTime(start),
            end: EventTime(end),
            by: ClosedBy::Watermark,
            accounting: Accounting::default(),
            tracks: 0,
            votes: 0,
            unit: Unit::Tracks,
            attributes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_belongs_to_the_utc_date_of_its_start() {
        let date = |start| ReleasedPane::empty(start, start + 1).date();
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_767_225_599_999), "2025-12-31");
        assert_eq!(date(1_767_225_600_000), "2026-01-01");
    }
}
