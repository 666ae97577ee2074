//! Rolling views: sums of the released windows that ended in the last minute, five minutes, hour. What was hidden in a
//! window stays hidden in the sum; the shown ratio says how much that is. A view never holds a part of a window, so it may
//! cover more time than it was asked for, and says from when to when.

mod ring;
mod sums;
mod view;

pub use sums::Sums;
pub use view::{AttributeView, View};

use std::collections::{BTreeSet, HashMap, HashSet};

use ring::Ring;

use crate::{
    privacy::ReleasedWindow,
    record::{EventTime, SourceId},
    span::Span,
};

/// The rolling views of all sources.
#[derive(Debug)]
pub struct Rolling {
    spans: Vec<Span>,
    series_max: usize,
    own: HashSet<SourceId>,
    rings: HashMap<SourceId, Vec<Ring>>,
    /// Whose views are not as they were when they were last asked for.
    changed: BTreeSet<SourceId>,
}

impl Rolling {
    /// Views of these lengths for each source. At most `series_max` sources have views of their own; the others share one.
    pub fn new(spans: &[Span], series_max: usize) -> Self {
        Self {
            spans: spans.to_vec(),
            series_max,
            own: HashSet::new(),
            rings: HashMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Adds a window; [`Rolling::changed`] then shows it.
    pub fn add(&mut self, window: ReleasedWindow, now: EventTime) {
        let key = self.series(&window.source);
        let rings = self.rings.entry(key.clone()).or_insert_with(|| {
            let ring = |&span| Ring::new(span, now);
            self.spans.iter().map(ring).collect()
        });
        for ring in rings {
            ring.add(&window, now);
        }
        self.changed.insert(key);
    }

    /// Empties the windows whose source has been silent for longer than they are. Where no place is left, sources without
    /// a window give theirs up; they are returned.
    pub fn expire(&mut self, now: EventTime) -> Vec<SourceId> {
        for (source, rings) in &mut self.rings {
            for ring in rings {
                if ring.expire(now) {
                    self.changed.insert(source.clone());
                }
            }
        }
        if self.own.len() < self.series_max {
            return Vec::new();
        }
        let Self { rings, own, .. } = self;
        let is_over = |rings: &Vec<Ring>| rings.iter().all(Ring::is_empty);
        let given_up = own.extract_if(|source| rings.get(source).is_some_and(is_over));
        let given_up: Vec<SourceId> = given_up.collect();
        given_up
            .iter()
            .for_each(|source| drop(rings.remove(source)));
        given_up
    }

    /// Takes out the windows of a partition that somebody else goes on with. Sources with no window left are forgotten.
    pub fn forget(&mut self, partition: i32) {
        let Self {
            rings,
            changed,
            own,
            ..
        } = self;
        rings.retain(|source, rings| {
            for ring in rings.iter_mut() {
                if ring.forget(partition) {
                    changed.insert(source.clone());
                }
            }
            !rings.iter().all(Ring::is_empty)
        });
        own.retain(|source| rings.contains_key(source));
    }

    /// The views that are not as they were at the last call. Those of a source that was forgotten are empty.
    pub fn changed(&mut self) -> Vec<View> {
        let changed = std::mem::take(&mut self.changed);
        let views = changed
            .iter()
            .flat_map(|source| match self.rings.get(source) {
                Some(rings) => rings.iter().map(|ring| ring.view(source)).collect(),
                None => self.empty(source),
            });
        views.collect()
    }

    fn empty(&self, source: &SourceId) -> Vec<View> {
        let ring = |&span| Ring::new(span, EventTime::MIN).view(source);
        self.spans.iter().map(ring).collect()
    }

    /// Whether the source shares its series with others.
    pub fn is_folded(&self, source: &SourceId) -> bool {
        !self.own.contains(source)
    }

    /// The name of the series that the source has, or shares; it takes a place for itself while there is one.
    pub fn series(&mut self, source: &SourceId) -> SourceId {
        if self.own.contains(source) {
            source.clone()
        } else if self.own.len() < self.series_max {
            self.own.insert(source.clone());
            source.clone()
        } else {
            SourceId::new(SourceId::OTHER)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ring::tests::{pane as released, window},
        *,
    };
    use crate::{estimate::MaskedCounts, privacy::Cells, record::Attribute};

    /// A pane of a minute in which `women` and `men` were seen.
    fn pane(minute: i64, women: usize, men: usize) -> ReleasedWindow {
        released(minute, 0, &[vec![0.9; women], vec![0.2; men]].concat())
    }

    #[test]
    fn a_view_holds_the_cells_of_its_panes_that_show_their_total_and_of_no_other() {
        let mut rolling = Rolling::new(&[Span::seconds(120)], 10);
        let mut votes = |window: ReleasedWindow| {
            let now = window.end;
            rolling.add(window, now);
            let view = rolling.changed().remove(0);
            view.attribute(Attribute::Gender).evidence.votes()
        };
        assert_eq!(votes(pane(0, 20, 10)), 30.0);
        // Too few people: suppressed, and so out of the estimate.
        assert_eq!(votes(pane(1, 2, 1)), 30.0);
        // The first minute has left the window.
        assert_eq!(votes(pane(2, 8, 8)), 16.0);
        rolling.expire(EventTime(3 * 60_000 + 120_000));
        let emptied = rolling.changed().remove(0);
        assert_eq!(
            emptied.attribute(Attribute::Gender).evidence,
            MaskedCounts::default()
        );
    }

    #[test]
    fn a_source_that_is_silent_gives_its_place_to_another_when_none_is_left() {
        let mut rolling = Rolling::new(&[Span::seconds(120)], 1);
        let (cam, other) = (SourceId::new("cam"), SourceId::new("other"));
        rolling.add(pane(0, 20, 10), EventTime(60_000));
        assert_eq!(rolling.series(&other).as_str(), SourceId::OTHER);
        assert_eq!(rolling.expire(EventTime(179_999)), []);
        assert_eq!(rolling.expire(EventTime(180_000)), [cam]);
        let emptied = rolling.changed().remove(0);
        assert_eq!((emptied.source.as_str(), emptied.windows), ("cam", 0));
        assert_eq!(rolling.series(&other), other);
    }

    #[test]
    fn a_view_shows_the_last_window_of_a_quiet_source_until_the_next_may_be_there() {
        const MINUTE: i64 = 60_000;
        let mut rolling = Rolling::new(&[Span::seconds(60)], 10);
        let long = |minute| window((minute, 17), 0, &[0.9; 20]);
        rolling.add(long(0), EventTime(17 * MINUTE));
        let view = rolling.changed().remove(0);
        let covers = Some((EventTime(0), EventTime(17 * MINUTE)));
        assert_eq!((view.windows, view.covers), (1, covers));
        rolling.expire(EventTime(34 * MINUTE - 1));
        assert!(rolling.changed().is_empty());
        rolling.add(long(17), EventTime(34 * MINUTE));
        let view = rolling.changed().remove(0);
        assert_eq!(view.windows, 1, "only the last one ends within the minute");
        assert_eq!(view.covers.unwrap().0, EventTime(17 * MINUTE));
        rolling.expire(EventTime(51 * MINUTE));
        assert_eq!(rolling.changed().remove(0).covers, None);
    }

    #[test]
    fn a_share_is_of_the_panes_that_showed_the_category() {
        let mut rolling = Rolling::new(&[Span::seconds(600)], 10);
        let windows = [pane(0, 20, 20), pane(1, 40, 1), pane(2, 20, 20)];
        let shown = |window: &ReleasedWindow| match &window.content[0].cells {
            Cells::Shown { counts, .. } => counts.iter().flatten().count(),
            Cells::Suppressed => 0,
        };
        assert_eq!(
            windows.each_ref().map(shown),
            [2, 0, 2],
            "one pane hides them"
        );
        for window in windows {
            let now = window.end;
            rolling.add(window, now);
        }
        let shares = rolling.changed().remove(0).attribute(Attribute::Gender);
        assert_eq!((shares.total, shares.count(0)), (121, Some(40)));
        assert_eq!(
            [0, 1].map(|category| shares.share(category)),
            [Some(0.5); 2]
        );
    }

    #[test]
    fn a_partition_that_went_away_takes_its_panes_along_and_leaves_the_others() {
        let mut rolling = Rolling::new(&[Span::seconds(120)], 10);
        let elsewhere = ReleasedWindow {
            partition: 1,
            ..pane(1, 8, 8)
        };
        rolling.add(pane(1, 20, 10), EventTime(0));
        let alone = rolling.changed();
        rolling.add(elsewhere, EventTime(0));
        assert_ne!(rolling.changed(), alone);
        rolling.forget(1);
        assert_eq!(rolling.changed(), alone);
        assert!(rolling.changed().is_empty(), "nothing happened since");
        rolling.forget(0);
        let nobody = rolling.changed().remove(0);
        assert_eq!((nobody.windows, nobody.faces), (0, 0));
        assert!(
            rolling.is_folded(&SourceId::new("cam")),
            "its place is free"
        );
    }
}
