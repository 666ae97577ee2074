//! People by hour, by examples and against a naive sum.

use proptest::prelude::*;

use super::*;
use crate::{people::Newest, periods::Zone, window::Unit};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Noon in UTC.
const NOON: i64 = 20_000 * DAY + 12 * HOUR;

fn cam() -> SourceId {
    SourceId::new("cam")
}

fn window(start: i64, end: i64, tracks: u64, stayed: u64) -> ReleasedWindow {
    ReleasedWindow {
        tracks,
        stayed,
        votes: tracks,
        ..ReleasedWindow::empty(start, end)
    }
}

fn crowd(zone: &str) -> Crowd {
    let zones = Zones {
        default: Zone::named(zone).unwrap(),
        ..Zones::default()
    };
    Crowd::new(zones, Untracked::Ignore)
}

/// The people of the camera after these windows.
fn people(crowd: &mut Crowd, windows: &[ReleasedWindow], now: i64) -> People {
    for window in windows {
        crowd.add(&cam(), window, EventTime(now));
    }
    let (source, people) = crowd.changed().remove(0);
    assert_eq!(source, cam());
    people.unwrap()
}

#[test]
fn who_stays_over_the_end_of_a_window_is_counted_in_the_hour_in_which_he_came() {
    let windows = [
        window(NOON - HOUR, NOON - 10 * MINUTE, 100, 0),
        window(NOON - 10 * MINUTE, NOON + MINUTE, 60, 40),
        window(NOON + MINUTE, NOON + 20 * MINUTE, 70, 5),
    ];
    let people = people(&mut crowd("UTC"), &windows, NOON + HOUR);
    let now = EventTime(NOON + 30 * MINUTE);
    let hours = BTreeMap::from([(EventTime(NOON - HOUR), 120), (EventTime(NOON), 65)]);
    assert_eq!(people.hours(now), hours);
    let (date, today) = people.today(now);
    assert_eq!((date.to_string().as_str(), today), ("2024-10-04", 185));
    let newest = Newest {
        from: EventTime(NOON + MINUTE),
        until: EventTime(NOON + 20 * MINUTE),
        people: 70,
    };
    assert_eq!(people.newest(), Some(newest));
    assert_eq!(people.since(now), None);
    assert!(!people.has_untracked());
}

#[test]
fn today_begins_at_midnight_by_the_clock_of_the_source() {
    // Half past five hours ahead: there it is half past five in the afternoon.
    let midnight = NOON + 6 * HOUR + 30 * MINUTE;
    let windows = [
        window(midnight - MINUTE, midnight + MINUTE, 30, 0),
        window(midnight + MINUTE, midnight + 2 * MINUTE, 20, 0),
    ];
    let people = people(&mut crowd("Asia/Kolkata"), &windows, midnight + HOUR);
    let (date, today) = people.today(EventTime(midnight));
    assert_eq!((date.to_string().as_str(), today), ("2024-10-05", 20));
    assert_eq!(people.today(EventTime(midnight - 1)).1, 30);
    assert_eq!(people.zone(), "Asia/Kolkata");
    // Its hours begin at half past in UTC.
    let starts: Vec<i64> = people
        .hours(EventTime(midnight))
        .keys()
        .map(|start| start.0)
        .collect();
    assert_eq!(starts, [midnight - HOUR, midnight]);
}

#[test]
fn what_was_released_before_the_service_began_is_said_to_be_missing() {
    let mut crowd = crowd("UTC");
    crowd.begin(0, Some(EventTime(NOON)));
    let windows = [window(NOON, NOON + MINUTE, 30, 0)];
    let known = people(&mut crowd, &windows, NOON + HOUR);
    assert_eq!(
        known.since(EventTime(NOON + HOUR)),
        Some(EventTime(NOON)),
        "since then"
    );
    // A day and an hour later nothing is missing that is shown.
    assert_eq!(known.since(EventTime(NOON + 26 * HOUR)), None);
}

#[test]
fn faces_without_a_track_that_vote_are_said_to_be_more_people() {
    let mut crowd = Crowd::new(Zones::default(), Untracked::Count);
    let untracked = ReleasedWindow {
        unit: Unit::Detections,
        tracks: 0,
        ..window(NOON, NOON + MINUTE, 30, 0)
    };
    let known = people(&mut crowd, &[untracked], NOON + HOUR);
    assert!(known.has_untracked());
    assert_eq!(known.today(EventTime(NOON)).1, 0);
    // Hours of tables say it by their unit.
    for (unit, expected) in [(Unit::Tracks, false), (Unit::Detections, true)] {
        let mut people = People::new(Zone::utc());
        let newest = Newest {
            from: EventTime(NOON),
            until: EventTime(NOON + HOUR),
            people: 9,
        };
        people.add_hour(EventTime(NOON), newest, unit);
        assert_eq!(people.has_untracked(), expected);
    }
}

#[test]
fn partitions_sources_and_old_hours_go() {
    let mut crowd = crowd("UTC");
    let elsewhere = ReleasedWindow {
        partition: 1,
        ..window(NOON, NOON + MINUTE, 5, 0)
    };
    let first = people(&mut crowd, &[window(NOON, NOON + MINUTE, 30, 0)], NOON);
    let both = people(&mut crowd, &[elsewhere], NOON);
    assert_eq!(both.today(EventTime(NOON)).1, 35);
    crowd.forget(1, EventTime(NOON));
    assert_eq!(crowd.changed(), [(cam(), Some(first))]);
    crowd.expire(EventTime(NOON + 25 * HOUR));
    assert_eq!(crowd.changed(), []);
    crowd.expire(EventTime(NOON + 27 * HOUR));
    assert_eq!(crowd.changed(), [(cam(), None)]);
    people(&mut crowd, &[window(NOON, NOON + MINUTE, 30, 0)], NOON);
    crowd.forget_source(&cam(), EventTime(NOON + MINUTE));
    assert_eq!(crowd.changed(), [(cam(), None)]);
    // It comes back: what was forgotten is said to be missing.
    let later = NOON + 2 * MINUTE;
    let again = people(&mut crowd, &[window(NOON, later, 5, 0)], later);
    let since = Some(EventTime(NOON + MINUTE));
    assert_eq!(again.since(EventTime(later)), since);
    crowd.forget_source(&cam(), EventTime(later));
    assert_eq!(crowd.changed(), [(cam(), None)]);
    // From a clock that was ahead.
    crowd.add(
        &cam(),
        &window(NOON + DAY, NOON + DAY + MINUTE, 9, 0),
        EventTime(NOON),
    );
    assert_eq!(crowd.changed(), []);
}

proptest! {
    #[test]
    fn hours_are_the_sums_of_the_windows_that_begin_in_them(
        windows in prop::collection::vec((0i64..1_440, 1i64..90, 0u64..50, 0u64..20, 0i32..2), 1..60),
    ) {
        let windows: Vec<ReleasedWindow> = windows
            .into_iter()
            .map(|(minute, minutes, came, stayed, partition)| {
                let start = NOON - DAY + minute * MINUTE;
                ReleasedWindow {
                    partition,
                    ..window(start, start + minutes * MINUTE, came + stayed, stayed)
                }
            })
            .filter(|window| window.tracks > 0)
            .collect();
        prop_assume!(!windows.is_empty());
        let now = NOON - 1;
        let people = people(&mut crowd("UTC"), &windows, now + HOUR);
        let mut expected: BTreeMap<EventTime, u64> = BTreeMap::new();
        for window in &windows {
            let hour = EventTime(window.start.0.div_euclid(HOUR) * HOUR);
            *expected.entry(hour).or_default() += window.tracks - window.stayed;
        }
        prop_assert_eq!(people.hours(EventTime(now)), expected);
        let ends = windows.iter().map(|window| window.end).max();
        prop_assert_eq!(people.newest().map(|newest| newest.until), ends);
    }
}
