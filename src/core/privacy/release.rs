//! A window that has ended becomes what the world may see of it. Decided once, when it ends.

use serde::{Deserialize, Serialize};

use super::{Cells, Thresholds, disclosure::suppress_by};
use crate::{
    estimate::CellCounts,
    record::{Attribute, EventTime, SourceId},
    window::{Accounting, ClosedBy, ClosedWindow, Unit},
};

/// What may be published of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasedWindow {
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

impl ReleasedWindow {
    /// Its rows in the longest table that is always written: one a category, and at least one an attribute.
    pub fn rows(&self) -> usize {
        let rows = self
            .attributes
            .iter()
            .map(|released| match &released.cells {
                Cells::Shown { counts, .. } => counts.len(),
                Cells::Suppressed => 1,
            });
        rows.sum::<usize>().max(1)
    }

    /// The UTC date of its start: the Hive partition that its rows lie in.
    pub fn date(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.start.0).unwrap_or_default();
        jiff::tz::Offset::UTC.to_datetime(time).date().to_string()
    }
}

/// One attribute of a released window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasedAttribute {
    pub attribute: Attribute,
    pub cells: Cells,
    /// Votes by cell of the posterior, and the sums of the posteriors: exact, so not for show. What is estimated from them passes
    /// [`show_shares`](super::show_shares).
    pub evidence: CellCounts,
}

/// Applies disclosure control: the thresholds are those of [`ClosedWindow::people_unit`]. The exact counts of the window end here; its cells go on, under seal.
pub fn release(pane: ClosedWindow, thresholds: Thresholds) -> ReleasedWindow {
    let attributes = Attribute::ALL
        .into_iter()
        .filter(|&attribute| !pane.tally.counts(attribute).is_empty())
        .map(|attribute| ReleasedAttribute {
            attribute,
            cells: suppress_by(
                pane.people(attribute),
                pane.tally.counts(attribute),
                thresholds,
            ),
            evidence: pane.tally.cells(attribute).clone(),
        })
        .collect();
    ReleasedWindow {
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

#[cfg(any(test, feature = "testing"))]
impl ReleasedWindow {
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
    use crate::{
        privacy::PolicyRules,
        record::{Position, TrackId},
        reject::Reject,
        window::{Evidence, Growth, Observation, PartitionWindows, Settings, Weighting},
    };

    /// A pane of twenty crops as the default policy releases it, each of the track that `track` says.
    fn released(track: impl Fn(usize) -> Option<usize>, weighting: Weighting) -> ReleasedWindow {
        let rules = PolicyRules::default();
        let settings = Settings {
            pane: 10_000,
            lateness_max: 0,
            idle_after: 0,
            future_max: 0,
            drops_duplicates: false,
            sources_max: 1,
            weighting,
            untracked: rules.untracked,
            growth: Growth::NONE,
        };
        let mut windows = PartitionWindows::new(0, settings);
        for n in 0..20 {
            let mut evidence = Evidence::default();
            evidence.set(Attribute::Gender, &[0.9, 0.1]);
            windows.observe(Observation {
                position: Position {
                    partition: 0,
                    offset: n as i64,
                },
                received: EventTime(0),
                source: SourceId::new("cam"),
                time: EventTime(0),
                stated: None,
                id: None,
                track: track(n).map(|track| TrackId::of(track.to_string().as_bytes())),
                judged: None,
                outcome: Ok::<_, Reject>(evidence),
            });
        }
        let pane = windows.end().remove(0);
        let thresholds = Thresholds::of(&rules, pane.people_unit());
        release(pane, thresholds)
    }

    #[test]
    fn twenty_crops_of_one_person_show_nothing_with_and_without_a_track_however_they_are_weighted()
    {
        for weighting in [Weighting::People, Weighting::Dwell] {
            for track in [None, Some(1)] {
                let pane = released(|_| track, weighting);
                assert_eq!(pane.accounting.faces, 20);
                assert_eq!(
                    pane.attributes.len(),
                    1,
                    "it is said that something is hidden"
                );
                assert_eq!(
                    pane.attributes[0].cells,
                    Cells::Suppressed,
                    "{track:?} {weighting:?}"
                );
            }
        }
    }

    #[test]
    fn ten_people_are_shown_by_their_votes_or_by_their_dwell() {
        for (weighting, votes) in [(Weighting::People, 10), (Weighting::Dwell, 20)] {
            let pane = released(|n| Some(n / 2), weighting);
            let Cells::Shown { total, .. } = pane.attributes[0].cells else {
                panic!("{pane:?}");
            };
            assert_eq!(total, votes, "{weighting:?}");
        }
    }

    #[test]
    fn a_pane_belongs_to_the_utc_date_of_its_start() {
        let date = |start| ReleasedWindow::empty(start, start + 1).date();
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_767_225_599_999), "2025-12-31");
        assert_eq!(date(1_767_225_600_000), "2026-01-01");
    }
}
