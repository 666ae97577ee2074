//! Warnings about single sources: times that are not plausible, tracks that cannot be one person. A warning names the source
//! and comes once until the source recovers, because a wrong camera is wrong with each face.

use std::collections::{HashMap, HashSet};

use demograph_core::{
    record::{EventTime, Position, SourceId},
    reject::Reject,
    window::{Note, Observation, Outcome},
};

use crate::metrics::{DUPLICATES_LIMIT, Metrics, put, tracks};

/// Late faces or duplicates, less what is counted, from which on a source has trouble; some are normal.
const BAD_MAX: u32 = 20;

/// What is needed of a record after it was counted.
pub(super) struct Seen {
    pub position: Position,
    pub source: SourceId,
    pub received: EventTime,
    stated: Option<EventTime>,
}

impl From<&Observation> for Seen {
    fn from(observation: &Observation) -> Self {
        Self {
            position: observation.position,
            source: observation.source.clone(),
            received: observation.received,
            stated: observation.stated,
        }
    }
}

/// What is known of single sources.
pub(super) struct Watch {
    metrics: Metrics,
    /// The ends of the logs as of the last tick: a record behind them came since, and waited for nothing.
    ends: HashMap<i32, i64>,
    /// How badly the times of a source fit, where they do not fit well.
    badness: HashMap<SourceId, Badness>,
    /// Sources whose tracks were warned of.
    with_odd_tracks: HashSet<SourceId>,
}

#[derive(Debug, Default)]
struct Badness {
    /// At most [`BAD_MAX`].
    score: u32,
    is_warned: bool,
}

/// What is to be said of a source's time now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Late,
    Future,
    Past,
    Duplicate,
    Recovered,
}

impl Watch {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            ends: HashMap::new(),
            badness: HashMap::new(),
            with_odd_tracks: HashSet::new(),
        }
    }

    pub(super) fn tick(&mut self, ends: &HashMap<i32, i64>) {
        self.ends.clone_from(ends);
    }

    /// Begins the source's counts at zero, so that the first step is seen.
    pub(super) fn show(&self, series: &SourceId) {
        let late = &self.metrics.sources.late_faces;
        late.with_label_values(&[series.as_str()]);
    }

    /// Takes in what became of a record. `series` is the name under which its source has series, `mark` the time up to
    /// which its panes are closed, where it is late.
    pub(super) fn record(
        &mut self,
        seen: &Seen,
        outcome: Outcome,
        series: SourceId,
        mark: Option<EventTime>,
    ) {
        let Some(stated) = seen.stated else { return };
        let offset = seen.received.0.saturating_sub(stated.0) as f64 / 1e3;
        let source = &seen.source;
        let is_fresh = self
            .ends
            .get(&seen.position.partition)
            .is_some_and(|&end| seen.position.offset >= end);
        if is_fresh && series == *source {
            let gauge = &self.metrics.sources.time_offset;
            put(gauge, &[source.as_str()], Some(offset));
        }
        if outcome == Outcome::Late {
            let late = &self.metrics.sources.late_faces;
            late.with_label_values(&[series.as_str()]).inc();
        }
        let behind = mark.map_or(0.0, |mark| mark.0.saturating_sub(stated.0) as f64 / 1e3);
        match self.judge(&series, outcome) {
            None => {}
            Some(Word::Late) => tracing::warn!(
                %source, seconds = behind,
                "its faces come after their panes have closed, by so many seconds: a clock that was set back, two \
                 cameras with one name, or a delay beyond windows.lateness_max"
            ),
            Some(Word::Future) => tracing::warn!(
                %source, seconds = -offset,
                "its events are rejected as future_time: they state times so many seconds after they came here"
            ),
            Some(Word::Past) => tracing::warn!(
                %source, seconds = offset,
                "its events are rejected as past_time: they state times so many seconds before they came here; to read \
                 an old topic, raise windows.past_max"
            ),
            Some(Word::Duplicate) => tracing::warn!(
                %source,
                "most of its events are rejected as duplicate: each face needs a ce_id of its own, or \
                 windows.duplicates = \"count\""
            ),
            Some(Word::Recovered) => tracing::info!(%source, "its faces count again"),
        }
    }

    /// Says when trouble begins, and when it is over.
    fn judge(&mut self, series: &SourceId, outcome: Outcome) -> Option<Word> {
        let (word, weight) = match outcome {
            Outcome::Face | Outcome::Spared => {
                let badness = self.badness.get_mut(series)?;
                badness.score -= 1;
                if badness.score > 0 {
                    return None;
                }
                let badness = self.badness.remove(series)?;
                return badness.is_warned.then_some(Word::Recovered);
            }
            Outcome::Late => (Word::Late, 1),
            Outcome::Rejected(Reject::FutureTime) => (Word::Future, BAD_MAX),
            Outcome::Rejected(Reject::PastTime) => (Word::Past, BAD_MAX),
            Outcome::Rejected(Reject::Duplicate) => (Word::Duplicate, 1),
            Outcome::Rejected(_) => return None,
        };
        let badness = self.badness.entry(series.clone()).or_default();
        badness.score = (badness.score + weight).min(BAD_MAX);
        let is_new = badness.score == BAD_MAX && !badness.is_warned;
        badness.is_warned |= is_new;
        is_new.then_some(word)
    }

    pub(super) fn note(&mut self, source: &SourceId, note: Note) {
        let (reason, what) = match note {
            Note::Forgotten => return self.forget(source),
            Note::TooManyIds => {
                let hits = &self.metrics.limit_hits;
                return hits.with_label_values(&[DUPLICATES_LIMIT]).inc();
            }
            Note::ManyFaces => (tracks::MANY_FACES, "more than 1000 faces in a pane"),
            Note::SameInstant => (tracks::SAME_INSTANT, "several faces at the same instant"),
        };
        let counter = &self.metrics.sources.implausible_tracks;
        counter.with_label_values(&[reason]).inc();
        if self.with_odd_tracks.insert(source.clone()) {
            tracing::warn!(
                %source,
                "a track id has {what}: it cannot be one person, though it votes as one. Leave ce_trackid out where \
                 nobody is tracked"
            );
        }
    }

    /// The source goes on elsewhere.
    pub(super) fn forget(&mut self, source: &SourceId) {
        let sources = &self.metrics.sources;
        put(&sources.time_offset, &[source.as_str()], None);
        // Removing what was never shown is an error of no interest.
        drop(sources.late_faces.remove_label_values(&[source.as_str()]));
        self.badness.remove(source);
        self.with_odd_tracks.remove(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAM: &str = "cam";

    fn seen(offset: i64, stated: i64) -> Seen {
        Seen {
            position: Position {
                partition: 0,
                offset,
            },
            source: SourceId::new(CAM),
            received: EventTime(20_000),
            stated: Some(EventTime(stated)),
        }
    }

    fn value(metrics: &Metrics, name: &str) -> Vec<f64> {
        let samples = metrics.samples(name);
        samples.iter().map(|sample| sample.value).collect()
    }

    #[test]
    fn a_source_with_late_faces_is_named_once_until_it_recovers() {
        let mut watch = Watch::new(Metrics::new());
        let cam = SourceId::new(CAM);
        let mut words = |outcome, n| {
            let said = (0..n).filter_map(|_| watch.judge(&cam, outcome));
            said.collect::<Vec<_>>()
        };
        assert_eq!(words(Outcome::Late, 19), []);
        assert_eq!(words(Outcome::Face, 100), [], "some disorder is normal");
        assert_eq!(words(Outcome::Late, 500), [Word::Late]);
        assert_eq!(words(Outcome::Face, 10), []);
        assert_eq!(words(Outcome::Late, 500), [], "it did not recover");
        assert_eq!(words(Outcome::Face, 100), [Word::Recovered]);
        let future = Outcome::Rejected(Reject::FutureTime);
        assert_eq!(words(future, 5), [Word::Future]);
        assert_eq!(words(Outcome::Face, 20), [Word::Recovered]);
        let again = Outcome::Rejected(Reject::Duplicate);
        assert_eq!(words(again, 100), [Word::Duplicate], "one id for all");
    }

    #[test]
    fn late_faces_count_for_their_source_or_for_all_that_share_a_series() {
        let metrics = Metrics::new();
        let mut watch = Watch::new(metrics.clone());
        for series in [CAM, "__other__", "__other__"] {
            watch.record(&seen(0, 5_000), Outcome::Late, SourceId::new(series), None);
        }
        assert_eq!(metrics.sum("source_late_faces_total"), 3.0);
        assert_eq!(value(&metrics, "source_late_faces_total").len(), 2);
        watch.forget(&SourceId::new(CAM));
        assert_eq!(value(&metrics, "source_late_faces_total"), [2.0]);
    }

    #[test]
    fn an_offset_is_shown_of_what_did_not_wait() {
        let metrics = Metrics::new();
        let mut watch = Watch::new(metrics.clone());
        let record = |watch: &mut Watch, offset, stated| {
            watch.record(
                &seen(offset, stated),
                Outcome::Face,
                SourceId::new(CAM),
                None,
            );
            value(&metrics, "source_time_offset_seconds")
        };
        let nothing: [f64; 0] = [];
        assert_eq!(record(&mut watch, 0, 5_000), nothing, "no tick came yet");
        watch.tick(&HashMap::from([(0, 7)]));
        assert_eq!(record(&mut watch, 6, 5_000), nothing, "from a backlog");
        assert_eq!(record(&mut watch, 7, 5_000), [15.0]);
        assert_eq!(record(&mut watch, 8, 3_620_000), [-3_600.0]);
    }
}
