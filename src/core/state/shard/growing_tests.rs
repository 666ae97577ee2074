//! A restart in the middle of a window that grows: nothing is lost, nothing counts twice, nobody votes twice.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    record::{Attribute, EventTime, Position, SourceId, TrackId},
    window::{Categories, ClosedBy, Evidence, Growth, Untracked},
};

const HOUR: i64 = 3_600_000;

/// Faces without a track vote.
fn rules() -> PolicyRules {
    PolicyRules {
        untracked: Untracked::Count,
        detections_factor: 2,
        ..PolicyRules::default()
    }
}

fn settings(people_min: u64) -> Settings {
    Settings {
        lateness_max: 10_000,
        growth: Growth::of(&rules(), people_min, 24 * HOUR),
        ..Settings::EXAMPLE
    }
}

/// A partition of which nothing was read, or one that goes on.
fn begin(saved: Saved, people_min: u64) -> Shard {
    let facts = ModelFacts {
        id: "m@1".into(),
        has_age: false,
        gender: vec!["female".into(), "male".into()],
        ethnicity: vec![],
    };
    let settings = settings(people_min);
    let policy = Policy::new(&rules(), &[]);
    let categories = Categories::new(&[0, 18], &facts);
    let terms = Arc::new(Terms::new("m@1", &policy, categories, &settings));
    Shard::begin(3, saved, settings, terms, &TrackKey::example())
}

/// A crop of a person before one of two cameras.
fn crop((offset, time): (i64, i64), (camera, person): (u8, u64)) -> Observation {
    let mut evidence = Evidence::default();
    evidence.set(
        Attribute::Gender,
        &[[0.9, 0.1], [0.2, 0.8]][person as usize % 2],
    );
    Observation {
        position: Position {
            partition: 3,
            offset,
        },
        received: EventTime(time),
        source: SourceId::new(&format!("door-{camera}")),
        time: EventTime(time),
        stated: None,
        id: None,
        track: Some(TrackId::of(&person.to_le_bytes())),
        judged: None,
        outcome: Ok(evidence),
    }
}

fn saved(checkpoint: &Checkpoint) -> Saved {
    let saved = Saved::decode(&checkpoint.saved).unwrap();
    assert!(saved.is_conserved());
    saved
}

/// All that was released when the stream ended, in the order of time.
fn ended(mut shard: Shard) -> Vec<ReleasedWindow> {
    shard.end();
    let last = shard.checkpoint(EventTime(0), true);
    saved(&last);
    let mut released = last.publication.unwrap_or_default().windows;
    released.sort_by(|a, b| (&a.source, a.start).cmp(&(&b.source, b.start)));
    released
}

/// Forty people, one every 20 s, five crops each.
fn morning() -> Vec<Observation> {
    let crops = (0..200).map(|n| crop((n, n / 5 * 20_000 + n % 5 * 500), (0, n as u64 / 5)));
    crops.collect()
}

#[test]
fn a_checkpoint_holds_the_window_that_grows() {
    let mut shard = begin(Saved::beginning(0), 50);
    for crop in morning() {
        shard.apply(crop);
    }
    let kept = saved(&shard.checkpoint(EventTime(0), false));
    assert_eq!((kept.sources.growing(), kept.outbox.len()), (1, 0));
    assert_eq!(kept.sources.records(), 200);
    let again = begin(kept, 50);
    let [window] = &ended(again)[..] else {
        panic!("one window");
    };
    assert_eq!((window.tracks, window.accounting.faces), (40, 200));
}

#[test]
fn windows_of_another_size_begin_anew_and_lose_nothing() {
    let mut shard = begin(Saved::beginning(0), 50);
    for crop in morning() {
        shard.apply(crop);
    }
    let kept = saved(&shard.checkpoint(EventTime(0), false));
    let other = begin(Saved::beginning(0), 80);
    assert_ne!(kept.terms, *other.terms, "they are terms of the rows");
    let key = TrackKey::example();
    let cut = Shard::settle(3, kept, &settings(80), &key, &other.terms, EventTime(0));
    let [window] = &cut.publication.as_ref().unwrap().windows[..] else {
        panic!("one window");
    };
    assert_eq!((window.tracks, window.by), (40, ClosedBy::Change));
    let rest = saved(&cut);
    assert_eq!(rest.sources.growing(), 0);
    let mut next = begin(rest, 80);
    let goes_on = crop((200, 801_000), (0, 40));
    assert!(matches!(
        next.apply(goes_on),
        Applied::Counted(Outcome::Face, _)
    ));
}

#[test]
fn silence_that_only_lets_a_window_grow_is_a_change_to_write_down() {
    let mut shard = begin(Saved::beginning(0), 50);
    shard.apply(crop((0, 0), (0, 0)));
    shard.checkpoint(EventTime(0), false);
    assert_eq!(shard.close_idle(EventTime(60_000)), []);
    assert!(shard.is_changed());
    let kept = saved(&shard.checkpoint(EventTime(0), false));
    assert_eq!((kept.sources.open_panes(), kept.sources.growing()), (0, 1));
}

/// Gaps between crops, which camera, who; the last ten have no track.
fn visits() -> impl Strategy<Value = Vec<Observation>> {
    let gap = prop_oneof![20 => 0i64..4_000, 2 => 0i64..120_000, 1 => 0..2 * HOUR];
    prop::collection::vec((gap, 0u8..2, 0u64..40), 1..250).prop_map(|visits| {
        let mut time = 50 * 60_000;
        let seen = |(offset, (gap, camera, person)): (usize, (i64, u8, u64))| {
            time += gap;
            let mut crop = crop((offset as i64, time), (camera, person));
            crop.track = crop.track.filter(|_| person < 30);
            crop
        };
        visits.into_iter().enumerate().map(seen).collect()
    })
}

proptest! {
    #[test]
    fn whatever_restarts_and_crashes_the_windows_are_the_same(
        log in visits(), crashes in prop::collection::vec((0usize..250, 0usize..30), 0..6), people_min in 10u64..25,
    ) {
        let mut steady = begin(Saved::beginning(0), people_min);
        log.iter().for_each(|crop| drop(steady.apply(crop.clone())));
        let mut shard = begin(Saved::beginning(0), people_min);
        for (place, lost) in crashes {
            let next = shard.next_offset() as usize;
            for crop in log.iter().skip(next).take(place.saturating_sub(next)) {
                shard.apply(crop.clone());
            }
            let kept = saved(&shard.checkpoint(EventTime(0), false));
            // What was folded behind the checkpoint goes with the process.
            let next = shard.next_offset() as usize;
            for crop in log.iter().skip(next).take(lost) {
                shard.apply(crop.clone());
            }
            shard = begin(kept, people_min);
        }
        let next = shard.next_offset() as usize;
        log.iter().skip(next).for_each(|crop| drop(shard.apply(crop.clone())));
        prop_assert_eq!(ended(shard), ended(steady));
    }
}
