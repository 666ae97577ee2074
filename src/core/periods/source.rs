//! The unfinished hours and days of one source.

use std::collections::BTreeMap;

use super::{Content, Period, PeriodKind, Zone, published::Published};
use crate::{privacy::ReleasedWindow, record::EventTime};

/// The hours of a source, or its days.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Line {
    /// Unfinished periods, by their start.
    pub(crate) open: BTreeMap<EventTime, Unfinished>,
    pub(crate) published: Published,
}

/// A period in which windows may still begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unfinished {
    pub(crate) period: Period,
    pub(crate) partition: i32,
    pub(crate) content: Content,
}

impl Line {
    /// Adds a window to the period in which it begins; if that was published, to the next one that was not. Says whether it
    /// was.
    pub(super) fn add(&mut self, window: &ReleasedWindow, zone: &Zone, kind: PeriodKind) -> bool {
        let at = self.published.free_from(window.start);
        let before = self.open.range_mut(..=at).next_back();
        let unfinished = match before.filter(|(_, unfinished)| at < unfinished.period.end) {
            Some((_, unfinished)) => unfinished,
            None => {
                let period = zone.period(kind, at);
                let new = || Unfinished::new(period, window);
                self.open.entry(period.start).or_insert_with(new)
            }
        };
        let is_carried = at != window.start;
        unfinished.content.add(window, is_carried);
        is_carried
    }

    /// Takes out the periods of which this holds; they are published.
    pub(super) fn finish(&mut self, is_over: impl Fn(&Period) -> bool) -> Vec<Unfinished> {
        let over = |_: &EventTime, unfinished: &mut Unfinished| is_over(&unfinished.period);
        let finished: Vec<Unfinished> =
            self.open.extract_if(.., over).map(|(_, one)| one).collect();
        for one in &finished {
            self.published.insert(&one.period);
        }
        finished
    }
}

impl Unfinished {
    fn new(period: Period, first: &ReleasedWindow) -> Self {
        Self {
            period,
            partition: first.partition,
            content: Content {
                from: first.start,
                until: first.end,
                carried: 0,
                tracks: 0,
                stayed: 0,
                sums: Default::default(),
            },
        }
    }
}

impl Content {
    fn add(&mut self, window: &ReleasedWindow, is_carried: bool) {
        self.from = self.from.min(window.start);
        self.until = self.until.max(window.end);
        self.carried += if is_carried { window.votes } else { 0 };
        self.tracks += window.tracks;
        self.stayed += window.stayed;
        self.sums.add(window);
    }
}
