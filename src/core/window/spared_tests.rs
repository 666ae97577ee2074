//! Laws of spared crops: they cast no vote and change nothing else. The windows are those of all crops.

use proptest::prelude::*;

use super::*;
use crate::{
    choose::{Choice, Chooser, CropsMax, Quality, Sight},
    record::Attribute,
    window::laws::SETTINGS,
};

/// A crop: camera, time, track. The same one twice is an event that was sent again.
type Crop = (u8, i64, Option<u8>);

fn observation(offset: i64, (source, time, track): Crop) -> Observation {
    let mut evidence = Evidence::default();
    evidence.set(Attribute::Gender, &[0.75, 0.25]);
    Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(time),
        source: SourceId::new(&format!("cam-{source}")),
        time: EventTime(time),
        stated: None,
        id: Some(EventId::of(format!("{source} {time} {track:?}").as_bytes())),
        track: track.map(|track| TrackId::of(&[source, track])),
        judged: None,
        outcome: Ok(evidence),
    }
}

/// The log as a chooser leaves it.
fn chosen(crops: &[Crop], settings: &Settings, crops_max: Option<u32>) -> Vec<Observation> {
    let mut chooser = Chooser::new(settings.spans());
    let mut received = EventTime::MIN;
    let observations = crops.iter().enumerate().map(|(offset, crop)| {
        let mut seen = observation(offset as i64, *crop);
        received = received.max(seen.time);
        seen.received = received;
        if let (Some(track), Some(crops_max)) = (seen.track, crops_max.and_then(CropsMax::new)) {
            let quality = Quality::of_size((100, 100));
            let sight = Sight {
                source: &seen.source,
                time: seen.time,
                track,
                quality,
            };
            let choice = chooser.choose(&sight, crops_max);
            seen.judged = Some(Judged { quality, choice });
            if choice == Choice::Spared {
                seen.outcome = Ok(Evidence::default());
            }
        }
        seen
    });
    observations.collect()
}

/// Windows, what became of each record, and what was noticed.
type Folded = (Vec<ClosedWindow>, Vec<Outcome>, Vec<Note>);

fn fold(observations: Vec<Observation>, settings: Settings) -> Folded {
    let mut windows = PartitionWindows::new(0, settings);
    let (mut closed, mut outcomes) = (Vec::new(), Vec::new());
    for seen in observations {
        let (outcome, ended) = windows.observe(seen);
        closed.extend(ended);
        outcomes.push(outcome);
    }
    let notes = windows.take_notes().into_iter().map(|(_, note)| note);
    let notes = notes.collect();
    closed.extend(windows.end());
    (closed, outcomes, notes)
}

/// All of a window but what its crops say.
fn bounds(window: &ClosedWindow) -> impl PartialEq + std::fmt::Debug + use<> {
    let accounting = &window.accounting;
    let records = (accounting.seen(), accounting.late, accounting.rejected());
    let offsets = (accounting.first_offset, accounting.next_offset);
    let place = (window.source.clone(), window.start, window.end, window.by);
    (place, records, offsets, (window.tracks, window.votes))
}

fn settings() -> impl Strategy<Value = Settings> {
    let panes = prop::sample::select(vec![1_000i64, 10_000, 15_000]);
    (panes, 0u64..4, any::<bool>()).prop_map(|(pane, people_min, drops_duplicates)| Settings {
        pane,
        lateness_max: 5_000,
        drops_duplicates,
        growth: Growth {
            people_min,
            hour_min: 1,
            rest_min: 1,
            ..Growth::NONE
        },
        ..SETTINGS
    })
}

fn crops() -> impl Strategy<Value = Vec<Crop>> {
    let crop = (
        0u8..2,
        0i64..400,
        prop::option::weighted(0.9, 0u8..3),
        -4_000i64..4_000,
    );
    prop::collection::vec(crop, 0..120).prop_map(|crops| {
        let mut now = 0;
        let crops = crops.into_iter().map(|(source, step, track, disorder)| {
            now += step;
            (source, now + disorder, track)
        });
        crops.collect()
    })
}

proptest! {
    #[test]
    fn windows_hold_the_same_people_whether_crops_are_spared_or_not(
        crops in crops(), settings in settings(), crops_max in 1u32..5
    ) {
        let (all, outcomes, _) = fold(chosen(&crops, &settings, None), settings);
        let (some, spared, _) = fold(chosen(&crops, &settings, Some(crops_max)), settings);
        let as_faces = |outcome: &Outcome| match outcome {
            Outcome::Spared => Outcome::Face,
            other => *other,
        };
        prop_assert_eq!(spared.iter().map(as_faces).collect::<Vec<_>>(), outcomes);
        let of = |windows: &[ClosedWindow]| windows.iter().map(bounds).collect::<Vec<_>>();
        prop_assert_eq!(of(&some), of(&all));
        for (some, all) in some.iter().zip(&all) {
            let votes = |window: &ClosedWindow| window.content.tally.counts(Attribute::Gender).to_vec();
            prop_assert_eq!(votes(some), votes(all), "all their crops say the same");
        }
    }
}

#[test]
fn a_person_of_a_thousand_faces_is_named_though_most_are_spared() {
    let crops: Vec<Crop> = (0..1_001).map(|n| (0, 7 * n + 1, Some(0))).collect();
    let (windows, outcomes, notes) = fold(chosen(&crops, &SETTINGS, Some(3)), SETTINGS);
    assert_eq!(notes, [Note::ManyFaces]);
    let spared = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Spared);
    assert_eq!(spared.count(), 998);
    let accounting = &windows[0].accounting;
    assert_eq!((accounting.faces, accounting.spared), (3, 998));
    assert_eq!(accounting.records(), 1_001);
    let at_once: Vec<Crop> = (0..4).map(|_| (0, 501, Some(0))).collect();
    let (_, _, notes) = fold(chosen(&at_once, &SETTINGS, Some(3)), SETTINGS);
    assert_eq!(notes, [Note::SameInstant]);
}

#[test]
fn a_spared_crop_keeps_a_quiet_pane_open_and_closes_those_that_it_passes() {
    let mut log = chosen(
        &[(0, 1_000, Some(0)), (0, 1_500, Some(0))],
        &SETTINGS,
        Some(3),
    );
    log[1].received = EventTime(29_000);
    let mut windows = PartitionWindows::new(0, SETTINGS);
    let outcomes: Vec<Outcome> = log
        .into_iter()
        .map(|seen| windows.observe(seen).0)
        .collect();
    assert_eq!(outcomes, [Outcome::Face, Outcome::Spared]);
    assert!(windows.close_idle(EventTime(58_999)).is_empty());
    assert_eq!(windows.close_idle(EventTime(59_000)).len(), 1);
}
