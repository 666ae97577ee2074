//! Exactly once, under fire: instances and broker are killed, frozen, added and sent away on a seeded schedule while
//! cameras send; then every acknowledged record stands in the tables once. The count is DuckDB's against the
//! broker's acknowledgements. `make torture SECONDS=240 SEED=7` is the same test for longer.

mod cameras;
pub(crate) mod clock;
mod fleet;
mod report;
mod schedule;

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use cameras::Cameras;
pub use cameras::{Faces, sources};
use fleet::Fleet;
use report::Report;
use schedule::{INSTANCES, Injection, Kind, schedule};

use super::world::{Broker, Finished, Produced, Service, Topic, audit, counted, with_config};

const PARTITIONS: i32 = 6;
/// Events a second: what 2 cores bear while instances start all the time.
const RATE: u64 = 40;
/// Within so long after the last event all must be in the tables.
const CALM: Duration = Duration::from_secs(90);
/// The length of the run in `make test`.
const SHORT: u64 = 25;

/// Broker settings of a group that notices within seconds who is gone.
pub const QUICK_GROUP: &str = "group.min.session.timeout.ms=1000\n";

/// The config of an instance; `more` as for [`Service::config`].
pub fn config(topic: &Topic, out: &Path, more: &str) -> String {
    let quick = "[state]\ncheckpoint_interval = \"1s\"\n[inference]\nsessions = 1\n[kafka.properties]\n\
                 \"session.timeout.ms\" = 3000\n\"heartbeat.interval.ms\" = 500\n\
                 \"reconnect.backoff.max.ms\" = 500\n";
    Service::config(topic, out, &format!("{quick}{more}"))
        .replace("on_stop = \"close\"", "on_stop = \"keep\"")
        // Windows grow over several panes, and over restarts; with the last faces they end by time.
        .replace("people_min = 0", "people_min = 30\nwindow_max = \"6s\"")
}

#[test]
fn whatever_dies_every_record_is_counted_exactly_once() {
    let seconds = from_environment("TORTURE_SECONDS").unwrap_or(SHORT);
    let seed = from_environment("SEED").unwrap_or(7);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), seed);
    let injections = schedule(seed, seconds);
    run.fire(&injections, Duration::from_secs(seconds));
    let report = run.calm_down(seconds, injections);
    println!("{report}");
    if let Some(path) = text_from_environment("REPORT") {
        std::fs::write(path, format!("{report}\n")).unwrap();
    }
    let is_clean = report.audit.faults.is_empty()
        && report.caught_up.is_some()
        && report.verified.code == Some(0);
    if !is_clean {
        let kept = folder.keep();
        panic!(
            "records were lost, counted twice or late: make torture SECONDS={seconds} SEED={seed}\n\
             tables and the instances' logs: {}",
            kept.display()
        );
    }
    assert!(report.produced > 0 && report.started > INSTANCES);
    assert!(report.audit.spared > 0);
}

fn from_environment(name: &str) -> Option<u64> {
    let text = text_from_environment(name)?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={text} is no whole number")))
}

#[expect(clippy::disallowed_methods, reason = "a switch for developers")]
fn text_from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// A run: its broker, its cameras, its instances.
struct Run<'a> {
    folder: &'a Path,
    seed: u64,
    topic: Topic,
    broker: Broker,
    /// When a broker that is down comes back.
    broker_back: Option<Instant>,
    cameras: Option<Cameras>,
    fleet: Fleet,
}

impl<'a> Run<'a> {
    fn start(folder: &'a Path, seed: u64) -> Self {
        let broker = Broker::start(folder, QUICK_GROUP);
        let topic = broker.topic("torture", PARTITIONS);
        let config = config(&topic, &folder.join("out"), &sources());
        let fleet = Fleet::start(config, INSTANCES);
        // No fire before records are counted: else the run is shorter than it says.
        let cameras = Cameras::start(&topic, Faces::new(seed), RATE);
        let mut run = Self {
            folder,
            seed,
            topic,
            broker,
            broker_back: None,
            cameras: Some(cameras),
            fleet,
        };
        let deadline = clock::now() + CALM;
        while run.counted() == 0 {
            assert!(clock::now() < deadline, "{:?}", run.fleet.all_logs());
            run.tick();
        }
        run
    }

    /// Carries out the injections, each at its moment.
    fn fire(&mut self, injections: &[Injection], length: Duration) {
        let start = clock::now();
        let mut waiting: VecDeque<&Injection> = injections.iter().collect();
        while start.elapsed() < length || !waiting.is_empty() {
            let is_due = |next: &&Injection| start.elapsed() >= Duration::from_millis(next.at);
            if let Some(next) = waiting.front().copied().filter(is_due) {
                waiting.pop_front();
                self.inject(next);
            }
            self.tick();
        }
    }

    fn inject(&mut self, injection: &Injection) {
        let Injection {
            kind, pick, lasts, ..
        } = *injection;
        match kind {
            Kind::Kill => self.fleet.kill(pick),
            Kind::Freeze | Kind::LongFreeze => self.fleet.freeze(pick, lasts),
            Kind::Join => self.fleet.join(),
            Kind::Leave => self.fleet.leave(pick),
            Kind::BrokerKill => self.stop_broker("KILL", lasts),
            Kind::BrokerRestart => self.stop_broker("TERM", lasts),
        }
    }

    fn stop_broker(&mut self, signal: &str, milliseconds: u64) {
        // The schedule leaves it alone for long enough, but a machine may be slow.
        self.await_broker();
        self.broker.signal(signal);
        self.broker_back = Some(clock::now() + Duration::from_millis(milliseconds));
    }

    /// A step of the supervision.
    fn tick(&mut self) {
        self.fleet.look_after();
        let is_due = self.broker_back.is_some_and(|at| at <= clock::now());
        if is_due && self.broker.has_ended() {
            self.broker.restart();
            self.broker_back = None;
        }
        clock::pause(20);
    }

    fn await_broker(&mut self) {
        while self.broker_back.is_some() {
            self.tick();
        }
        self.broker.await_connections();
    }

    /// No more injections, no more events; everything must come into the tables.
    fn calm_down(mut self, seconds: u64, injections: Vec<Injection>) -> Report {
        self.fleet.thaw();
        self.await_broker();
        let cameras = self.cameras.take().expect("a run ends once");
        let produced = cameras.end();
        let all: i64 = produced.values().map(|sent| sent.all).sum();
        let start = clock::now();
        let mut caught_up = None;
        while caught_up.is_none() && start.elapsed() < CALM {
            self.tick();
            caught_up = (self.counted() >= all).then(|| start.elapsed());
        }
        // Whoever still holds something back may write it now.
        self.fleet.stop();
        self.write_logs(&produced);
        Report {
            seed: self.seed,
            seconds,
            injections,
            started: self.fleet.started(),
            fenced: self.fleet.said("another instance owns the partition"),
            lost_partitions: self.fleet.said("kind=\"lost\""),
            verified: self.verify(),
            exits: std::mem::take(&mut self.fleet.exits),
            produced: all,
            audit: audit(&self.folder.join("out"), &produced, &self.topic.ends()),
            caught_up,
        }
    }

    /// The chains against the tables, by the program's own tool.
    fn verify(&self) -> Finished {
        with_config(self.fleet.config(), &["state", "verify"])
    }

    fn counted(&self) -> i64 {
        counted(&self.folder.join("out"))
    }

    fn write_logs(&self, produced: &Produced) {
        for (instance, log) in self.fleet.all_logs() {
            std::fs::write(self.folder.join(format!("instance-{instance}.log")), log).unwrap();
        }
        std::fs::write(self.folder.join("produced.txt"), format!("{produced:?}\n")).unwrap();
    }
}
