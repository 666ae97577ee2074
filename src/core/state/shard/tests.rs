//! One partition from its beginning to its checkpoints: what is folded, what is due when, what goes on behind a restart.

use super::*;
use crate::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    record::{Attribute, EventId, Position, TrackId},
    reject::Reject,
    state,
    window::{Categories, Evidence, Sources},
};

const SETTINGS: Settings = Settings::EXAMPLE;
const CADENCE: Cadence = Cadence {
    checkpoint: 10_000,
    publish: 60_000,
    rows_max: 2,
    outbox_max: usize::MAX,
};

fn policy() -> Policy {
    Policy::new(&PolicyRules::default(), &[])
}

fn terms(model: &str) -> Arc<Terms> {
    let facts = ModelFacts {
        id: model.into(),
        has_age: true,
        gender: vec!["female".into(), "male".into()],
        ethnicity: vec![],
    };
    let categories = Categories::new(&[0, 18], &facts);
    Arc::new(Terms::new(model, &policy(), categories, &SETTINGS))
}

fn key() -> TrackKey {
    TrackKey::example()
}

fn shard() -> Shard {
    Shard::begin(3, Saved::beginning(5), SETTINGS, terms("m@1"), &key())
}

fn face(offset: i64, time: i64) -> Observation {
    Observation {
        position: Position {
            partition: 3,
            offset,
        },
        received: EventTime(time),
        source: SourceId::new("cam"),
        time: EventTime(time),
        stated: None,
        id: None,
        track: None,
        judged: None,
        outcome: Ok(Evidence::default()),
    }
}

fn saved(checkpoint: &Checkpoint) -> Saved {
    Saved::decode(&checkpoint.saved).unwrap()
}

#[test]
fn the_log_that_is_read_stays_in_the_state() {
    let log = |byte| LogIdentity {
        topic_id: Some([byte; 16]),
        cluster: Some("a".into()),
    };
    let again = |saved: Saved| {
        let mut shard = Shard::begin(3, saved, SETTINGS, terms("m@1"), &key());
        self::saved(&shard.checkpoint(EventTime(0), false))
    };
    let kept = again(Saved::beginning(5).read_from(&log(1)));
    assert_eq!(kept.log, log(1));
    assert_eq!(again(kept.read_from(&log(2))).log, log(1));
}

#[test]
fn what_is_no_record_is_skipped_up_to_the_end_of_the_log() {
    let mut shard = shard();
    assert_eq!(shard.reach(5), 0);
    assert_eq!(shard.reach(8), 3);
    // Old news takes nothing back.
    assert_eq!(shard.reach(7), 0);
    assert_eq!((shard.next_offset(), shard.skipped()), (8, 3));
    let saved = saved(&shard.checkpoint(EventTime(0), false));
    assert!(saved.is_conserved() && saved.ledger.next_offset == 8);
}

#[test]
fn an_offset_that_was_folded_already_is_not_folded_again() {
    let mut shard = shard();
    assert_eq!(shard.apply(face(4, 0)), Applied::Replayed);
    assert!(matches!(
        shard.apply(face(5, 0)),
        Applied::Counted(Outcome::Face, _)
    ));
    assert_eq!(shard.apply(face(5, 0)), Applied::Replayed);
    assert_eq!(shard.next_offset(), 6);
}

#[test]
fn offsets_without_a_record_are_counted_as_skipped() {
    let mut shard = shard();
    shard.apply(face(5, 0));
    shard.apply(face(9, 0));
    assert_eq!((shard.next_offset(), shard.skipped()), (10, 3));
    assert!(saved(&shard.checkpoint(EventTime(0), false)).is_conserved());
}

#[test]
fn presence_events_are_counted_once_and_change_no_window() {
    let at = |offset| Position {
        partition: 3,
        offset,
    };
    let (mut shard, mut without) = (shard(), self::shard());
    shard.apply(face(5, 1_000));
    without.apply(face(5, 1_000));
    assert!(shard.apply_presence(at(6)) && shard.apply_presence(at(8)));
    assert!(!shard.apply_presence(at(6)), "it was counted");
    assert_eq!((shard.next_offset(), shard.skipped()), (9, 1));
    assert!(shard.is_changed());
    let (saved, without) = (
        self::saved(&shard.checkpoint(EventTime(0), false)),
        self::saved(&without.checkpoint(EventTime(0), false)),
    );
    assert_eq!(saved.ledger.presences, 2);
    assert!(saved.is_conserved());
    assert_eq!(saved.sources, without.sources);
    // The next owner counts on.
    let mut next = Shard::begin(3, saved, SETTINGS, terms("m@1"), &key());
    assert!(!next.apply_presence(at(8)) && next.apply_presence(at(9)));
    let saved = self::saved(&next.checkpoint(EventTime(0), true));
    assert_eq!((saved.ledger.presences, saved.is_conserved()), (3, true));
}

#[test]
fn what_is_saved_goes_on_where_it_was() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    shard.apply(face(6, 11_000));
    shard.apply(face(7, 12_000));
    let first = saved(&shard.checkpoint(EventTime(0), false));
    assert_eq!((first.sources.records(), first.outbox.len()), (2, 1));
    assert!(first.is_conserved());
    let mut again = Shard::begin(3, first.clone(), SETTINGS, terms("m@1"), &key());
    assert_eq!(again.apply(face(7, 0)), Applied::Replayed);
    let second = saved(&again.checkpoint(EventTime(0), false));
    assert_eq!(second, first);
}

#[test]
fn an_event_is_known_again_behind_a_restart() {
    let settings = Settings {
        drops_duplicates: true,
        ..SETTINGS
    };
    let event = |offset| Observation {
        id: Some(EventId::of(b"0b1e")),
        ..face(offset, 1_000)
    };
    let mut shard = Shard::begin(3, Saved::beginning(5), settings, terms("m@1"), &key());
    shard.apply(event(5));
    let kept = saved(&shard.checkpoint(EventTime(0), false));
    let mut again = Shard::begin(3, kept, settings, terms("m@1"), &key());
    let rejected = Outcome::Rejected(Reject::Duplicate);
    assert_eq!(again.apply(event(6)), Applied::Counted(rejected, vec![]));
}

#[test]
fn a_publication_leaves_the_outbox_and_enters_the_ledger() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    shard.apply(face(6, 11_000));
    let published = shard.checkpoint(EventTime(0), true);
    assert_eq!(published.publication.as_ref().unwrap().windows.len(), 1);
    let before = saved(&published);
    assert!(before.publish && before.is_conserved() && before.ledger.published == 0);
    let after = saved(&shard.checkpoint(EventTime(0), true));
    assert!(!after.publish && after.is_conserved());
    assert_eq!((after.ledger.published, after.outbox.len()), (1, 0));
    assert_eq!(before.ledger_after(), after.ledger);
}

#[test]
fn a_checkpoint_is_due_at_once_then_by_time_and_a_publication_by_time_or_size() {
    let mut shard = shard();
    let mut due = |now, faces: &[(i64, i64)]| {
        for &(offset, time) in faces {
            shard.apply(face(offset, time));
        }
        let checkpoint = shard.checkpoint_if_due(EventTime(now), CADENCE);
        checkpoint.map(|checkpoint| checkpoint.publication.map(|rows| rows.windows.len()))
    };
    assert_eq!(due(0, &[]), Some(None), "where the partition begins");
    assert_eq!(due(20_000, &[]), None, "nothing happened");
    assert_eq!(due(9_999, &[(5, 1_000)]), None);
    assert_eq!(due(10_000, &[]), Some(None));
    assert_eq!(due(59_999, &[(6, 11_000)]), Some(None));
    assert_eq!(due(119_998, &[]), None, "its row waits since 59,999");
    assert_eq!(due(119_999, &[]), Some(Some(1)));
    assert_eq!(due(120_000, &[(7, 21_000), (8, 31_000)]), Some(Some(2)));
}

#[test]
fn rows_are_published_in_time_however_often_the_partition_moves() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    shard.apply(face(6, 11_000));
    for now in (0..60_000).step_by(20_000) {
        let now = EventTime(now);
        shard.checkpoint_if_due(now, CADENCE);
        let given_up = saved(&shard.checkpoint(now, false));
        shard = Shard::begin(3, given_up, SETTINGS, terms("m@1"), &key());
        assert_eq!(shard.waiting_since(), Some(EventTime(0)));
    }
    let due = shard.checkpoint_if_due(EventTime(60_000), CADENCE);
    assert_eq!(due.unwrap().publication.unwrap().windows.len(), 1);
    assert_eq!(shard.waiting_since(), None);
}

#[test]
fn a_row_that_waits_since_tomorrow_waits_since_now() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    shard.apply(face(6, 11_000));
    shard.checkpoint(EventTime(86_400_000), false);
    let mut due = |now| {
        let due = shard.checkpoint_if_due(EventTime(now), CADENCE);
        due.and_then(|checkpoint| checkpoint.publication).is_some()
    };
    assert!(!due(1_000));
    assert!(due(61_000));
}

fn tracked(offset: i64, track: &str) -> Observation {
    Observation {
        track: Some(TrackId::of(track.as_bytes())),
        id: Some(EventId::of(track.as_bytes())),
        ..face(offset, 1_000)
    }
}

/// What an older version kept of two tracks: no hash has a key.
fn unkeyed(settings: Settings) -> Saved {
    let mut shard = Shard::begin(3, Saved::beginning(5), settings, terms("m@1"), &key());
    shard.apply(tracked(5, "1"));
    shard.apply(tracked(6, "2"));
    let mut saved = saved(&shard.checkpoint(EventTime(0), false));
    let mut windows = PartitionWindows::new(3, settings);
    windows.observe(tracked(5, "1"));
    windows.observe(tracked(6, "2"));
    saved.sources = windows.sources().clone();
    saved.track_key = None;
    Saved::decode(&saved.encode()).unwrap()
}

#[test]
fn open_tracks_of_a_checkpoint_without_a_key_count_once() {
    let kept = unkeyed(SETTINGS);
    let mut shard = Shard::begin(3, kept, SETTINGS, terms("m@1"), &key());
    shard.apply(tracked(7, "1"));
    shard.apply(tracked(8, "3"));
    let closed = shard.end();
    assert_eq!((closed[0].accounting.faces, closed[0].tracks), (4, 3));
}

#[test]
fn tracks_are_guessed_without_a_key_and_not_with_one() {
    let guessed = |saved: &Saved| {
        let sources = saved.sources.0.values();
        let open = sources.flat_map(|source| source.open.values());
        let ids: Vec<TrackId> = open.flat_map(|pane| pane.tracks.keys().copied()).collect();
        assert_eq!(ids.len(), 2);
        let guesses = (0..10_000).map(|n| TrackId::of(n.to_string().as_bytes()));
        guesses.filter(|guess| ids.contains(guess)).count()
    };
    assert_eq!(guessed(&unkeyed(SETTINGS)), 2);
    assert_eq!(guessed(&unkeyed(SETTINGS).keyed(&key())), 0);
}

#[test]
fn an_event_of_a_checkpoint_without_a_key_is_known_again() {
    let settings = Settings {
        drops_duplicates: true,
        ..SETTINGS
    };
    let kept = unkeyed(settings);
    let mut shard = Shard::begin(3, kept, settings, terms("m@1"), &key());
    let again = shard.apply(tracked(7, "1"));
    let duplicate = Outcome::Rejected(Reject::Duplicate);
    assert!(matches!(again, Applied::Counted(outcome, _) if outcome == duplicate));
}

#[test]
fn the_same_log_and_key_give_the_same_state_and_another_key_another_one() {
    let state = |key: &TrackKey| {
        let mut shard = Shard::begin(3, Saved::beginning(5), SETTINGS, terms("m@1"), key);
        shard.apply(tracked(5, "1"));
        saved(&shard.checkpoint(EventTime(0), false))
    };
    assert_eq!(state(&key()), state(&key()));
    let other = TrackKey::of("another key of the tests, no secret").unwrap();
    assert_ne!(state(&key()).sources, state(&other).sources);
    // Whether it was converted or keyed from the beginning.
    let mut shard = Shard::begin(3, Saved::beginning(5), SETTINGS, terms("m@1"), &key());
    shard.apply(tracked(5, "1"));
    shard.apply(tracked(6, "2"));
    let keyed = saved(&shard.checkpoint(EventTime(0), false));
    assert_eq!(unkeyed(SETTINGS).keyed(&key()), keyed);
}

#[test]
fn another_key_cuts_the_open_panes_and_the_rest_goes_on_with_the_new_one() {
    let mut shard = shard();
    shard.apply(tracked(5, "1"));
    let old = saved(&shard.checkpoint(EventTime(0), false));
    let other = TrackKey::of("another key of the tests, no secret").unwrap();
    other.check(old.track_key).unwrap_err();
    let cut = Shard::settle(3, old, &SETTINGS, &other, &terms("m@1"), EventTime(0));
    assert_eq!(cut.publication.as_ref().unwrap().windows[0].tracks, 1);
    let rest = saved(&cut);
    assert!(rest.is_conserved());
    assert_eq!(other.check(rest.track_key), Ok(()));
    let mut next = Shard::begin(3, rest, SETTINGS, terms("m@1"), &other);
    next.apply(tracked(6, "1"));
    assert_eq!(next.end()[0].tracks, 1);
}

#[test]
fn other_terms_cut_the_open_panes_and_publish_them_on_the_old_ones() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    shard.apply(face(6, 11_000));
    let old = saved(&shard.checkpoint(EventTime(0), false));
    let cut = Shard::settle(3, old, &SETTINGS, &key(), &terms("m@2"), EventTime(0));
    assert_eq!(cut.terms.model, "m@1");
    let windows = &cut.publication.as_ref().unwrap().windows;
    assert_eq!(windows.len(), 2);
    assert_eq!(windows[1].by, crate::window::ClosedBy::Change);
    let rest = saved(&cut);
    assert!(rest.is_conserved() && rest.sources.open_panes() == 0);
    // The pane that was cut goes on: nothing of it became late.
    let mut next = Shard::begin(3, rest, SETTINGS, terms("m@2"), &key());
    assert!(matches!(
        next.apply(face(7, 12_000)),
        Applied::Counted(Outcome::Face, _)
    ));
}

#[test]
fn what_was_written_reads_back_and_what_was_damaged_does_not() {
    let mut shard = shard();
    shard.apply(face(5, 1_000));
    let header = state::Header {
        seq: 7,
        parent: Some([1; 32]),
        writer: 9,
        written: EventTime(3),
        previous_publication: Some(2),
    };
    let (bytes, _) = checkpoint::encode(&header, &shard.checkpoint(EventTime(0), false).saved);
    let (read, saved) = checkpoint::decode(&bytes).unwrap();
    assert_eq!(read, header);
    assert_ne!(saved.sources, Sources::default());
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        checkpoint::decode(&damaged).unwrap_err();
        checkpoint::decode(&bytes[..place]).unwrap_err();
    }
}

/// What twenty minutes of a busy partition make its checkpoints hold: 100 cameras, panes of 10 s, a checkpoint every 10 s.
/// The bytes of all checkpoints, the largest, and the publications.
fn busy(outbox_max: usize) -> (usize, usize, usize) {
    const SOURCES: i64 = 100;
    const PANES: i64 = 120;
    const PANE: i64 = 10_000;
    let cadence = Cadence {
        publish: 15 * 60_000,
        rows_max: 100_000,
        outbox_max,
        ..CADENCE
    };
    let settings = Settings {
        sources_max: 1_000,
        ..SETTINGS
    };
    let mut shard = Shard::begin(3, Saved::beginning(0), settings, terms("m@1"), &key());
    let (mut bytes, mut largest, mut publications) = (0, 0, 0);
    for offset in 0..PANES * SOURCES {
        let (pane, source) = (offset / SOURCES, offset % SOURCES);
        let now = EventTime(pane * PANE);
        let mut evidence = Evidence::default();
        evidence.set(Attribute::Gender, &[0.9, 0.1]);
        evidence.set(Attribute::Age, &[0.2, 0.8]);
        shard.apply(Observation {
            source: SourceId::new(&format!("floor-2-camera-{source}")),
            outcome: Ok(evidence),
            ..face(offset, now.0)
        });
        if let Some(checkpoint) = shard.checkpoint_if_due(now, cadence) {
            bytes += checkpoint.saved.len();
            largest = largest.max(checkpoint.saved.len());
            publications += usize::from(checkpoint.publication.is_some());
        }
    }
    (bytes, largest, publications)
}

#[test]
fn an_outbox_of_many_bytes_is_published_before_its_time() {
    const OUTBOX_MAX: usize = 1 << 17;
    /// More than the open panes and the unfinished hours and days take, and what one record puts out.
    const BESIDE: usize = 1 << 16;
    let unbounded = busy(usize::MAX);
    let bounded = busy(OUTBOX_MAX);
    println!("bytes, largest, publications: {unbounded:?} unbounded, {bounded:?} bounded");
    assert!(bounded.1 < OUTBOX_MAX + BESIDE, "{bounded:?}");
    assert!(unbounded.1 > 2 * bounded.1, "{unbounded:?} {bounded:?}");
    assert!(unbounded.0 > 2 * bounded.0, "{unbounded:?} {bounded:?}");
}

/// The next owner of a partition knows the size of the outbox that it takes over.
#[test]
fn an_outbox_keeps_its_size_over_a_restart() {
    let mut first = shard();
    for pane in 0..5 {
        first.apply(face(5 + pane, pane * 10_000));
    }
    let kept = saved(&first.checkpoint(EventTime(0), false));
    let next = Shard::begin(3, kept, SETTINGS, terms("m@1"), &key());
    assert!(first.bytes > 0);
    assert_eq!((next.bytes, next.rows), (first.bytes, first.rows));
}
