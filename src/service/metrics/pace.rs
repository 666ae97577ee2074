//! What the stages did in the last minute, from the counters of /metrics: how long records took, how large batches were, which
//! stage waits for input, works, or is blocked by the next one.
//!
//! Promises: every number is a difference of two readings of the same counters. A delay is said as the bound of its bucket:
//! that many faces took at most so long.

use std::collections::VecDeque;

use demograph_core::record::EventTime;
use prometheus::{Histogram, core::Metric};

use super::{Metrics, stage};

/// How far back the numbers go, in milliseconds.
const SPAN: i64 = 60_000;
/// Readings in that time: more than the ticks of a minute.
const READINGS_MAX: usize = 256;
/// The least time between two readings that says anything.
const SPAN_MIN: i64 = 1_000;

/// What is known of the last minute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lately {
    /// So long a time the numbers are of: less than a minute after a start. 0: nothing is known yet.
    pub seconds: f64,
    /// From the record's timestamp to its estimate; nothing where no face was estimated.
    pub delay: Option<Delay>,
    /// Nothing where the model was given no batch.
    pub batch: Option<Batch>,
    /// In the order of the path.
    pub stages: Vec<Stage>,
    /// When the last checkpoint of this instance was written.
    pub last_checkpoint: Option<EventTime>,
}

/// How long faces took until their estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    pub faces: u64,
    pub mean_seconds: f64,
    /// Half of the faces took at most so long; nothing where it was longer than the last bucket.
    pub p50_within_seconds: Option<f64>,
    /// The same for 99 of 100 faces.
    pub p99_within_seconds: Option<f64>,
}

/// The batches that the model was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batch {
    pub batches: u64,
    pub crops_mean: f64,
}

/// What a stage does most of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It waits for input.
    Waiting,
    Busy,
    /// It waits for the next stage.
    Blocked,
    /// Of the reader only this is known: it is not blocked.
    Reading,
}

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    pub name: &'static str,
    pub doing: Doing,
    /// The part of its time in which it worked; nothing where that is not measured.
    pub busy: Option<f64>,
    /// The part of its time in which the next stage held it up; nothing where that is not measured.
    pub blocked: Option<f64>,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    at: EventTime,
    delay: Counted,
    batch: Counted,
    /// Working and blocked seconds by stage, as `NAMES` has them.
    seconds: [(f64, f64); NAMES.len()],
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    sum: f64,
    count: u64,
    /// The upper bound of each bucket, and how many lie below it.
    below: Vec<(f64, u64)>,
}

const NAMES: [&str; 5] = [
    stage::POLL,
    stage::DECODE,
    stage::INFER,
    stage::FOLD,
    stage::WRITE,
];

/// The readings of the last minute.
#[derive(Debug)]
pub struct Pace {
    /// Threads that decode and infer.
    workers: usize,
    readings: VecDeque<Reading>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::of(1)
    }
}

impl Pace {
    /// With so many workers.
    pub fn of(workers: usize) -> Self {
        Self {
            workers: workers.max(1),
            readings: VecDeque::new(),
        }
    }

    /// Reads the counters, and says what they did in the last minute.
    pub fn take(&mut self, at: EventTime, metrics: &Metrics) -> Lately {
        self.readings.push_back(Reading::of(at, metrics));
        while self.readings.len() > READINGS_MAX
            || self
                .readings
                .get(1)
                .is_some_and(|next| next.at.0 <= at.minus(SPAN).0)
        {
            self.readings.pop_front();
        }
        let last_checkpoint = metrics.last_checkpoint.get();
        let last_checkpoint = (last_checkpoint > 0).then(|| EventTime(last_checkpoint * 1_000));
        let known = match (self.readings.front(), self.readings.back()) {
            (Some(first), Some(last)) if last.at.0 - first.at.0 >= SPAN_MIN => {
                between(first, last, self.workers)
            }
            _ => Lately::default(),
        };
        Lately {
            last_checkpoint,
            ..known
        }
    }
}

impl Reading {
    fn of(at: EventTime, metrics: &Metrics) -> Self {
        // To ask for a series makes it.
        let worked = |name| match name {
            stage::POLL => 0.0,
            name => {
                let seconds = metrics.stage_seconds.with_label_values(&[name]);
                seconds.get_sample_sum()
            }
        };
        let blocked = |name| match name {
            stage::WRITE => 0.0,
            name => {
                let seconds = &metrics.stage_blocked_seconds;
                seconds.with_label_values(&[name]).get()
            }
        };
        let seconds = NAMES.map(|name| (worked(name), blocked(name)));
        Self {
            at,
            delay: Counted::of(&metrics.event_to_estimate),
            batch: Counted::of(&metrics.batch_crops),
            seconds,
        }
    }
}

impl Counted {
    fn of(histogram: &Histogram) -> Self {
        let metric = histogram.metric();
        let read = metric.get_histogram();
        let buckets = read.get_bucket().iter();
        Self {
            sum: read.get_sample_sum(),
            count: read.get_sample_count(),
            below: buckets
                .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                .collect(),
        }
    }

    /// The bound within which at least this part of what came since then lies.
    fn within(&self, since: &Self, part: f64) -> Option<f64> {
        let count = (self.count - since.count) as f64;
        let mut bounds = self.below.iter().zip(&since.below);
        let (bound, _) =
            bounds.find(|((_, now), (_, then))| (now - then) as f64 >= part * count)?;
        Some(bound.0)
    }
}

fn between(first: &Reading, last: &Reading, workers: usize) -> Lately {
    let seconds = (last.at.0 - first.at.0) as f64 / 1e3;
    let faces = last.delay.count - first.delay.count;
    let delay = (faces > 0).then(|| Delay {
        faces,
        mean_seconds: (last.delay.sum - first.delay.sum) / faces as f64,
        p50_within_seconds: last.delay.within(&first.delay, 0.5),
        p99_within_seconds: last.delay.within(&first.delay, 0.99),
    });
    let batches = last.batch.count - first.batch.count;
    let batch = (batches > 0).then(|| Batch {
        batches,
        crops_mean: (last.batch.sum - first.batch.sum) / batches as f64,
    });
    let mut spent = [(0.0, 0.0); NAMES.len()];
    for (spent, (last, first)) in spent.iter_mut().zip(last.seconds.iter().zip(first.seconds)) {
        *spent = (last.0 - first.0, last.1 - first.1);
    }
    Lately {
        seconds,
        delay,
        batch,
        stages: stages(spent, seconds, workers as f64),
        last_checkpoint: None,
    }
}

/// The parts of the time. A worker decodes, and then infers: to decode it waits while it infers, and has input to infer once
/// it has decoded.
fn stages(spent: [(f64, f64); NAMES.len()], seconds: f64, workers: f64) -> Vec<Stage> {
    let [poll, decode, infer, fold, write] = spent;
    let part = |spent: f64, threads: f64| (spent / (seconds * threads)).clamp(0.0, 1.0);
    let one = |name, busy: f64, blocked: f64| {
        let (busy, blocked) = (busy.max(0.0), blocked.min(1.0));
        let waiting = 1.0 - busy - blocked;
        let doing = if blocked >= busy && blocked >= waiting {
            Doing::Blocked
        } else if busy >= waiting {
            Doing::Busy
        } else {
            Doing::Waiting
        };
        Stage {
            name,
            doing,
            busy: Some(busy),
            blocked: Some(blocked),
        }
    };
    let of_workers = |spent: f64| part(spent, workers);
    let held = decode.1 + infer.0 + infer.1;
    let poll = part(poll.1, 1.0);
    let reader = Stage {
        name: stage::POLL,
        doing: match poll >= 0.5 {
            true => Doing::Blocked,
            false => Doing::Reading,
        },
        busy: None,
        blocked: Some(poll),
    };
    let writer = Stage {
        // Nothing comes after it.
        blocked: None,
        ..one(stage::WRITE, part(write.0, 1.0), 0.0)
    };
    vec![
        reader,
        one(stage::DECODE, of_workers(decode.0), of_workers(held)),
        one(stage::INFER, of_workers(infer.0), of_workers(infer.1)),
        // It is blocked while it works on a batch.
        one(stage::FOLD, part(fold.0 - fold.1, 1.0), part(fold.1, 1.0)),
        writer,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn doing(lately: &Lately) -> Vec<Doing> {
        lately.stages.iter().map(|stage| stage.doing).collect()
    }

    #[test]
    fn nothing_is_said_before_there_is_anything_to_compare() {
        let lately = Pace::of(2).take(EventTime(MINUTE), &Metrics::new());
        assert_eq!(lately, Lately::default());
    }

    #[test]
    fn numbers_are_of_the_last_minute_and_delays_are_bounds() {
        let (metrics, mut pace) = (Metrics::new(), Pace::of(1));
        // Long ago all was slow.
        metrics.event_to_estimate.observe(50.0);
        for second in 0..=120 {
            if (60..160).contains(&second) {
                metrics.event_to_estimate.observe(0.2);
                metrics.batch_crops.observe(4.0);
            }
            if second == 119 {
                metrics.event_to_estimate.observe(300.0);
                metrics.last_checkpoint.set(119);
            }
            pace.take(EventTime(second * 1_000), &metrics);
        }
        let lately = pace.take(EventTime(120_000), &metrics);
        assert_eq!(lately.seconds, 60.0);
        let delay = lately.delay.unwrap();
        assert_eq!(delay.faces, 61);
        assert_eq!(delay.p50_within_seconds, Some(0.25));
        assert_eq!(
            delay.p99_within_seconds, None,
            "longer than the last bucket"
        );
        assert!((delay.mean_seconds - (60.0 * 0.2 + 300.0) / 61.0).abs() < 1e-6);
        let batch = lately.batch.unwrap();
        assert_eq!((batch.batches, batch.crops_mean), (60, 4.0));
        assert_eq!(lately.last_checkpoint, Some(EventTime(119_000)));
        assert!(pace.readings.len() < 64, "{}", pace.readings.len());
    }

    #[test]
    fn a_stage_does_what_it_spends_most_of_its_time_with() {
        let (metrics, mut pace) = (Metrics::new(), Pace::of(2));
        pace.take(EventTime(0), &metrics);
        // Two workers for a minute: 120 s.
        let work = |name, seconds| {
            let stage = metrics.stage_seconds.with_label_values(&[name]);
            stage.observe(seconds);
        };
        let block = |name, seconds| {
            let blocked = metrics.stage_blocked_seconds.with_label_values(&[name]);
            blocked.inc_by(seconds);
        };
        let idle = pace.take(EventTime(MINUTE), &metrics);
        use Doing::{Blocked, Busy, Reading, Waiting};
        assert_eq!(doing(&idle), [Reading, Waiting, Waiting, Waiting, Waiting]);
        // The model is slow.
        block(stage::POLL, 50.0);
        work(stage::DECODE, 20.0);
        work(stage::INFER, 90.0);
        work(stage::FOLD, 3.0);
        work(stage::WRITE, 1.0);
        let slow = pace.take(EventTime(2 * MINUTE), &metrics);
        assert_eq!(doing(&slow), [Blocked, Blocked, Busy, Waiting, Waiting]);
        assert_eq!(slow.stages[2].busy, Some(0.75));
        assert_eq!(slow.stages[1].blocked, Some(0.75));
        // The store is slow.
        block(stage::INFER, 110.0);
        work(stage::FOLD, 58.0);
        block(stage::FOLD, 57.0);
        work(stage::WRITE, 59.0);
        let store = pace.take(EventTime(3 * MINUTE), &metrics);
        assert_eq!(doing(&store), [Reading, Blocked, Blocked, Blocked, Busy]);
        assert_eq!(store.stages[3].busy, Some(1.0 / 60.0));
    }
}
