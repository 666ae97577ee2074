//! The rule, and what it remembers of each track.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, hash_map::Entry},
    num::NonZeroU32,
};

use super::{Choice, Quality, Sight, Spans};
use crate::record::{EventTime, SourceId, TrackId};

/// At most so many crops of a track are taken in a span.
pub type CropsMax = NonZeroU32;

/// Tracks that are remembered: a hundred before each of ten thousand cameras. Where there are more, all are forgotten, and
/// of each that goes on a crop more is taken.
const TRACKS_MAX: usize = 1 << 20;

/// Cameras that are remembered. Where there are more, all tracks are forgotten, too. A camera takes as much memory as ten
/// tracks, and a producer may invent names without end.
const SOURCES_MAX: usize = 1 << 16;

/// Takes and spares crops, in the order of the log.
#[derive(Debug, Clone)]
pub struct Chooser {
    spans: Spans,
    chosen: Chosen,
    /// So many are remembered.
    tracks: usize,
    tracks_max: usize,
    sources_max: usize,
}

/// What of a [`Chooser`] outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    pub(crate) sources: BTreeMap<SourceId, Source>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The newest crop.
    pub newest: EventTime,
    /// No track is older than what may still come in time.
    pub tracks: HashMap<TrackId, Track>,
}

/// One track, as far as it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Track {
    /// The newest span of which a crop was taken.
    pub span: i64,
    /// The spans before it of which one was taken, the next one in the lowest bit.
    pub before: u64,
    /// Since when crops are counted: the first of them.
    pub since: EventTime,
    /// Crops taken since then.
    pub taken: u32,
    /// The best of them.
    pub best: Quality,
    /// The newest of them.
    pub last: EventTime,
}

impl Chosen {
    /// Tracks that are remembered.
    pub fn tracks(&self) -> usize {
        self.sources
            .values()
            .map(|source| source.tracks.len())
            .sum()
    }
}

impl Chooser {
    /// Goes on with what was chosen before.
    pub fn resume(spans: Spans, chosen: Chosen) -> Self {
        Self {
            spans,
            tracks: chosen.tracks(),
            tracks_max: TRACKS_MAX,
            sources_max: SOURCES_MAX,
            chosen,
        }
    }

    /// One that has seen nobody.
    pub fn new(spans: Spans) -> Self {
        Self::resume(spans, Chosen::default())
    }

    #[cfg(test)]
    pub(super) fn with_room(mut self, tracks_max: usize) -> Self {
        self.tracks_max = tracks_max;
        self
    }

    #[cfg(test)]
    pub(super) fn with_room_for_sources(mut self, sources_max: usize) -> Self {
        self.sources_max = sources_max;
        self
    }

    /// What was chosen so far.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Takes or spares the next crop.
    pub fn choose(&mut self, sight: &Sight<'_>, crops_max: CropsMax) -> Choice {
        self.step(sight, |track| track.judge(sight, crops_max))
    }

    /// Takes note of what another chooser, which has seen the same, has answered.
    pub fn note(&mut self, sight: &Sight<'_>, choice: Choice) {
        let own = self.step(sight, |_| choice);
        debug_assert_eq!(own, choice, "both have seen the same");
    }

    /// `judge` is asked about a crop of a span of which others were taken.
    fn step(&mut self, sight: &Sight<'_>, judge: impl FnOnce(&Track) -> Choice) -> Choice {
        let spans = self.spans;
        let sources = &mut self.chosen.sources;
        let source = sources.entry(sight.source.clone());
        let source = source.or_insert_with(|| Source::new(sight.time));
        self.tracks -= source.pass(sight.time, spans);
        // It is late, for all that is known here: it counts for nobody, so it stands for nobody's other crops.
        if spans.is_over(sight.time, source.newest) {
            return Choice::Taken;
        }
        let span = spans.number(sight.time);
        match source.tracks.entry(sight.track) {
            Entry::Occupied(mut track) => track.get_mut().step((sight, span), judge),
            Entry::Vacant(place) => {
                place.insert(Track::first(sight, span));
                self.tracks += 1;
                // A camera that is new brings a track that is new.
                let is_full =
                    self.tracks > self.tracks_max || self.chosen.sources.len() > self.sources_max;
                if is_full {
                    self.tracks = 0;
                    self.chosen = Chosen::default();
                }
                Choice::Taken
            }
        }
    }
}

impl Source {
    fn new(newest: EventTime) -> Self {
        Self {
            newest,
            tracks: HashMap::new(),
        }
    }

    /// Goes on to this time, and forgets who cannot come in time any more; returns how many.
    fn pass(&mut self, time: EventTime, spans: Spans) -> usize {
        if time <= self.newest {
            return 0;
        }
        let is_next = spans.number(time) > spans.number(self.newest);
        self.newest = time;
        if !is_next {
            return 0;
        }
        let before = self.tracks.len();
        self.tracks.retain(|_, track| !track.is_over(time, spans));
        if self.tracks.capacity() > 4 * self.tracks.len() {
            self.tracks.shrink_to_fit();
        }
        before - self.tracks.len()
    }
}

impl Track {
    fn first(sight: &Sight<'_>, span: i64) -> Self {
        Self {
            span,
            before: 0,
            since: sight.time,
            taken: 1,
            best: sight.quality,
            last: sight.time,
        }
    }

    fn step(
        &mut self,
        (sight, span): (&Sight<'_>, i64),
        judge: impl FnOnce(&Self) -> Choice,
    ) -> Choice {
        match span.cmp(&self.span) {
            Ordering::Less => self.fill(span),
            Ordering::Greater => {
                self.enter(sight, span);
                Choice::Taken
            }
            Ordering::Equal => {
                let choice = judge(self);
                if choice == Choice::Taken {
                    self.take(sight);
                }
                choice
            }
        }
    }

    /// A crop of a span of which others were taken: a better one, or one that shows the person later.
    fn judge(&self, sight: &Sight<'_>, crops_max: CropsMax) -> Choice {
        let interval = Spans::LENGTH / i64::from(crops_max.get());
        let is_wanted = sight.quality.is_clearly_better_than(self.best)
            || sight.time >= self.last.plus(interval);
        match is_wanted && self.taken < crops_max.get() {
            true => Choice::Taken,
            false => Choice::Spared,
        }
    }

    fn take(&mut self, sight: &Sight<'_>) {
        self.taken = self.taken.saturating_add(1);
        self.best = self.best.max(sight.quality);
        self.last = self.last.max(sight.time);
    }

    /// The first crop of a later span. Who walks from one into the next is not counted anew: the crops of ten seconds
    /// count together.
    fn enter(&mut self, sight: &Sight<'_>, span: i64) {
        let back = distance(self.span, span);
        self.before = self.before.checked_shl(back).unwrap_or(0) | bit(back);
        self.span = span;
        if sight.time >= self.since.plus(Spans::LENGTH) {
            (self.since, self.taken, self.best) = (sight.time, 0, sight.quality);
        }
        self.take(sight);
    }

    /// A crop of an earlier span: taken if none was.
    fn fill(&mut self, span: i64) -> Choice {
        let bit = bit(distance(span, self.span));
        if self.before & bit != 0 {
            return Choice::Spared;
        }
        self.before |= bit;
        Choice::Taken
    }

    /// Whether it makes no difference any more to a crop that comes in time.
    fn is_over(&self, newest: EventTime, spans: Spans) -> bool {
        // Its newest span is of no later pane.
        let counted_until = self.since.plus(Spans::LENGTH - 1);
        spans.is_over(counted_until, newest)
    }
}

/// From one span to a later one.
fn distance(from: i64, to: i64) -> u32 {
    u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX)
}

/// Of the span so far before the newest; none of one that is too far back to be remembered.
fn bit(distance: u32) -> u64 {
    1u64.checked_shl(distance - 1).unwrap_or(0)
}
