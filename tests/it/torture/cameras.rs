//! The cameras: events at a steady rate, every one acknowledged, whatever the broker goes through.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use demograph_core::event::Event;
use demograph_service::{config::Text, kafka::Producer};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::clock;
use crate::world::{Produced, Sent, Topic, composites, repository};

const SOURCES: usize = 24;
/// How late a late event is: far beyond `windows.lateness_max`.
const LATE: Duration = Duration::from_secs(60);
/// How long the last events may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(60);

/// The `[[source]]` sections.
pub fn sources() -> String {
    (0..SOURCES)
        .map(|n| format!("[[source]]\nid = \"{}\"\n", name(n)))
        .collect()
}

fn name(n: usize) -> String {
    format!("cam-{n:02}")
}

/// A crop that counts as a face: where and when, and its track.
struct Good {
    key: String,
    time: jiff::Timestamp,
    track: usize,
}

/// So soon after its first crop another one of a track is sent: before its pane can be closed.
const AGAIN: Duration = Duration::from_millis(500);

/// What cameras see; drawn from a seed.
pub struct Faces {
    rng: StdRng,
    good: Vec<PathBuf>,
    cut: Vec<u8>,
    sent: usize,
    last: Option<Good>,
    produced: Produced,
}

impl Faces {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            good: composites(),
            cut: std::fs::read(repository("tests/data/malformed/cut_50.jpg")).unwrap(),
            sent: 0,
            last: None,
            produced: Produced::new(),
        }
    }

    /// The next event: one in 40 is cut off, one in 40 late, each with a track id of its own. One in three is one more crop
    /// of the track before, at the same instant: to be spared.
    pub fn next(&mut self) -> Event {
        let now = jiff::Timestamp::now();
        let is_fresh = |good: &Good| now.duration_since(good.time).unsigned_abs() < AGAIN;
        if let Some(good) = self.last.take_if(|good| is_fresh(good))
            && self.rng.random_ratio(1, 2)
        {
            return self.again(&good);
        }
        let key = name(self.rng.random_range(0..SOURCES));
        let file = &self.good[self.sent % self.good.len()];
        let is_cut = self.rng.random_ratio(1, 40);
        let payload = match is_cut {
            true => self.cut.clone(),
            false => std::fs::read(file).unwrap(),
        };
        let is_late = self.rng.random_ratio(1, 40);
        let time = match is_late {
            true => now - LATE,
            false => now,
        };
        self.sent += 1;
        self.of(&key).all += 1;
        let good = Good {
            key,
            time,
            track: self.sent,
        };
        let event = event(&good, payload);
        self.last = Some(good).filter(|_| !is_cut && !is_late);
        event
    }

    fn again(&mut self, good: &Good) -> Event {
        let sent = self.of(&good.key);
        sent.all += 1;
        sent.again += 1;
        let file = &self.good[(good.track - 1) % self.good.len()];
        event(good, std::fs::read(file).unwrap())
    }

    fn of(&mut self, key: &str) -> &mut Sent {
        self.produced.entry(key.to_owned()).or_default()
    }

    /// How many events were drawn.
    pub fn all(&self) -> i64 {
        self.produced.values().map(|sent| sent.all).sum()
    }

    /// What was drawn so far, by source.
    pub fn produced(&self) -> &Produced {
        &self.produced
    }
}

fn event(good: &Good, payload: Vec<u8>) -> Event {
    let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
    Event {
        key: good.key.clone(),
        headers: vec![
            header("ce_time", good.time.to_string()),
            header("ce_trackid", good.track.to_string()),
        ],
        payload,
    }
}

/// A thread that sends until it is told to end.
pub struct Cameras {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Produced>,
}

impl Cameras {
    /// So many events a second.
    pub fn start(topic: &Topic, faces: Faces, rate: u64) -> Self {
        let mut client = topic.client();
        // An event is given up never: the run ends with all of them acknowledged, or fails.
        for (key, value) in [("message.timeout.ms", 0), ("reconnect.backoff.max.ms", 500)] {
            client.properties.insert(key.into(), Text::Number(value));
        }
        let producer = Producer::connect(&client).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || send(&producer, faces, rate, &stopped));
        Self { stop, thread }
    }

    /// Ends production; what the broker has acknowledged, by source.
    pub fn end(self) -> Produced {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the producer does not panic")
    }
}

fn send(producer: &Producer, mut faces: Faces, rate: u64, stop: &AtomicBool) -> Produced {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        producer.send(&faces.next()).unwrap();
        sent += 1;
        clock::pause(1_000 / rate);
    }
    producer.flush(FLUSH).unwrap();
    assert_eq!((producer.delivered(), producer.failed()), (sent, 0));
    faces.produced
}
