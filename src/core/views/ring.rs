//! One rolling view of one source: the sum of the released windows that end within it, and each of them to be taken out
//! again as the view moves on. Those wait as bytes, a fifth of the memory: an hour may be many, and each has many cells.

use std::{collections::BTreeMap, mem};

use super::{Sums, View};
use crate::{
    privacy::ReleasedWindow,
    record::{EventTime, SourceId},
    span::Span,
};

/// The ends, from the newest back, for which more windows are expected, of sources that share a series.
const OPEN_ENDS: usize = 3;

/// The sums of the windows that end together, and the sum of those.
#[derive(Debug)]
pub(super) struct Ring {
    span: Span,
    ends: BTreeMap<(EventTime, i32), Kept>,
    whole: Sums,
    /// When the last window came in, by the wall clock.
    touched: EventTime,
}

/// The windows of one partition that end together.
#[derive(Debug, Default)]
struct Kept {
    /// When the first of them begins.
    start: Option<EventTime>,
    sums: Packable,
}

#[derive(Debug)]
enum Packable {
    Open(Box<Sums>),
    /// As postcard writes them: small numbers in few bytes.
    Packed(Box<[u8]>),
}

impl Ring {
    pub fn new(span: Span, touched: EventTime) -> Self {
        Self {
            span,
            ends: BTreeMap::new(),
            whole: Sums::default(),
            touched,
        }
    }

    /// Adds a window. One that ends further in the future than the view is long comes from a clock that was wrong:
    /// it would push out all that follows, and is left out.
    pub fn add(&mut self, window: &ReleasedWindow, now: EventTime) {
        if window.end > now.plus(self.span.as_millis()) {
            return;
        }
        self.touched = now;
        let key = (window.end, window.partition);
        self.ends.entry(key).or_default().add(window);
        self.whole.add(window);
        self.settle(key);
        let newest = self.ends.last_key_value().map(|(&(end, _), _)| end);
        let begin = newest.map_or(EventTime::MIN, |end| end.minus(self.span.as_millis()));
        while let Some(oldest) = self.ends.first_entry()
            && oldest.key().0 <= begin
        {
            self.whole.subtract(&oldest.remove().into_sums());
        }
    }

    /// Packs what the new window leaves behind, and the window if it came late.
    fn settle(&mut self, (own, partition): (EventTime, i32)) {
        let mut ends = self.ends.keys().rev().map(|&(end, _)| end);
        let mut newest = ends.next();
        for _ in 0..OPEN_ENDS {
            newest = newest.and_then(|newest| ends.find(|&end| end < newest));
        }
        let Some(settled) = newest else { return };
        // All that ends earlier was packed when it was left behind.
        let left = (settled, i32::MIN)..=(settled, i32::MAX);
        self.ends.range_mut(left).for_each(|(_, kept)| kept.pack());
        if own < settled
            && let Some(kept) = self.ends.get_mut(&(own, partition))
        {
            kept.pack();
        }
    }

    /// Takes out a partition's windows, and says whether there were any.
    pub fn forget(&mut self, partition: i32) -> bool {
        let gone = self.ends.extract_if(.., |key, _| key.1 == partition);
        let gone: Vec<Sums> = gone.map(|(_, kept)| kept.into_sums()).collect();
        gone.iter().for_each(|sums| self.whole.subtract(sums));
        !gone.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.whole.windows() == 0
    }

    /// Empties it if nothing has come for longer than it is, and than what it covers: the next window of a quiet source
    /// may take as long as the last one. Says whether that took anything out.
    pub fn expire(&mut self, now: EventTime) -> bool {
        let covered = self.covers().map_or(0, |(from, until)| until.0 - from.0);
        let is_over = self.touched.plus(self.span.as_millis().max(covered)) <= now;
        let expires = is_over && !self.is_empty();
        if expires {
            *self = Self::new(self.span, self.touched);
        }
        expires
    }

    /// When its first window begins, and when its last one ends.
    fn covers(&self) -> Option<(EventTime, EventTime)> {
        let from = self.ends.values().filter_map(|kept| kept.start).min()?;
        let (&(until, _), _) = self.ends.last_key_value()?;
        Some((from, until))
    }

    pub fn view(&self, source: &SourceId) -> View {
        View {
            unit: self.whole.unit(),
            source: source.clone(),
            window: self.span,
            windows: self.whole.windows(),
            covers: self.covers(),
            faces: self.whole.faces(),
            attributes: self.whole.attributes().collect(),
        }
    }
}

impl Default for Packable {
    fn default() -> Self {
        Self::Open(Box::default())
    }
}

impl Kept {
    fn add(&mut self, window: &ReleasedWindow) {
        let before = mem::take(self);
        let start = before.start.unwrap_or(window.start);
        let mut sums = before.into_sums();
        sums.add(window);
        self.start = Some(start.min(window.start));
        self.sums = Packable::Open(Box::new(sums));
    }

    fn pack(&mut self) {
        if let Packable::Open(sums) = &self.sums {
            let bytes = postcard::to_stdvec(&**sums).expect("numbers in lists can be written");
            self.sums = Packable::Packed(bytes.into_boxed_slice());
        }
    }

    fn into_sums(self) -> Sums {
        match self.sums {
            Packable::Open(sums) => *sums,
            Packable::Packed(bytes) => postcard::from_bytes(&bytes).expect("what `pack` wrote"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{super::AttributeView, *};
    use crate::{
        estimate::MaskedCounts,
        privacy::{PolicyRules, Thresholds, release},
        record::Attribute,
        window::{ClosedBy, ClosedWindow, Counted, Evidence, Tally, Unit},
    };

    const MINUTE: i64 = 60_000;
    const SPAN: i64 = 6 * MINUTE;
    /// After all panes of these tests.
    const NOW: EventTime = EventTime(60 * MINUTE);

    /// A pane of a minute with such faces, each given by the probability of its first gender.
    pub fn pane(minute: i64, partition: i32, women: &[f32]) -> ReleasedWindow {
        window((minute, 1), partition, women)
    }

    /// A window of so many minutes.
    pub fn window((minute, minutes): (i64, i64), partition: i32, women: &[f32]) -> ReleasedWindow {
        let mut tally = Tally::default();
        for &p in women {
            let mut evidence = Evidence::default();
            evidence.set(Attribute::Gender, &[p, 1.0 - p]);
            tally.vote(&evidence);
        }
        let votes = women.len() as u64;
        let closed = ClosedWindow {
            source: SourceId::new("cam"),
            partition,
            start: EventTime(minute * MINUTE),
            end: EventTime((minute + minutes) * MINUTE),
            by: ClosedBy::Watermark,
            accounting: Default::default(),
            tracks: votes,
            stayed: 0,
            votes,
            unit: Unit::Tracks,
            content: Counted {
                tally,
                people: None,
                detections: None,
            },
        };
        release(
            closed,
            Thresholds::of(&PolicyRules::default(), Unit::Tracks),
        )
    }

    fn panes() -> impl Strategy<Value = Vec<ReleasedWindow>> {
        let women = prop::collection::vec(0.0f32..1.0, 0..40);
        let window =
            (0i64..15, 1i64..9, 0i32..3, women).prop_map(|(minute, minutes, partition, women)| {
                window((minute, minutes), partition, &women)
            });
        prop::collection::vec(window, 1..40)
    }

    /// What somebody sees, in one order.
    fn shown(view: &View) -> (usize, u64, u64, [Option<u64>; 2], MaskedCounts) {
        let AttributeView {
            total,
            votes,
            evidence,
            ..
        } = view.attribute(Attribute::Gender);
        let counts = [0, 1].map(|category| view.attribute(Attribute::Gender).count(category));
        (view.windows, total, votes, counts, evidence)
    }

    #[test]
    fn a_pane_from_the_future_pushes_nothing_out() {
        let mut ring = Ring::new(Span::seconds(360), EventTime(0));
        let now = EventTime(10 * MINUTE);
        let source = SourceId::new("cam");
        ring.add(&pane(9, 0, &[0.9; 20]), now);
        let view = ring.view(&source);
        ring.add(&pane(9 + 365 * 24 * 60, 0, &[0.9; 20]), now);
        assert_eq!(ring.view(&source), view);
    }

    proptest! {
        #[test]
        fn a_view_is_the_sum_of_the_panes_in_the_window_however_late_they_come(panes in panes()) {
            let mut ring = Ring::new(Span::seconds(SPAN as u64 / 1000), EventTime(0));
            panes.iter().for_each(|pane| ring.add(pane, NOW));
            ring.forget(2);
            // A pane that left the window because of a partition that was forgotten later is gone all the same.
            let newest = panes.iter().map(|pane| pane.end).max().unwrap();
            let mut expected = Ring::new(Span::seconds(u32::MAX.into()), EventTime(0));
            let is_in = |pane: &&ReleasedWindow| pane.partition != 2 && pane.end > newest.minus(SPAN);
            panes.iter().filter(is_in).for_each(|pane| expected.whole.add(pane));
            let source = SourceId::new("cam");
            let from = panes.iter().filter(is_in).map(|pane| pane.start).min();
            prop_assert_eq!(ring.view(&source).covers.map(|covers| covers.0), from);
            prop_assert_eq!(shown(&ring.view(&source)), shown(&expected.view(&source)));
        }

        #[test]
        fn only_what_ends_last_is_not_packed(panes in panes()) {
            let mut ring = Ring::new(Span::seconds(SPAN as u64 / 1000), EventTime(0));
            for pane in &panes {
                ring.add(pane, NOW);
                let ends: BTreeSet<EventTime> = ring.ends.keys().map(|key| key.0).collect();
                for (&(end, _), kept) in &ring.ends {
                    let is_open = ends.range(end..).count() <= OPEN_ENDS;
                    prop_assert_eq!(matches!(kept.sums, Packable::Open(_)), is_open);
                }
            }
        }
    }
}
