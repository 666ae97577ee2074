//! Laws of marks: whatever the lengths of panes, the lulls, the clocks and the restarts, nothing in order is late.

use proptest::prelude::*;

use super::{
    laws::{SETTINGS, face},
    *,
};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// When the cases begin: within a day, and off every grid.
const BEGIN: i64 = 1_767_225_600_000 + 5 * HOUR + 1_234_567;

/// What happens to a source.
#[derive(Debug, Clone)]
enum Step {
    /// A face, so long after the last thing that happened.
    Face(i64),
    /// Nothing for so long.
    Lull(i64),
    /// Nothing comes for so long; then everything comes at once that was seen meanwhile.
    Outage(i64),
    /// A face that was seen so long before the newest.
    Old(i64),
    /// A reject that names a time so long before now.
    Bad(i64),
    /// The next start has other settings.
    Restart(Settings),
}

fn settings() -> impl Strategy<Value = Settings> {
    let pane = prop::sample::select(vec![1, 2, 10, 60, 900, 3_600, 86_400]);
    let lateness = prop::sample::select(vec![0, 1, 10, 300, 7_200]);
    let idle = prop::sample::select(vec![1, 30, 600, 7_200]);
    let growth = prop::sample::select(vec![0, 2, 5, 50]);
    let window_max = prop::sample::select(vec![HOUR, DAY]);
    let growth = (growth, window_max).prop_map(|(people_min, window_max)| Growth {
        people_min,
        hour_min: people_min.div_ceil(2),
        rest_min: people_min.min(2),
        window_max,
        ..Growth::NONE
    });
    (pane, lateness, idle, growth).prop_map(|(pane, lateness, idle, growth)| Settings {
        growth,
        pane: pane * SECOND,
        lateness_max: lateness * SECOND,
        idle_after: idle * SECOND,
        ..SETTINGS
    })
}

fn span() -> impl Strategy<Value = i64> {
    prop_oneof![0..SECOND, 0..60 * SECOND, 0..HOUR, 0..2 * DAY]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..30 * SECOND).prop_map(Step::Face),
        2 => span().prop_map(Step::Lull),
        1 => span().prop_map(Step::Outage),
        1 => span().prop_map(Step::Old),
        1 => span().prop_map(Step::Bad),
        1 => settings().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// A source with its clock, and what became of its records.
struct Course {
    settings: Settings,
    windows: PartitionWindows,
    closed: Vec<ClosedWindow>,
    /// The wall clock.
    now: i64,
    /// How far the source's clock is ahead of it.
    ahead: i64,
    newest: i64,
    offset: i64,
}

impl Course {
    fn new(settings: Settings, ahead: i64) -> Self {
        Self {
            settings,
            windows: PartitionWindows::new(0, settings),
            closed: Vec::new(),
            now: BEGIN,
            ahead,
            newest: i64::MIN,
            offset: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Face(after) => {
                self.now += after;
                self.face_in_order(self.now + self.ahead);
            }
            Step::Lull(span) => self.silence(*span),
            Step::Outage(span) => {
                let begin = self.now;
                self.silence(*span);
                for part in 1..=5 {
                    self.face_in_order(begin + span * part / 5 + self.ahead);
                }
            }
            Step::Old(span) if self.newest > i64::MIN => {
                self.observe(self.newest - span, Ok(()));
            }
            Step::Old(_) => {}
            Step::Bad(span) => {
                self.observe(self.now - span, Err(Reject::Truncated));
            }
            Step::Restart(settings) => self.restart(*settings),
        }
    }

    fn face_in_order(&mut self, time: i64) {
        assert!(time >= self.newest, "the test itself is out of order");
        let outcome = self.observe(time, Ok(()));
        assert_eq!(outcome, Outcome::Face, "at {time}");
        self.newest = time;
    }

    fn observe(&mut self, time: i64, outcome: Result<(), Reject>) -> Outcome {
        let mut observation = face(self.offset, time, 0);
        observation.received = EventTime(self.now);
        if let Err(reason) = outcome {
            observation.outcome = Err(reason);
        }
        self.offset += 1;
        let (outcome, closed) = self.windows.observe(observation);
        self.closed.extend(closed);
        outcome
    }

    fn silence(&mut self, span: i64) {
        let begin = self.now;
        for part in 1..=10 {
            self.now = begin + span * part / 10;
            let closed = self.windows.close_idle(EventTime(self.now));
            self.closed.extend(closed);
        }
    }

    /// Panes of another length and windows that grow otherwise cut what is open, as the state does with other terms.
    fn restart(&mut self, settings: Settings) {
        let is_other = |settings: &Settings| (settings.pane, settings.growth);
        if is_other(&settings) != is_other(&self.settings) {
            self.closed.extend(self.windows.cut());
        }
        let sources = self.windows.sources().clone();
        self.settings = settings;
        self.windows = PartitionWindows::resume(0, settings, sources);
    }
}

proptest! {
    #[test]
    fn nothing_in_order_is_late_whatever_the_panes_the_lulls_and_the_restarts(
        first in settings(), ahead in -6 * HOUR..60 * SECOND, steps in steps(),
    ) {
        let mut course = Course::new(first, ahead);
        steps.iter().for_each(|step| course.step(step));
        // Every record is accounted for once.
        let closed: u64 = course.closed.iter().map(|pane| pane.accounting.records()).sum();
        prop_assert_eq!(closed + course.windows.sources().records(), course.offset as u64);
        // And a source that is silent has nothing open after a while.
        let Settings { pane, lateness_max, idle_after, future_max, growth, .. } = course.settings;
        let end = course.now + pane + lateness_max + idle_after + future_max;
        course.closed.extend(course.windows.close_idle(EventTime(end)));
        prop_assert_eq!(course.windows.sources().open_panes(), 0);
        // Nor does anybody wait for people for longer than the longest window.
        let end = end + growth.window_max.max(pane);
        course.closed.extend(course.windows.close_idle(EventTime(end)));
        prop_assert_eq!(course.windows.sources().growing(), 0);
        let closed: u64 = course.closed.iter().map(|pane| pane.accounting.records()).sum();
        prop_assert_eq!(closed, course.offset as u64);
    }

    #[test]
    fn a_mark_from_a_clock_that_was_wrong_harms_no_face_that_follows(
        mark in BEGIN + 61 * SECOND..BEGIN + 80 * 365 * DAY, faces in prop::collection::vec(0..30 * SECOND, 1..20),
    ) {
        let mut course = Course::new(SETTINGS, 0);
        course.windows = PartitionWindows::resume(0, SETTINGS, marked(mark));
        for after in faces {
            course.step(&Step::Face(after));
        }
    }
}

/// What an older version may have saved of a source: a mark, and no open pane.
fn marked(mark: i64) -> Sources {
    let source = SourceWindows {
        mark: EventTime(mark),
        ..SourceWindows::new()
    };
    Sources([(SourceId::new("cam"), source)].into())
}

#[test]
fn a_lull_within_a_long_pane_closes_nothing_before_its_end() {
    let settings = Settings {
        pane: HOUR,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    windows.observe(face(0, 10 * SECOND, 0));
    assert_eq!(windows.close_idle(EventTime(HOUR - 1)), []);
    let late = settings.lateness_max;
    assert_eq!(windows.close_idle(EventTime(HOUR + late - 1)), []);
    let closed = windows.close_idle(EventTime(HOUR + late));
    assert_eq!((closed.len(), closed[0].by), (1, ClosedBy::Idle));
}

#[test]
fn silence_does_not_take_from_the_lateness_that_is_allowed() {
    let settings = Settings {
        lateness_max: HOUR,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    windows.observe(face(0, 0, 0));
    windows.observe(face(1, 600 * SECOND, 0));
    windows.close_idle(EventTime(660 * SECOND));
    let mut old = face(2, 30 * SECOND, 0);
    old.received = EventTime(661 * SECOND);
    assert_eq!(windows.observe(old).0, Outcome::Face);
}

#[test]
fn rejects_hold_back_no_faces() {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    windows.observe(face(0, 1_000, 0));
    for second in 1..60 {
        let mut bad = face(second, 2_000, 0);
        bad.received = EventTime(second * SECOND);
        bad.outcome = Err(Reject::Truncated);
        windows.observe(bad);
    }
    let closed = windows.close_idle(EventTime(60 * SECOND));
    assert_eq!(closed[0].accounting.faces, 1);
}

#[test]
fn rejects_of_all_times_open_a_bounded_number_of_panes() {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    let mut closed = Vec::new();
    for offset in 0..5_000 {
        let mut bad = face(offset, offset * 60 * SECOND, 0);
        bad.outcome = Err(Reject::Truncated);
        closed.extend(windows.observe(bad).1);
    }
    assert!(windows.sources().open_panes() <= 256);
    closed.extend(windows.end());
    let records: u64 = closed.iter().map(|pane| pane.accounting.records()).sum();
    assert_eq!(records, 5_000);
}

#[test]
fn a_source_that_is_long_silent_makes_room_for_another() {
    let settings = Settings {
        sources_max: 2,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    let named = |offset, name: &str, time| {
        let mut observation = face(offset, time, 0);
        observation.source = SourceId::new(name);
        observation
    };
    windows.observe(named(0, "a", 0));
    windows.observe(named(1, "b", 2 * HOUR));
    windows.close_idle(EventTime(3 * HOUR));
    windows.observe(named(2, "b", 4 * HOUR));
    assert_eq!(windows.observe(named(3, "c", 4 * HOUR)).0, Outcome::Face);
    assert_eq!(
        windows.take_notes(),
        [(SourceId::new("a"), Note::Forgotten)]
    );
    let full = Outcome::Rejected(Reject::TooManySources);
    assert_eq!(
        windows.observe(named(4, "d", 4 * HOUR)).0,
        full,
        "b and c are there"
    );
}

#[test]
fn an_event_that_comes_twice_counts_once_where_the_config_says_so() {
    let twice = |drops_duplicates| {
        let settings = Settings {
            drops_duplicates,
            ..SETTINGS
        };
        let mut windows = PartitionWindows::new(0, settings);
        [(0, 1_000), (1, 1_000), (2, 12_000)].map(|(offset, time)| {
            let mut observation = face(offset, time, 0);
            observation.id = Some(crate::record::EventId::of(b"0b1e"));
            windows.observe(observation).0
        })
    };
    let again = Outcome::Rejected(Reject::Duplicate);
    assert_eq!(twice(true), [Outcome::Face, again, again]);
    assert_eq!(twice(false), [Outcome::Face; 3]);
}

#[test]
fn an_event_without_an_id_is_no_duplicate() {
    let settings = Settings {
        drops_duplicates: true,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    let outcomes = [0, 1].map(|offset| windows.observe(face(offset, 1_000, 0)).0);
    assert_eq!(outcomes, [Outcome::Face; 2]);
}
