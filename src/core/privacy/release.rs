//! A window that has ended becomes what the world may see of it. Decided once, when it ends.

use super::{Cells, Sealed, Thresholds, disclosure::suppress_by};
use crate::{
    record::Attribute,
    window::{ClosedWindow, Ended},
};

/// A window, with what may be published of it.
pub type ReleasedWindow = Ended<Vec<ReleasedAttribute>>;

/// One attribute that was estimated in a released window.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasedAttribute {
    /// Which one.
    pub attribute: Attribute,
    /// Its counts, as far as they may be shown.
    pub cells: Cells,
    /// The exact votes that shares are estimated from.
    pub evidence: Sealed,
}

impl ReleasedWindow {
    /// Its rows in the longest table that is always written: one a category, and at least one an attribute.
    pub fn rows(&self) -> usize {
        let rows = self.content.iter().map(|released| match &released.cells {
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

/// Applies disclosure control and drops the exact counts; the thresholds are those of [`ClosedWindow::people_unit`].
pub fn release(window: ClosedWindow, thresholds: Thresholds) -> ReleasedWindow {
    let counted = &window.content;
    let released = Attribute::ALL
        .into_iter()
        .filter(|&attribute| !counted.tally.counts(attribute).is_empty())
        .map(|attribute| ReleasedAttribute {
            attribute,
            cells: suppress_by(
                counted.people(attribute),
                counted.tally.counts(attribute),
                thresholds,
            ),
            evidence: Sealed::of(counted.tally.cells(attribute).clone()),
        })
        .collect();
    Ended {
        source: window.source,
        partition: window.partition,
        start: window.start,
        end: window.end,
        by: window.by,
        accounting: window.accounting,
        tracks: window.tracks,
        stayed: window.stayed,
        votes: window.votes,
        unit: window.unit,
        content: released,
    }
}

#[cfg(any(test, feature = "testing"))]
impl ReleasedWindow {
    /// A window of the source `cam` in which nobody was seen, for tests.
    pub fn empty(start: i64, end: i64) -> Self {
        use crate::{
            record::{EventTime, SourceId},
            window::{Accounting, ClosedBy, Unit},
        };

        Self {
            source: SourceId::new("cam"),
            partition: 0,
            start: EventTime(start),
            end: EventTime(end),
            by: ClosedBy::Watermark,
            accounting: Accounting::default(),
            tracks: 0,
            stayed: 0,
            votes: 0,
            unit: Unit::Tracks,
            content: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        privacy::PolicyRules,
        record::{EventTime, Position, SourceId, TrackId},
        reject::Reject,
        window::{Evidence, Observation, PartitionWindows, Settings, Weighting},
    };

    /// A window of twenty crops as the default policy releases it, each of the track that `track` says.
    fn released(track: impl Fn(usize) -> Option<usize>, weighting: Weighting) -> ReleasedWindow {
        let rules = PolicyRules::default();
        let settings = Settings {
            weighting,
            untracked: rules.untracked,
            ..Settings::EXAMPLE
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
        let window = windows.end().remove(0);
        let thresholds = Thresholds::of(&rules, window.people_unit());
        release(window, thresholds)
    }

    #[test]
    fn twenty_crops_of_one_person_show_nothing_with_and_without_a_track_however_they_are_weighted()
    {
        for weighting in [Weighting::People, Weighting::Dwell] {
            for track in [None, Some(1)] {
                let window = released(|_| track, weighting);
                assert_eq!(window.accounting.faces, 20);
                assert_eq!(
                    window.content.len(),
                    1,
                    "it is said that something is hidden"
                );
                assert_eq!(
                    window.content[0].cells,
                    Cells::Suppressed,
                    "{track:?} {weighting:?}"
                );
            }
        }
    }

    #[test]
    fn ten_people_are_shown_by_their_votes_or_by_their_dwell() {
        for (weighting, votes) in [(Weighting::People, 10), (Weighting::Dwell, 20)] {
            let window = released(|n| Some(n / 2), weighting);
            let Cells::Shown { total, .. } = window.content[0].cells else {
                panic!("{window:?}");
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
