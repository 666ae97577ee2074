//! What a shard remembers of chosen crops: under keyed hashes, over a restart, and not over a cut.

use super::*;
use crate::{
    choose::{Choice, Judged, Quality},
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    record::{Position, SourceId, TrackId},
    window::{Categories, Evidence, Untracked},
};

const SETTINGS: Settings = Settings {
    lateness_max: 10_000,
    untracked: Untracked::Ignore,
    ..Settings::EXAMPLE
};

fn terms(model: &str) -> Arc<Terms> {
    let facts = ModelFacts {
        id: model.into(),
        has_age: true,
        gender: Vec::new(),
        ethnicity: Vec::new(),
    };
    let policy = Policy::new(&PolicyRules::default(), &[]);
    let categories = Categories::new(&[0, 18], &facts);
    Arc::new(Terms::new(model, &policy, categories, &SETTINGS))
}

fn key() -> TrackKey {
    TrackKey::example()
}

fn crop(offset: i64, choice: Choice) -> Observation {
    let quality = Quality::of_size((20, 20));
    Observation {
        position: Position {
            partition: 3,
            offset,
        },
        received: EventTime(1_000),
        source: SourceId::new("cam"),
        time: EventTime(1_000),
        stated: None,
        id: None,
        track: Some(TrackId::of(b"7")),
        judged: Some(Judged { quality, choice }),
        outcome: Ok(Evidence::default()),
    }
}

/// After one crop was taken and one spared.
fn saved() -> Saved {
    let mut shard = Shard::begin(3, Saved::beginning(0), SETTINGS, terms("m@1"), &key());
    for (offset, choice) in [(0, Choice::Taken), (1, Choice::Spared)] {
        let applied = shard.apply(crop(offset, choice));
        let expected = match choice {
            Choice::Taken => Outcome::Face,
            Choice::Spared => Outcome::Spared,
        };
        assert!(matches!(applied, Applied::Counted(outcome, _) if outcome == expected));
    }
    Saved::decode(&shard.checkpoint(EventTime(0), false).saved).unwrap()
}

#[test]
fn spared_crops_are_accounted_for_and_their_tracks_are_remembered_under_the_key() {
    let saved = saved();
    assert!(saved.is_conserved());
    assert_eq!(saved.sources.records(), 2);
    let tracks: Vec<TrackId> = saved.chosen.sources[&SourceId::new("cam")]
        .tracks
        .keys()
        .copied()
        .collect();
    assert_eq!(tracks, [key().track(TrackId::of(b"7"))]);
}

#[test]
fn what_was_chosen_goes_on_over_a_restart_and_a_record_that_was_folded_is_not_noted_again() {
    let before = saved();
    let mut shard = Shard::begin(3, before.clone(), SETTINGS, terms("m@1"), &key());
    assert_eq!(shard.apply(crop(1, Choice::Taken)), Applied::Replayed);
    let after = Saved::decode(&shard.checkpoint(EventTime(0), false).saved).unwrap();
    assert_eq!(after.chosen, before.chosen);
}

#[test]
fn where_panes_are_cut_everybody_is_chosen_anew() {
    let cut = Shard::settle(3, saved(), &SETTINGS, &key(), &terms("m@2"), EventTime(0));
    let after = Saved::decode(&cut.saved).unwrap();
    assert_eq!(after.chosen.tracks(), 0);
}
