//! Which records go to the workers and which past them, and that the fold remembers what was chosen here.

use demograph_core::{
    choose::Choice,
    facts::ModelFacts,
    privacy::{PolicyRules, SourceRules},
    record::{Attribute, EventTime},
    reject::Reject,
    state::{Checkpoint, Saved, Shard, Terms},
    window::{Categories, Settings, Untracked},
};

use super::*;

const SETTINGS: Settings = Settings {
    lateness_max: 10_000,
    untracked: Untracked::Ignore,
    ..Settings::EXAMPLE
};

fn policy() -> Policy {
    let camera = SourceRules {
        id: "cam".into(),
        attributes: vec![Attribute::Gender],
        legal_basis: None,
        calibration: None,
        time_zone: None,
    };
    Policy::new(&PolicyRules::default(), &[camera])
}

fn front(crops_max: u32) -> Front {
    let mut front = Front {
        limits: Limits {
            future_max: 60_000,
            ..Limits::default()
        },
        policy: policy().into(),
        track_key: TrackKey::example(),
        crops_max: CropsMax::new(crops_max),
        spans: SETTINGS.spans(),
        partitions: BTreeMap::new(),
    };
    front.begin(3, &Saved::beginning(0));
    front
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// A record of the time of its offset, in hundredths of a second.
fn record(offset: i64, track: Option<&str>, payload: Vec<u8>) -> Record {
    let time = EventTime(1_000_000 + 100 * offset);
    Record {
        position: Position {
            partition: 3,
            offset,
        },
        timestamp: Some(time),
        received: time,
        key: Some(b"cam".to_vec()),
        headers: track
            .map(|track| ("ce_trackid".to_owned(), Some(track.into())))
            .into_iter()
            .collect(),
        payload,
    }
}

/// What the fold gets: of a candidate, as if the model had answered.
fn observed(looked: Looked) -> (Observation, bool) {
    match looked {
        Looked::Candidate(candidate) => (candidate.observation, true),
        Looked::Done(observation) => (observation, false),
        Looked::Presence(position) => panic!("{position:?} is a face"),
    }
}

/// The choices over so many records of two tracks, and what a shard remembers of them.
fn run(front: &mut Front, shard: &mut Shard, offsets: std::ops::Range<i64>) -> Vec<bool> {
    let choices = offsets.map(|offset| {
        let track = if offset % 3 == 0 { "a" } else { "b" };
        let (observation, is_taken) = observed(front.look(record(offset, Some(track), png(20))));
        shard.apply(observation);
        is_taken
    });
    choices.collect()
}

fn shard(saved: Saved) -> Shard {
    let facts = ModelFacts {
        id: "m@1".into(),
        has_age: false,
        gender: vec!["female".into(), "male".into()],
        ethnicity: Vec::new(),
    };
    let categories = Categories::new(&[0], &facts);
    let terms = Terms::new("m@1", &policy(), categories, &SETTINGS);
    Shard::begin(3, saved, SETTINGS, terms.into(), &TrackKey::example())
}

fn saved(checkpoint: &Checkpoint) -> Saved {
    Saved::decode(&checkpoint.saved).unwrap()
}

#[test]
fn a_restart_from_any_checkpoint_chooses_as_before_however_far_ahead_the_front_was() {
    let mut whole_shard = shard(Saved::beginning(0));
    let whole = run(&mut front(3), &mut whole_shard, 0..300);
    assert!(whole.iter().any(|taken| *taken) && whole.iter().any(|taken| !*taken));
    for at in [0, 1, 2, 40, 99, 100, 101, 250] {
        let (mut before, mut folded) = (front(3), shard(Saved::beginning(0)));
        let first = run(&mut before, &mut folded, 0..at);
        // Read ahead, and lost.
        for offset in at..at + 30 {
            before.look(record(offset, Some("a"), png(20)));
        }
        let kept = saved(&folded.checkpoint(EventTime(0), false));
        let mut after = front(3);
        after.begin(3, &kept);
        let rest = run(&mut after, &mut shard(kept), at..300);
        assert_eq!([first, rest].concat(), whole, "{at}");
    }
}

#[test]
fn spared_crops_and_rejects_go_past_the_workers() {
    let mut front = front(3);
    let mut look = |offset, track, payload| observed(front.look(record(offset, track, payload)));
    let (first, is_candidate) = look(0, Some("a"), png(20));
    assert!(
        is_candidate
            && first
                .judged
                .is_some_and(|judged| judged.choice == Choice::Taken)
    );
    let (second, is_candidate) = look(1, Some("a"), png(20));
    assert!(!is_candidate && second.is_spared() && second.outcome.is_ok());
    let (better, is_candidate) = look(2, Some("a"), png(22));
    assert!(is_candidate, "by more than a fifth: {better:?}");
    let (empty, is_candidate) = look(3, Some("a"), Vec::new());
    assert_eq!((empty.outcome, is_candidate), (Err(Reject::Empty), false));
}

#[test]
fn a_presence_event_is_no_face_and_takes_no_place_of_its_track() {
    let mut front = front(1);
    let mut presence = record(0, Some("a"), b"{}".to_vec());
    let kind = ("ce_type".to_owned(), Some(event::PRESENCE_TYPE.into()));
    presence.headers.push(kind);
    let position = presence.position;
    assert!(matches!(front.look(presence), Looked::Presence(at) if at == position));
    let (_, is_candidate) = observed(front.look(record(1, Some("a"), png(20))));
    assert!(is_candidate, "the first crop of its track");
}

#[test]
fn crops_without_a_track_and_crops_that_the_decoder_will_reject_are_not_judged() {
    let mut front = front(1);
    for offset in 0..5 {
        let (seen, is_candidate) = observed(front.look(record(offset, None, png(20))));
        assert!(is_candidate && seen.judged.is_none(), "{seen:?}");
    }
    for (offset, payload) in [(5, b"no image".to_vec()), (6, png(4)), (7, png(20))] {
        let is_whole = offset == 7;
        let (seen, is_candidate) = observed(front.look(record(offset, Some("a"), payload)));
        assert!(is_candidate, "{offset}: it stands for no other crop");
        assert_eq!(seen.judged.is_some(), is_whole, "{offset}");
    }
}

#[test]
fn where_all_are_taken_none_is_judged_and_a_record_that_comes_again_is_not_judged_twice() {
    let mut all = front(0);
    for offset in 0..5 {
        let (seen, is_candidate) = observed(all.look(record(offset, Some("a"), png(20))));
        assert!(is_candidate && seen.judged.is_none());
    }
    let mut some = front(3);
    some.look(record(0, Some("a"), png(20)));
    let before = some.partitions[&3].chooser.chosen().clone();
    let (again, is_candidate) = observed(some.look(record(0, Some("a"), png(40))));
    assert!(is_candidate && again.judged.is_none());
    assert_eq!(*some.partitions[&3].chooser.chosen(), before);
    some.forget(3);
    let (gone, _) = observed(some.look(record(1, Some("a"), png(20))));
    assert_eq!(gone.judged, None, "of a partition that is not read");
}
