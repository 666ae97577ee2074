//! Laws of the fold, against a naive group-by.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    record::Attribute,
    window::{Untracked, Weighting},
};

pub(super) const SETTINGS: Settings = Settings {
    lateness_max: 20_000,
    sources_max: 100,
    ..Settings::EXAMPLE
};

pub(super) fn face(offset: i64, time: i64, gender: usize) -> Observation {
    let mut evidence = Evidence::default();
    let mut probabilities = [0.0; 2];
    probabilities[gender] = 1.0;
    evidence.set(Attribute::Gender, &probabilities);
    Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(time),
        source: SourceId::new("cam"),
        time: EventTime(time),
        stated: None,
        id: None,
        track: None,
        judged: None,
        outcome: Ok(evidence),
    }
}

fn fold(observations: impl IntoIterator<Item = Observation>) -> Vec<ClosedWindow> {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    let mut now = EventTime::MIN;
    let mut closed: Vec<_> = observations
        .into_iter()
        .flat_map(|mut observation| {
            // Nothing is received before it happens, and what comes later is received later.
            now = now.max(observation.time);
            observation.received = now;
            windows.observe(observation).1
        })
        .collect();
    closed.extend(windows.end());
    closed
}

/// Pane start -> votes by gender.
fn genders(panes: &[ClosedWindow]) -> BTreeMap<i64, Vec<u64>> {
    panes
        .iter()
        .filter(|pane| pane.votes > 0)
        .map(|pane| {
            (
                pane.start.0,
                pane.content.tally.counts(Attribute::Gender).to_vec(),
            )
        })
        .collect()
}

#[test]
fn a_pane_closes_when_the_watermark_passes_its_end() {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    assert!(windows.observe(face(0, 1_000, 0)).1.is_empty());
    assert!(windows.observe(face(1, 29_999, 0)).1.is_empty());
    let closed = windows.observe(face(2, 30_000, 0)).1;
    assert_eq!(closed.len(), 1);
    assert_eq!(
        (closed[0].start, closed[0].end),
        (EventTime(0), EventTime(10_000))
    );
    assert_eq!(closed[0].by, ClosedBy::Watermark);
    assert_eq!(
        (
            closed[0].accounting.first_offset,
            closed[0].accounting.next_offset
        ),
        (0, 1)
    );
}

#[test]
fn a_late_face_is_counted_as_late_in_the_oldest_open_pane() {
    let panes = fold([face(0, 1_000, 0), face(1, 60_000, 0), face(2, 2_000, 1)]);
    let late: Vec<_> = panes
        .iter()
        .map(|pane| (pane.start.0, pane.accounting.late))
        .collect();
    assert_eq!(late, [(0, 0), (40_000, 1), (60_000, 0)]);
    assert_eq!(
        genders(&panes),
        BTreeMap::from([(0, vec![1, 0]), (60_000, vec![1, 0])])
    );
}

#[test]
fn a_quiet_source_closes_by_the_wall_clock_and_what_follows_begins_another_row() {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    windows.observe(face(0, 1_000, 0));
    assert!(windows.close_idle(EventTime(30_999)).is_empty());
    let closed = windows.close_idle(EventTime(31_000));
    assert_eq!(closed[0].by, ClosedBy::Idle);
    assert_eq!(windows.observe(face(1, 2_000, 0)).0, Outcome::Face);
    let again = windows.end();
    assert_eq!(
        (again[0].start, again[0].accounting.faces),
        (EventTime(0), 1)
    );
}

#[test]
fn a_reject_is_accounted_for_but_moves_no_watermark() {
    let mut windows = PartitionWindows::new(0, SETTINGS);
    windows.observe(face(0, 1_000, 0));
    let mut bad = face(1, 500_000, 0);
    bad.outcome = Err(Reject::Truncated);
    assert_eq!(
        windows.observe(bad),
        (Outcome::Rejected(Reject::Truncated), vec![])
    );
    let drained = windows.end();
    assert_eq!(
        drained
            .iter()
            .map(|pane| pane.accounting.rejected())
            .sum::<u64>(),
        1
    );
    assert_eq!(
        drained
            .iter()
            .map(|pane| pane.accounting.faces)
            .sum::<u64>(),
        1
    );
}

#[test]
fn a_track_has_one_vote_however_long_it_stays() {
    let tracked = |offset, gender| {
        let mut observation = face(offset, 1_000, gender);
        observation.track = Some(TrackId::of(b"1"));
        observation
    };
    let panes = fold([tracked(0, 1), tracked(1, 1), tracked(2, 0)]);
    assert_eq!(
        (panes[0].accounting.faces, panes[0].tracks, panes[0].votes),
        (3, 1, 1)
    );
    assert_eq!(panes[0].unit, Unit::Tracks);
    assert_eq!(panes[0].content.tally.counts(Attribute::Gender), [0, 1]);
}

#[test]
fn weighted_by_dwell_every_crop_of_a_track_votes() {
    let settings = Settings {
        weighting: Weighting::Dwell,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    for (offset, gender) in [(0, 1), (1, 1), (2, 0)] {
        let mut observation = face(offset, 1_000, gender);
        observation.track = Some(TrackId::of(b"1"));
        windows.observe(observation);
    }
    let panes = windows.end();
    assert_eq!((panes[0].tracks, panes[0].votes), (1, 3));
    assert_eq!(panes[0].unit, Unit::Detections);
    assert_eq!(panes[0].content.tally.counts(Attribute::Gender), [1, 2]);
}

/// Closes one pane with so many crops a track, `None` without a track id, all of the gender 1.
fn pane_of(crops: &[(Option<&str>, usize)], settings: Settings) -> ClosedWindow {
    let mut windows = PartitionWindows::new(0, settings);
    let each = crops
        .iter()
        .flat_map(|&(track, n)| std::iter::repeat_n(track, n));
    for (offset, track) in each.enumerate() {
        let mut observation = face(offset as i64, 1_000, 1);
        observation.track = track.map(|track| TrackId::of(track.as_bytes()));
        windows.observe(observation);
    }
    windows.end().remove(0)
}

#[test]
fn a_face_without_a_track_is_a_face_and_casts_no_vote_unless_asked_to() {
    let ignore = Settings {
        untracked: Untracked::Ignore,
        ..SETTINGS
    };
    let alone = pane_of(&[(None, 20)], ignore);
    assert_eq!((alone.accounting.faces, alone.votes), (20, 0));
    assert_eq!(
        alone.content.tally.counts(Attribute::Gender),
        [0, 0],
        "estimated, nobody voted"
    );
    let mixed = [(None, 20), (Some("1"), 3), (Some("2"), 1)];
    let pane = pane_of(&mixed, ignore);
    assert_eq!(
        (pane.accounting.faces, pane.votes, pane.unit),
        (24, 2, Unit::Tracks)
    );
    assert_eq!(pane.content.tally.counts(Attribute::Gender), [0, 2]);
    let counted = pane_of(&mixed, SETTINGS);
    assert_eq!((counted.votes, counted.unit), (22, Unit::Detections));
    assert_eq!(counted.people_unit(), Unit::Detections);
}

#[test]
fn people_stand_behind_dwell_where_every_vote_has_a_track() {
    let dwell = Settings {
        weighting: Weighting::Dwell,
        ..SETTINGS
    };
    let tracked = pane_of(&[(Some("1"), 30), (Some("2"), 5)], dwell);
    assert_eq!(tracked.content.tally.counts(Attribute::Gender), [0, 35]);
    assert_eq!(tracked.content.people(Attribute::Gender), [0, 2]);
    assert_eq!(
        (tracked.unit, tracked.people_unit()),
        (Unit::Detections, Unit::Tracks)
    );
    let mixed = pane_of(&[(Some("1"), 30), (None, 5)], dwell);
    assert_eq!(mixed.content.people(Attribute::Gender), [0, 35]);
    assert_eq!(mixed.people_unit(), Unit::Detections);
    let ignore = Settings {
        untracked: Untracked::Ignore,
        ..dwell
    };
    let ignored = pane_of(&[(Some("1"), 30), (None, 5)], ignore);
    assert_eq!(
        (ignored.votes, ignored.content.people(Attribute::Gender)),
        (30, &[0, 1][..])
    );
    assert_eq!(ignored.people_unit(), Unit::Tracks);
}

#[test]
fn one_source_too_many_is_rejected_under_the_unknown_source() {
    let settings = Settings {
        sources_max: 1,
        ..SETTINGS
    };
    let mut windows = PartitionWindows::new(0, settings);
    windows.observe(face(0, 1_000, 0));
    let mut second = face(1, 1_000, 0);
    second.source = SourceId::new("second");
    assert_eq!(
        windows.observe(second).0,
        Outcome::Rejected(Reject::TooManySources)
    );
    let known: Vec<_> = windows.sources().iter().map(|(id, ..)| id).collect();
    assert!(known.contains(&&SourceId::unknown()) && !known.contains(&&SourceId::new("second")));
}

proptest! {
    #[test]
    fn any_order_within_the_lateness_gives_the_same_panes(
        faces in prop::collection::vec((0i64..15_000, 0usize..2), 1..60).prop_flat_map(|faces| {
            let shuffled = Just(faces.clone()).prop_shuffle();
            (Just(faces), shuffled)
        }),
    ) {
        // All times lie within the allowed lateness of one another, so nothing is late in any order.
        let run = |faces: Vec<(i64, usize)>| {
            genders(&fold(faces.into_iter().enumerate().map(|(n, (time, gender))| face(n as i64, time, gender))))
        };
        prop_assert_eq!(run(faces.0), run(faces.1));
    }

    #[test]
    fn every_record_is_counted_once_whatever_its_time(
        times in prop::collection::vec((0i64..300_000, prop::option::of(0usize..16)), 1..80),
    ) {
        let sent = times.len() as u64;
        let mut naive: BTreeMap<i64, u64> = BTreeMap::new();
        let observations: Vec<_> = times.into_iter().enumerate().map(|(n, (time, reject))| {
            let mut observation = face(n as i64, time, 0);
            match reject {
                Some(reason) => observation.outcome = Err(Reject::ALL[reason]),
                None => *naive.entry(time / 10_000 * 10_000).or_default() += 1,
            }
            observation
        }).collect();
        let panes = fold(observations);
        prop_assert_eq!(panes.iter().map(|pane| pane.accounting.records()).sum::<u64>(), sent);
        let faces: u64 = panes.iter().map(|pane| pane.accounting.faces).sum();
        let late: u64 = panes.iter().map(|pane| pane.accounting.late).sum();
        prop_assert_eq!(faces + late, naive.values().sum::<u64>());
        for pane in &panes {
            prop_assert!(pane.accounting.faces <= naive.get(&pane.start.0).copied().unwrap_or(0));
        }
    }

    #[test]
    fn panes_of_a_source_close_in_order_and_once(times in prop::collection::vec(0i64..300_000, 1..80)) {
        let panes = fold(times.into_iter().enumerate().map(|(n, time)| face(n as i64, time, 0)));
        for pair in panes.windows(2) {
            prop_assert!(pair[0].start < pair[1].start);
        }
    }
}
