//! Windows that grow: the shop door that showed nothing, what ends a window, and laws against single panes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    privacy::{Cells, PolicyRules, Thresholds, release},
    record::{Attribute, Position, SourceId, TrackId},
    reject::Reject,
    window::{
        ClosedBy, ClosedWindow, Evidence, Observation, PartitionWindows, Unit, Untracked, Weighting,
    },
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
/// An hour (UTC) begins here.
const BEGIN: i64 = 1_767_225_600_000 + 9 * HOUR;

/// As by default.
fn settings() -> Settings {
    Settings {
        pane: 10 * SECOND,
        lateness_max: 10 * SECOND,
        idle_after: 30 * SECOND,
        future_max: MINUTE,
        untracked: Untracked::Ignore,
        growth: Growth::of(&PolicyRules::default(), Growth::PEOPLE_MIN, 24 * HOUR),
        ..Settings::EXAMPLE
    }
}

fn people_min(people_min: u64) -> Settings {
    Settings {
        growth: Growth::of(&PolicyRules::default(), people_min, 24 * HOUR),
        ..settings()
    }
}

/// A crop of a person at a time.
fn crop(person: u64, time: i64) -> Observation {
    let mut evidence = Evidence::default();
    evidence.set(
        Attribute::Gender,
        &[[0.9, 0.1], [0.1, 0.9]][person as usize % 2],
    );
    Observation {
        position: Position {
            partition: 0,
            offset: 0,
        },
        received: EventTime(time),
        source: SourceId::new("door"),
        time: EventTime(time),
        stated: None,
        id: None,
        track: Some(TrackId::of(&person.to_le_bytes())),
        judged: None,
        outcome: Ok(evidence),
    }
}

/// People who come one after the other, each with 12 crops in 6 s, in the order of their times.
fn door(arrivals: impl IntoIterator<Item = i64>) -> Vec<Observation> {
    let people = arrivals.into_iter().zip(0u64..);
    let mut crops: Vec<_> = people
        .flat_map(|(at, person)| (0..12).map(move |n| crop(person, at + n * 500)))
        .collect();
    crops.sort_by_key(|crop| crop.time);
    crops
}

/// So many people an hour, evenly.
fn every(step: i64, hours: i64) -> Vec<Observation> {
    door((0..hours * HOUR / step).map(|n| BEGIN + n * step + 1_234))
}

#[test]
fn panes_that_only_let_a_window_grow_are_told() {
    let (mut windows, closed) = folded(every(20 * SECOND, 1)[..240].to_vec(), settings());
    assert_eq!(closed, []);
    let [by_watermark, ..] = windows.take_closed();
    assert!(by_watermark > 15, "{by_watermark}");
    assert_eq!(windows.take_closed(), [0; 4]);
    windows.close_idle(EventTime(BEGIN + HOUR));
    assert!(windows.take_closed()[ClosedBy::Idle as usize] > 0);
}

fn folded(crops: Vec<Observation>, settings: Settings) -> (PartitionWindows, Vec<ClosedWindow>) {
    let mut windows = PartitionWindows::new(0, settings);
    let mut closed = Vec::new();
    for (mut crop, offset) in crops.into_iter().zip(0..) {
        crop.position.offset = offset;
        closed.extend(windows.observe(crop).1);
    }
    (windows, closed)
}

fn fold(crops: Vec<Observation>, settings: Settings) -> Vec<ClosedWindow> {
    let (mut windows, mut closed) = folded(crops, settings);
    closed.extend(windows.end());
    closed
}

/// Votes that are shown, of all.
fn shown(windows: Vec<ClosedWindow>) -> (u64, u64) {
    let all = windows.iter().map(|window| window.votes).sum();
    let shown = |window: ClosedWindow| {
        let thresholds = Thresholds::of(&PolicyRules::default(), window.people_unit());
        match &release(window, thresholds).content[0].cells {
            Cells::Shown { counts, .. } => counts.iter().flatten().sum(),
            Cells::Suppressed => 0,
        }
    };
    (windows.into_iter().map(shown).sum(), all)
}

/// Minutes behind the beginning.
fn minutes(window: &ClosedWindow) -> (f64, f64) {
    let minute = |time: EventTime| (time.0 - BEGIN) as f64 / MINUTE as f64;
    (minute(window.start), minute(window.end))
}

#[test]
fn a_shop_door_shows_its_hour_and_counts_each_person_once_a_window() {
    let crops = every(20 * SECOND, 1);
    assert_eq!(
        shown(fold(crops.clone(), people_min(0))).0,
        0,
        "each pane hides its few people"
    );
    let windows = fold(crops, settings());
    let people: Vec<u64> = windows.iter().map(|window| window.tracks).collect();
    assert_eq!(people, [100, 80]);
    let (shown, all) = shown(windows);
    assert!(all <= 182, "{all} votes of 180 people");
    assert!(shown * 100 >= 99 * 180, "{shown} of 180");
}

#[test]
fn who_stands_on_both_sides_of_an_end_has_a_vote_in_both_and_a_pair() {
    let windows = fold(every(2 * SECOND, 1), settings());
    for (place, window) in windows.iter().enumerate() {
        let cells = window.content.tally.cells(Attribute::Gender);
        let repeats = cells.repeats();
        assert_eq!((repeats.windows, repeats.within), (1, 0), "a vote a track");
        assert_eq!(cells.design_effect(), 1.0);
        // Three come in the 6 s that a person stays.
        let stayed = if place == 0 { 0..=0 } else { 2..=3 };
        assert!(stayed.contains(&window.stayed), "{}", window.stayed);
        assert_eq!(repeats.before.iter().sum::<u64>(), window.stayed);
    }
    let people: u64 = windows
        .iter()
        .map(|window| window.tracks - window.stayed)
        .sum();
    assert_eq!(people, 1_800);
}

#[test]
fn an_hour_ends_a_window_of_half_as_many_people_and_not_one_of_fewer() {
    // 60 people in the first hour, then 3 in the first ten minutes of each of the next.
    let first = (0..60).map(|n| BEGIN + n * 50 * SECOND);
    let next = (1..6).flat_map(|hour| (0..3).map(move |n| BEGIN + hour * HOUR + n * 200 * SECOND));
    let (windows, closed) = folded(door(first.chain(next)), settings());
    let [only] = closed.as_slice() else {
        panic!("{closed:?}");
    };
    assert_eq!((only.tracks, minutes(only).0), (60, 0.0));
    assert!(minutes(only).1 <= 60.0);
    assert_eq!(windows.sources().growing(), 1);
}

#[test]
fn the_rest_of_an_hour_of_many_people_needs_no_half_and_so_does_the_rest_of_a_day() {
    let people = |windows: &[ClosedWindow]| -> Vec<u64> {
        windows.iter().map(|window| window.tracks).collect()
    };
    // 140 people in an hour; the next hour begins with one more.
    let hour = (0..140)
        .map(|n| BEGIN + n * 25 * SECOND)
        .chain([BEGIN + HOUR]);
    let (_, closed) = folded(door(hour), settings());
    assert_eq!(people(&closed), [100], "the pane of the hour's end is open");
    // Four people an hour until midnight, and beyond.
    let more = (0..80).map(|n| BEGIN + 6 * HOUR + n * 15 * MINUTE);
    let first = (0..140).map(|n| BEGIN + n * 25 * SECOND);
    let (_, closed) = folded(door(first.chain(more)), settings());
    // One of them stands on both sides of the first end.
    assert_eq!(people(&closed), [100, 41, 36]);
    assert_eq!(minutes(&closed[2]).0, 6.0 * 60.0);
    assert!(minutes(&closed[2]).1 <= 15.0 * 60.0);
}

#[test]
fn the_longest_window_ends_however_few_people_it_has() {
    let settings = Settings {
        growth: Growth {
            window_max: HOUR,
            ..settings().growth
        },
        ..settings()
    };
    let crops = door((0..24).map(|n| BEGIN + n * 10 * MINUTE));
    let windows = fold(crops, settings);
    let lengths: Vec<i64> = windows
        .iter()
        .map(|window| window.end.0 - window.start.0)
        .collect();
    assert!(lengths.iter().all(|&length| length <= HOUR), "{lengths:?}");
    assert_eq!(windows.len(), 4);
}

#[test]
fn a_shop_that_closes_has_its_last_people_when_the_hour_has_passed_and_few_ones_when_the_day_has() {
    let idle = |people: i64, hours: i64| {
        let crops = door((0..people).map(|n| BEGIN + n * 60 * SECOND));
        let (mut windows, closed) = folded(crops, settings());
        assert_eq!(closed, []);
        let mut ended = Vec::new();
        // Until the end of the hour, a minute each, nothing ends.
        for minute in 0..60 {
            ended.extend(windows.close_idle(EventTime(BEGIN + minute * MINUTE)));
        }
        assert_eq!(ended, []);
        assert_eq!(windows.sources().open_panes(), 0);
        ended.extend(windows.close_idle(EventTime(BEGIN + hours * HOUR + 10 * SECOND)));
        ended
    };
    let [evening] = &idle(55, 1)[..] else {
        panic!("55 people");
    };
    assert_eq!((evening.tracks, evening.by), (55, ClosedBy::Idle));
    let (_, end) = minutes(evening);
    assert!(end < 56.0, "what nobody was seen in is no part");
    assert_eq!(idle(12, 1), [], "12 people wait for more");
    assert_eq!(idle(12, 14), []);
    assert_eq!(idle(12, 15)[0].tracks, 12, "midnight");
    assert_eq!(idle(9, 15), [], "they could not be shown");
    assert_eq!(idle(9, 24)[0].tracks, 9);
}

#[test]
fn nobody_is_awaited_where_nobody_votes() {
    let bad = |time| Observation {
        outcome: Err(Reject::Truncated),
        ..crop(0, time)
    };
    let untracked = |time| Observation {
        track: None,
        ..crop(0, time)
    };
    let crops = vec![
        untracked(BEGIN),
        bad(BEGIN + 5 * SECOND),
        untracked(BEGIN + MINUTE),
    ];
    let (_, closed) = folded(crops, settings());
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].accounting.records(), closed[0].votes), (2, 0));
    // Beside people they belong to the window that grows.
    let crops = vec![
        crop(1, BEGIN),
        bad(BEGIN + 15 * SECOND),
        crop(2, BEGIN + MINUTE),
    ];
    let windows = fold(crops, settings());
    assert_eq!(windows.len(), 1);
    assert_eq!((windows[0].accounting.records(), windows[0].tracks), (3, 2));
}

#[test]
fn rejects_ahead_of_the_cameras_clock_draw_no_window_over_faces_to_come() {
    let mut windows = PartitionWindows::new(0, settings());
    let mut ended = Vec::new();
    let mut offset = 0;
    // The camera is half an hour behind, and each of its rejects counts when it was received.
    for second in 0..3_600 {
        let time = BEGIN + second * SECOND;
        let mut seen = crop(second as u64 / 4, time);
        seen.received = EventTime(time + 30 * MINUTE);
        let bad = Observation {
            time: seen.received,
            outcome: Err(Reject::Truncated),
            ..seen.clone()
        };
        for mut record in [seen, bad] {
            record.position.offset = offset;
            offset += 1;
            ended.extend(windows.observe(record).1);
        }
        ended.extend(windows.close_idle(EventTime(time + 30 * MINUTE)));
    }
    let people: Vec<_> = ended.iter().filter(|window| window.votes > 0).collect();
    assert!(people.len() > 5);
    for pair in people.windows(2) {
        assert!(
            pair[0].end <= pair[1].start,
            "{:?}",
            (minutes(pair[0]), minutes(pair[1]))
        );
    }
}

#[test]
fn where_faces_vote_for_themselves_a_window_waits_for_as_many_as_disclosure_control_does() {
    let settings = Settings {
        untracked: Untracked::Count,
        ..settings()
    };
    // A hundred people are a thousand crops, a crop a second: two windows and the rest of the hour.
    let crops = (0..3_000).map(|n| Observation {
        track: None,
        ..crop(n, BEGIN + n as i64 * SECOND)
    });
    let windows = fold(crops.collect(), settings);
    let votes: Vec<u64> = windows.iter().map(|window| window.votes).collect();
    assert_eq!(votes, [1_000; 3]);
    assert!(windows.iter().all(|window| window.unit == Unit::Detections));
    // Weighted by dwell, people are tracks.
    let dwell = Settings {
        weighting: Weighting::Dwell,
        ..settings
    };
    let windows = fold(every(20 * SECOND, 1), dwell);
    assert!(windows[0].tracks >= 100 && windows[0].tracks < 105);
    assert!(windows[0].votes > 1_000);
}

/// What comes to a door, in order of time: gaps between crops, and whose they are.
fn visits() -> impl Strategy<Value = Vec<Observation>> {
    let gap = prop_oneof![20 => 0..5 * SECOND, 2 => 0..2 * MINUTE, 1 => 0..3 * HOUR];
    let what = prop_oneof![8 => (0u64..60).prop_map(Some), 1 => Just(None)];
    let tracked = prop::bool::weighted(0.9);
    prop::collection::vec((gap, what, tracked), 1..400).prop_map(|visits| {
        let mut time = BEGIN + 50 * MINUTE;
        let seen = |(gap, person, is_tracked): (i64, Option<u64>, bool)| {
            time += gap;
            let mut seen = crop(person.unwrap_or(0), time);
            if !is_tracked {
                seen.track = None;
            }
            if person.is_none() {
                seen.outcome = Err(Reject::Truncated);
            }
            seen
        };
        visits.into_iter().map(seen).collect()
    })
}

fn growths() -> impl Strategy<Value = Settings> {
    let untracked = prop::sample::select(vec![Untracked::Ignore, Untracked::Count]);
    let weighting = prop::sample::select(vec![Weighting::People, Weighting::Dwell]);
    let lateness = prop::sample::select(vec![0, 10 * SECOND]);
    let window_max = prop::sample::select(vec![MINUTE, HOUR, 24 * HOUR]);
    (10u64..30, untracked, weighting, lateness, window_max).prop_map(
        |(people_min, untracked, weighting, lateness_max, window_max)| Settings {
            untracked,
            weighting,
            lateness_max,
            growth: Growth::of(&PolicyRules::default(), people_min, window_max),
            ..settings()
        },
    )
}

proptest! {
    /// The naive way: each record in the one window that holds its pane, and each track once in it.
    #[test]
    fn a_window_is_its_panes_added_up_and_a_person_counts_once_in_it(crops in visits(), settings in growths()) {
        let windows = fold(crops.clone(), settings);
        let is_people = |window: &&ClosedWindow| window.votes > 0;
        for pair in windows.iter().filter(is_people).collect::<Vec<_>>().windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        let mut records = 0;
        for window in &windows {
            prop_assert!(window.end.0 - window.start.0 <= settings.growth.window_max.max(settings.pane));
            records += window.accounting.records();
        }
        prop_assert_eq!(records, crops.len() as u64);
        for window in windows.iter().filter(is_people) {
            let seen = crops.iter().filter(|crop| (window.start..window.end).contains(&crop.time));
            let faces: Vec<_> = seen.filter(|crop| crop.outcome.is_ok()).collect();
            prop_assert_eq!(window.accounting.faces, faces.len() as u64);
            let tracks: BTreeSet<_> = faces.iter().filter_map(|crop| crop.track).collect();
            prop_assert_eq!(window.tracks, tracks.len() as u64);
            let untracked = faces.iter().filter(|crop| crop.track.is_none()).count() as u64;
            let votes = match (settings.weighting, settings.untracked) {
                (Weighting::People, Untracked::Ignore) => window.tracks,
                (Weighting::People, Untracked::Count) => window.tracks + untracked,
                (Weighting::Dwell, Untracked::Ignore) => faces.len() as u64 - untracked,
                (Weighting::Dwell, Untracked::Count) => faces.len() as u64,
            };
            prop_assert_eq!(window.votes, votes);
            prop_assert_eq!(window.content.tally.counts(Attribute::Gender).iter().sum::<u64>(), votes);
        }
    }

    /// Sums of windows are what the panes hold, votes of faces without a track among them.
    #[test]
    fn growing_changes_what_is_released_together_and_loses_nothing(crops in visits(), settings in growths()) {
        let totals = |growth: Growth| {
            let windows = fold(crops.clone(), Settings { growth, ..settings });
            let mut rejected: BTreeMap<Reject, u64> = BTreeMap::new();
            let (mut faces, mut late) = (0, 0);
            for window in windows {
                faces += window.accounting.faces;
                late += window.accounting.late;
                for (reason, n) in window.accounting.rejected_by_reason() {
                    *rejected.entry(reason).or_default() += n;
                }
            }
            (faces, late, rejected)
        };
        prop_assert_eq!(totals(settings.growth), totals(Growth::NONE));
    }

    /// Whatever the categories are, the same windows end at the same times: their bounds say nothing of them.
    #[test]
    fn no_category_decides_when_a_window_ends(crops in visits(), settings in growths()) {
        let bounds = |crops: Vec<Observation>| -> Vec<_> {
            let windows = fold(crops, settings);
            windows.iter().map(|window| (window.start, window.end, window.votes)).collect()
        };
        let others: Vec<_> = crops.iter().cloned().map(|mut crop| {
            if let Ok(evidence) = &mut crop.outcome {
                evidence.set(Attribute::Gender, &[0.9, 0.1]);
            }
            crop
        }).collect();
        prop_assert_eq!(bounds(crops), bounds(others));
    }
}
