//! Single situations. The simulation has all of them at once.

use proptest::prelude::*;

use super::*;

fn face(x: f32, y: f32, size: f32, score: f32) -> Sighting {
    Sighting {
        rect: Rect {
            corner: Point { x, y }.plus(-size / 2.0, -size / 2.0),
            width: size,
            height: size,
        },
        score,
    }
}

fn tracker() -> Tracker {
    Tracker::new(Settings::of((1000, 600)))
}

/// Frames of faces at five a second; the tracks of each.
fn tracks(frames: &[Vec<Sighting>]) -> Vec<Vec<Option<u64>>> {
    let mut tracker = tracker();
    let frames = (0..).zip(frames);
    let step = |(frame, seen): (i64, &Vec<Sighting>)| {
        let step = tracker.step(EventTime(frame * 200), seen);
        step.members
            .into_iter()
            .map(|track| Some(track?.0))
            .collect()
    };
    frames.map(step).collect()
}

#[test]
fn who_moves_by_two_faces_a_frame_is_one_track_from_the_third_sighting_on() {
    let frames: Vec<_> = (0..6)
        .map(|n| vec![face(100.0 + 80.0 * n as f32, 300.0, 40.0, 0.9)])
        .collect();
    let of_all = tracks(&frames).concat();
    assert_eq!(of_all, [None, None, Some(0), Some(0), Some(0), Some(0)]);
}

#[test]
fn two_people_one_behind_the_other_are_two_tracks_from_the_start() {
    // The second comes to the place where the first was: 80 pixels a frame, 80 apart.
    let frames: Vec<_> = (0..6)
        .map(|n| {
            let x = 200.0 + 80.0 * n as f32;
            vec![face(x, 300.0, 40.0, 0.9), face(x - 80.0, 300.0, 40.0, 0.9)]
        })
        .collect();
    for seen in &tracks(&frames)[3..] {
        assert!(
            seen[0].is_some() && seen[1].is_some() && seen[0] != seen[1],
            "{seen:?}"
        );
        assert_eq!(*seen, tracks(&frames)[3]);
    }
}

#[test]
fn who_crosses_another_and_is_hidden_keeps_the_track() {
    // They meet in the seventh frame; one of them is not seen for three frames.
    let frames: Vec<_> = (0..14)
        .map(|n| {
            let (left, right) = (200.0 + 40.0 * n as f32, 720.0 - 40.0 * n as f32);
            let mut seen = vec![face(left, 300.0, 50.0, 0.9)];
            if !(5..8).contains(&n) {
                seen.push(face(right, 306.0, 42.0, 0.9));
            }
            seen
        })
        .collect();
    let tracks = tracks(&frames);
    assert_eq!(tracks[13], tracks[3]);
    assert!(tracks[3].iter().all(Option::is_some));
}

#[test]
fn who_stops_behind_a_pillar_goes_on_with_the_same_track() {
    // Not seen for five frames, meanwhile at rest; then back by the way.
    let frames: Vec<_> = (0..16)
        .map(|n| match n {
            0..5 => vec![face(300.0 + 40.0 * n as f32, 300.0, 40.0, 0.9)],
            5..10 => vec![],
            _ => vec![face(500.0 - 30.0 * (n - 10) as f32, 300.0, 40.0, 0.9)],
        })
        .collect();
    assert_eq!(tracks(&frames)[15], tracks(&frames)[4]);
}

#[test]
fn less_sure_faces_keep_a_track_alive_and_never_begin_one() {
    let of = |score: f32| -> Vec<Vec<Sighting>> {
        (0..9)
            .map(|n| {
                vec![face(
                    100.0 + 30.0 * n as f32,
                    300.0,
                    40.0,
                    if n < 4 { 0.9 } else { score },
                )]
            })
            .collect()
    };
    assert_eq!(tracks(&of(0.5)).concat()[8], Some(0));
    assert_eq!(tracks(&of(0.3)).concat()[8], None);
    let faint: Vec<_> = (0..9)
        .map(|n| vec![face(100.0 + 30.0 * n as f32, 300.0, 40.0, 0.5)])
        .collect();
    assert!(tracks(&faint).concat().iter().all(Option::is_none));
}

#[test]
fn who_has_left_does_not_come_back_as_somebody_else() {
    // One leaves to the right; then another comes in there.
    let frames: Vec<_> = (0..12)
        .map(|n| match n {
            0..5 => vec![face(810.0 + 45.0 * n as f32, 300.0, 40.0, 0.9)],
            5..7 => vec![],
            _ => vec![face(990.0 - 45.0 * (n - 7) as f32, 300.0, 40.0, 0.9)],
        })
        .collect();
    let tracks = tracks(&frames);
    assert_eq!((tracks[4][0], tracks[11][0]), (Some(0), Some(1)));
}

#[test]
fn who_comes_in_where_another_is_just_leaving_is_somebody_else() {
    // One goes to the right and is seen at 960 last; in the next frame another comes in at 965, to the left.
    let frames: Vec<_> = (0..12)
        .map(|n| match n {
            0..6 => vec![face(760.0 + 40.0 * n as f32, 300.0, 60.0, 0.9)],
            _ => vec![face(965.0 - 40.0 * (n - 6) as f32, 310.0, 60.0, 0.9)],
        })
        .collect();
    let seen = tracks(&frames);
    assert_eq!((seen[5][0], seen[11][0]), (Some(0), Some(1)));
    // In the middle of the picture a person may turn.
    let back: Vec<_> = (0..12)
        .map(|n| {
            let way = if n < 6 { n } else { 10 - n };
            vec![face(400.0 + 40.0 * way as f32, 300.0, 60.0, 0.9)]
        })
        .collect();
    assert_eq!(tracks(&back)[11][0], Some(0));
}

#[test]
fn who_walks_behind_another_for_more_than_three_seconds_keeps_the_track() {
    // Both go to the right, at nearly the same speed; the smaller one is hidden in 18 frames.
    let frames: Vec<_> = (0..27)
        .map(|n| {
            let mut seen = vec![face(150.0 + 30.0 * n as f32, 300.0, 60.0, 0.9)];
            if !(5..23).contains(&n) {
                seen.push(face(100.0 + 33.0 * n as f32, 306.0, 50.0, 0.9));
            }
            seen
        })
        .collect();
    let tracks = tracks(&frames);
    assert_eq!(tracks[4], [Some(0), Some(1)]);
    assert_eq!(tracks[24], tracks[4]);
    // Nobody stood before who was away for so long.
    let alone: Vec<_> = frames[..23]
        .iter()
        .map(|seen| seen[1..].to_vec())
        .chain(frames[23..].iter().map(|seen| seen[1..].to_vec()))
        .collect();
    assert_eq!(self::tracks(&alone)[26], [Some(1)]);
}

#[test]
fn a_face_at_the_border_where_another_comes_in_is_nobody_s() {
    // One goes to the right and should be at 940 next; another comes in and is seen at 930.
    let frames: Vec<_> = (0..12)
        .map(|n| match n {
            0..6 => vec![face(700.0 + 40.0 * n as f32, 300.0, 60.0, 0.9)],
            _ => vec![face(930.0 - 45.0 * (n - 6) as f32, 308.0, 58.0, 0.9)],
        })
        .collect();
    let seen = tracks(&frames);
    assert_eq!([&seen[5], &seen[6]], [&[Some(0)], &[None]]);
    assert_eq!(seen[11], [Some(1)]);
}

#[test]
fn three_faces_that_were_passed_at_an_uneven_speed_begin_no_track() {
    let begun = |third: f32| {
        let frames = [100.0, 140.0, third].map(|x| vec![face(x, 300.0, 40.0, 0.9)]);
        tracks(&frames)[2][0]
    };
    assert_eq!((begun(185.0), begun(216.0)), (Some(0), None));
}

#[test]
fn a_face_between_two_people_is_nobody_s_and_keeps_the_nearer_track_alive() {
    // They come towards one another, at one height; in the sixth frame one face is seen, where both should be.
    let frames: Vec<_> = (0..10)
        .map(|n| {
            let (left, right) = (300.0 + 40.0 * n as f32, 700.0 - 40.0 * n as f32);
            match n {
                5 => vec![face(left, 303.0, 50.0, 0.9)],
                _ => vec![face(left, 300.0, 50.0, 0.9), face(right, 306.0, 50.0, 0.9)],
            }
        })
        .collect();
    let tracks = tracks(&frames);
    assert_eq!(tracks[5], [None]);
    assert_eq!(tracks[9], tracks[4]);
}

#[test]
fn an_ended_track_says_when_it_was_seen_and_how_often() {
    let mut tracker = tracker();
    let mut ended = Vec::new();
    for n in 0..20 {
        let seen: Vec<_> = (n < 6)
            .then(|| face(300.0 + 10.0 * n as f32, 300.0, 40.0, 0.9))
            .into_iter()
            .collect();
        ended.extend(tracker.step(EventTime(n * 200), &seen).ended);
    }
    let expected = Ended {
        track: TrackNumber(0),
        first: EventTime(0),
        last: EventTime(1000),
        sightings: 6,
    };
    assert_eq!(ended, [expected]);
    // Nothing is left; but what begins now has a number of its own.
    assert_eq!(tracker.end_all(), []);
    for n in 20..24 {
        tracker.step(EventTime(n * 200), &[face(300.0, 300.0, 40.0, 0.9)]);
    }
    assert_eq!(tracker.end_all()[0].track, TrackNumber(1));
}

proptest! {
    #[test]
    fn no_two_faces_of_a_frame_are_one_track_and_memory_is_bounded(
        frames in prop::collection::vec(
            prop::collection::vec((0.0f32..1000.0, 0.0f32..600.0, 20.0f32..90.0, 0.3f32..1.0), 0..8), 1..40),
    ) {
        let mut tracker = tracker();
        for (frame, faces) in (0..).zip(&frames) {
            let seen: Vec<_> = faces.iter().map(|&(x, y, size, score)| face(x, y, size, score)).collect();
            let step = tracker.step(EventTime(frame * 200), &seen);
            prop_assert_eq!(step.members.len(), seen.len());
            let mut members: Vec<_> = step.members.into_iter().flatten().collect();
            let count = members.len();
            members.sort();
            members.dedup();
            prop_assert_eq!(members.len(), count);
            // At most the faces of the ten seconds before: two, and eight in which others may have hidden them.
            prop_assert!(tracker.tracks.len() <= 51 * 8);
        }
    }
}
