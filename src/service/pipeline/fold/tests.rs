//! The law of the read model: it says of the audience, of records and of lag what /metrics says, and nothing else. And the
//! order of what is folded.

use crossbeam_channel::bounded;
use demograph_core::{
    estimate::{Calibration, CalibrationFile, Calibrations, Method},
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    record::{Attribute, Position, TrackId},
    span::Span,
    state::{Saved, Terms, TrackKey},
    window::{Categories, Evidence},
};
use proptest::prelude::*;

use super::*;

const SETTINGS: Settings = Settings {
    untracked: Untracked::Ignore,
    ..Settings::EXAMPLE
};
const DAY: i64 = 86_400_000;
const BEGIN: i64 = 20_000 * DAY;
const WINDOWS: [Span; 2] = [Span::seconds(20), Span::seconds(60)];

/// A name and labels -> the value.
type Series = BTreeMap<(&'static str, BTreeMap<String, String>), f64>;

/// A fold of one partition, and the writer that it sends to.
struct World {
    fold: Fold,
    next_offset: i64,
    writer: Receiver<Task>,
}

impl World {
    fn new() -> Self {
        let (output, writer) = bounded(16);
        let metrics = Metrics::new();
        let mut fold = Fold {
            observations: bounded(1).1,
            signals: bounded(1).1,
            output,
            under_way: bounded(1).1,
            settings: SETTINGS,
            track_key: TrackKey::example(),
            cadence: Cadence {
                checkpoint: DAY,
                publish: DAY,
                rows_max: usize::MAX,
                outbox_max: usize::MAX,
            },
            views: Rolling::new(&WINDOWS, 2),
            crowd: Crowd::default(),
            meaning: meaning(),
            metrics: metrics.clone(),
            shards: Default::default(),
            seen: Default::default(),
            watch: Watch::new(metrics),
            untracked: Default::default(),
            shown: Default::default(),
        };
        let beginning = Resumed::beginning(0, 0);
        assert!(fold.signal(Signal::Assigned(vec![beginning])).is_ok());
        Self {
            fold,
            next_offset: 0,
            writer,
        }
    }

    /// A face that the model takes for a woman with this probability, or a reject.
    fn see(&mut self, source: &str, time: i64, woman: Option<f32>) {
        let observation = self.observation(source, time, woman);
        assert!(self.fold.apply(observation).is_ok());
    }

    fn observation(&mut self, source: &str, time: i64, woman: Option<f32>) -> Observation {
        let offset = self.next_offset;
        self.next_offset += 1;
        let face = |p| {
            let mut face = Evidence::default();
            face.set(Attribute::Gender, &[p, 1.0 - p]);
            face
        };
        Observation {
            position: Position {
                partition: 0,
                offset,
            },
            received: EventTime(time),
            source: SourceId::new(source),
            time: EventTime(time),
            stated: None,
            id: None,
            track: Some(TrackId::of(&offset.to_be_bytes())),
            judged: None,
            outcome: woman.map(face).ok_or(Reject::NotAnImage),
        }
    }

    fn tick(&mut self, now: i64) {
        let tick = Tick {
            now: EventTime(now),
            silent: BTreeMap::new(),
            ends: HashMap::from([(0, self.next_offset + 5)]),
        };
        assert!(self.fold.signal(Signal::Tick(tick)).is_ok());
    }

    /// What the snapshot says, in the words of /metrics.
    fn snapshot(&self) -> Series {
        let now = self.fold.shown.latest.get();
        let mut series = Series::new();
        let mut say = |name, labels: &[(&str, &str)], value: Option<f64>| {
            let labels = labels.iter();
            let labels = labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            series.extend(value.map(|value| ((name, labels.collect()), value)));
        };
        for (source, views) in now.audience.iter() {
            for (window, view) in views {
                let window = window.to_string();
                let place = [("source", source.as_str()), ("window", &window)];
                say(
                    "audience_faces",
                    &place,
                    view.faces.map(|faces| faces as f64),
                );
                let seconds = |time: EventTime| Some(time.0 as f64 / 1_000.0);
                let (from, until) = view.covers.unzip();
                say(
                    "audience_from_timestamp_seconds",
                    &place,
                    from.and_then(seconds),
                );
                say(
                    "audience_until_timestamp_seconds",
                    &place,
                    until.and_then(seconds),
                );
                for one in &view.attributes {
                    let place = [&place[..], &[("attribute", one.attribute.name())]].concat();
                    say("audience_shown_ratio", &place, one.shown_ratio);
                    say("audience_shift_p_value", &place, one.shift_p);
                    let fits = one.calibration_fits().map(f64::from);
                    say("audience_calibration_fits", &place, fits);
                    for category in &one.categories {
                        let place = [&place[..], &[("category", &category.label)]].concat();
                        let share = category.share;
                        let votes = category.votes.map(|votes| votes as f64);
                        say("audience_votes", &place, votes);
                        say("audience_share_naive_ratio", &place, category.share_naive);
                        say("audience_share_ratio", &place, share.share);
                        say("audience_share_low_ratio", &place, share.low);
                        say("audience_share_high_ratio", &place, share.high);
                        say("audience_effective_n", &place, share.effective_n);
                    }
                }
            }
        }
        for (outcome, n) in &now.counts.records {
            say("records_total", &[("outcome", outcome)], Some(*n as f64));
        }
        for (reason, n) in &now.counts.rejected {
            let place = [("reason", *reason)];
            say("rejected_records_total", &place, Some(*n as f64));
        }
        for (partition, lag) in &now.lag {
            let place = [("partition", &*partition.to_string())];
            say("partition_lag_records", &place, Some(*lag as f64));
        }
        series
    }

    /// The same of /metrics.
    fn metrics(&self) -> Series {
        let metrics = &self.fold.metrics;
        let audience = metrics.names().iter();
        let audience = audience.filter_map(|name| name.strip_prefix("demograph_audience_"));
        let audience: Vec<String> = audience.map(|name| format!("audience_{name}")).collect();
        let others = [
            "records_total",
            "rejected_records_total",
            "partition_lag_records",
        ];
        let mut series = Series::new();
        for name in audience.into_iter().chain(others.map(str::to_owned)) {
            for sample in metrics.samples(&name) {
                let name: &'static str = name.clone().leak();
                series.insert((name, sample.labels), sample.value);
            }
        }
        series
    }
}

/// A model that is right in four faces of five.
fn meaning() -> Meaning {
    let labels = ["female".to_owned(), "male".to_owned()];
    let facts = ModelFacts {
        id: "m@1".into(),
        has_age: false,
        gender: labels.to_vec(),
        ethnicity: vec![],
    };
    let policy = Policy::new(&PolicyRules::default(), &[]);
    let categories = Categories::new(&[0, 18], &facts);
    let terms = Terms::new(&facts.id, &policy, categories, &SETTINGS);
    let posterior = |is_first: bool| if is_first { [0.8, 0.2] } else { [0.2, 0.8] };
    let faces: Vec<(usize, [f32; 2])> = (0..200)
        .map(|n| (n % 2, posterior((n % 2 == 0) == (n % 5 != 0))))
        .collect();
    let faces = faces.iter().map(|(class, p)| (*class, &p[..]));
    let gender = Calibration::new(&labels, faces).unwrap();
    let attributes = BTreeMap::from([(Attribute::Gender, gender)]);
    let file = CalibrationFile::new(facts.id, vec![0, 18], attributes);
    Meaning {
        policy: Arc::new(policy),
        terms: Arc::new(terms),
        calibrations: Arc::new(Calibrations::new(Method::default(), Some(file), [])),
    }
}

/// The names of what is said of a source.
fn said<'a>(series: &'a Series, source: &str) -> BTreeSet<&'a str> {
    let own = series
        .keys()
        .filter(|(_, labels)| labels.get("source").is_some_and(|name| name == source));
    own.map(|(name, _)| *name).collect()
}

#[test]
fn the_snapshot_shows_estimates_and_nothing_that_is_suppressed() {
    let mut world = World::new();
    for n in 0..60 {
        let woman = if n % 3 == 0 { 0.8 } else { 0.2 };
        world.see("lobby", BEGIN + n * 100, Some(woman));
    }
    for n in 0..3 {
        world.see("cafe", BEGIN + n * 100, Some(0.8));
    }
    world.see("lobby", BEGIN, None);
    for source in ["lobby", "cafe"] {
        world.see(source, BEGIN + 15_000, Some(0.8));
    }
    world.tick(BEGIN + 15_000);
    let snapshot = world.snapshot();
    assert_eq!(snapshot, world.metrics());
    let lobby = said(&snapshot, "lobby");
    assert!(lobby.contains("audience_votes"), "{lobby:?}");
    assert!(lobby.contains("audience_share_ratio"), "{lobby:?}");
    let cafe = said(&snapshot, "cafe");
    assert!(cafe.contains("audience_faces"), "{cafe:?}");
    assert!(!cafe.contains("audience_votes"), "{cafe:?}");
    let now = world.fold.shown.latest.get();
    assert_eq!((now.counts.read(), now.lag[&0]), (66, 5));
    assert_eq!(now.at, EventTime(BEGIN + 15_000));
    // Also of windows whose categories are hidden: the table `windows` has them too.
    let people = |source| now.people[&SourceId::new(source)].today(now.at).1;
    assert_eq!((people("lobby"), people("cafe")), (60, 3));

    assert!(world.fold.signal(Signal::Lost(vec![0])).is_ok());
    let now = world.fold.shown.latest.get();
    assert!(now.audience.is_empty() && now.lag.is_empty() && now.people.is_empty());
    assert_eq!(world.snapshot(), world.metrics());
}

#[test]
fn after_a_start_it_is_said_since_when_people_are_known() {
    let since = |saved, history: Vec<ReleasedWindow>| {
        let mut world = World::new();
        let resumed = Resumed {
            partition: 0,
            saved,
            history,
        };
        assert!(world.fold.signal(Signal::Assigned(vec![resumed])).is_ok());
        let now = clock::now();
        for n in 0..40 {
            world.see("lobby", now.0 - 40_000 + n * 1_000, Some(0.8));
        }
        world.tick(now.0);
        let people = world.fold.shown.latest.get().people.clone();
        let since = people[&SourceId::new("lobby")].since(now)?;
        Some(now.0 - since.0)
    };
    let counted = || Saved {
        terms: (*meaning().terms).clone(),
        ..Saved::beginning(0)
    };
    assert_eq!(
        since(Saved::beginning(0), vec![]),
        None,
        "nothing was before"
    );
    let ago = since(counted(), vec![]).unwrap();
    assert!((0..60_000).contains(&ago), "{ago} ms ago it began");
    let window = ReleasedWindow {
        tracks: 5,
        votes: 5,
        source: SourceId::new("lobby"),
        ..ReleasedWindow::empty(clock::now().0 - 3_600_000, clock::now().0 - 3_500_000)
    };
    let ago = since(counted(), vec![window]).unwrap();
    assert!(
        (3_600_000..3_660_000).contains(&ago),
        "{ago} ms ago its history begins"
    );
}

/// Observations and signals come by two ways, and one worker is faster than the other.
#[test]
fn signals_keep_their_place_among_the_observations_up_to_the_end() {
    // Which of two channels is heard first is chance.
    for _ in 0..64 {
        let mut world = World::new();
        let mut seen = |number| Numbered {
            number,
            item: world.observation("lobby", BEGIN, Some(0.8)),
        };
        let (earlier, later) = (vec![seen(0), seen(1)], vec![seen(4), seen(5)]);
        let (to_fold, observations) = bounded(2);
        to_fold.send(later).unwrap();
        to_fold.send(earlier).unwrap();
        let (signal, signals) = bounded(3);
        for (number, item) in [
            (2, Signal::Revoked(vec![0])),
            (3, Signal::Assigned(vec![Resumed::beginning(0, 2)])),
            (6, Signal::Revoked(vec![0])),
        ] {
            signal.send(Numbered { number, item }).unwrap();
        }
        drop((to_fold, signal));
        let World { fold, writer, .. } = world;
        let fold = Fold {
            observations,
            signals,
            ..fold
        };
        fold.run().unwrap();
        let written = writer.iter().map(|task| match task {
            Task::Write(checkpoint) => checkpoint.next_offset,
            Task::Drained => -1,
            other => panic!("{other:?}"),
        });
        // The first checkpoint of a partition is due at once.
        assert_eq!(written.collect::<Vec<_>>(), [1, 2, -1, 3, 4, -1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn at_every_tick_the_snapshot_says_what_metrics_say(
        steps in prop::collection::vec((0usize..3, 0i64..1_500, prop::option::weighted(0.95, 0.0f32..1.0)), 1..300),
        every in 1usize..60,
    ) {
        let mut world = World::new();
        let mut time = BEGIN;
        for (n, (source, pause, woman)) in steps.into_iter().enumerate() {
            time += pause;
            // With two series for three sources, two of them share one.
            world.see(["lobby", "cafe", "gate"][source], time, woman);
            if n % every == 0 {
                world.tick(time);
                prop_assert_eq!(world.snapshot(), world.metrics());
            }
        }
        // The windows run empty.
        for later in [25_000, 65_000] {
            world.tick(time + later);
            prop_assert_eq!(world.snapshot(), world.metrics());
        }
    }
}
