//! Examples of the rule, and what holds for any crops in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SPANS: Spans = Spans {
    pane: 10_000,
    lateness_max: 30_000,
};

/// A crop: the number of its camera, when it was seen, the number of its track, its quality.
#[derive(Debug, Clone, Copy)]
struct Crop {
    source: u8,
    time: i64,
    track: u8,
    quality: u32,
}

fn crop(time: i64, quality: u32) -> Crop {
    Crop {
        source: 0,
        time,
        track: 0,
        quality,
    }
}

fn with_sight<T>(crop: &Crop, use_it: impl FnOnce(&Sight<'_>) -> T) -> T {
    use_it(&Sight {
        source: &SourceId::new(&format!("cam-{}", crop.source)),
        time: EventTime(crop.time),
        track: TrackId::of(&[crop.source, crop.track]),
        quality: Quality::of_size((crop.quality, 100)),
    })
}

fn most(crops: u32) -> CropsMax {
    CropsMax::new(crops).unwrap()
}

fn chosen(chooser: &mut Chooser, crops: &[Crop], crops_max: u32) -> Vec<Choice> {
    let choose = |crop| with_sight(crop, |sight| chooser.choose(sight, most(crops_max)));
    crops.iter().map(choose).collect()
}

/// The times of those that are taken, at most three a span.
fn times(crops: &[Crop]) -> Vec<i64> {
    let choices = chosen(&mut Chooser::new(SPANS), crops, 3);
    let taken = crops
        .iter()
        .zip(choices)
        .filter(|(_, choice)| *choice == Choice::Taken);
    taken.map(|(crop, _)| crop.time).collect()
}

/// A crop each so many milliseconds, all as good.
fn passage(from: i64, until: i64, step: usize) -> Vec<Crop> {
    let times = (from..until).step_by(step);
    times.map(|time| crop(time, 100)).collect()
}

#[test]
fn of_a_person_who_stays_one_crop_in_a_third_of_the_span_is_taken() {
    assert_eq!(times(&passage(0, 10_000, 100)), [0, 3_400, 6_800]);
    let exactly = [crop(0, 1), crop(3_332, 1), crop(3_333, 1)];
    assert_eq!(times(&exactly), [0, 3_333]);
    let all = times(&passage(0, 60_000, 100));
    assert_eq!(all.len(), 18, "{all:?}");
}

#[test]
fn a_crop_is_taken_that_is_better_by_a_fifth_until_there_are_three() {
    let crops = [100, 119, 120, 143, 144, 300, 900].into_iter().enumerate();
    let crops: Vec<Crop> = crops.map(|(n, quality)| crop(n as i64, quality)).collect();
    assert_eq!(times(&crops), [0, 2, 4]);
}

#[test]
fn an_older_crop_that_is_better_does_not_set_the_clock_back() {
    let crops = [
        crop(0, 100),
        crop(2_500, 100),
        crop(100, 130),
        crop(2_700, 100),
    ];
    let choices = chosen(&mut Chooser::new(SPANS), &crops, 4);
    assert_eq!(choices[2..], [Choice::Taken, Choice::Spared]);
}

#[test]
fn who_walks_from_one_span_into_the_next_has_one_crop_of_it_and_is_not_counted_anew() {
    assert_eq!(times(&passage(8_500, 11_500, 100)), [8_500, 10_000]);
    assert_eq!(times(&passage(5_000, 15_000, 100)), [5_000, 8_400, 10_000]);
    let better: Vec<Crop> = (0..30)
        .map(|n| crop(9_000 + 100 * n, 100 + 30 * n as u32))
        .collect();
    assert_eq!(
        times(&better),
        [9_000, 9_100, 9_200, 10_000],
        "and none for the sake of quality"
    );
}

#[test]
fn who_comes_back_after_long_begins_anew() {
    let back = [passage(0, 1_000, 100), passage(300_000, 301_000, 100)].concat();
    assert_eq!(times(&back), [0, 300_000]);
    let better = [crop(0, 900), crop(300_000, 100), crop(300_100, 120)];
    assert_eq!(
        times(&better),
        [0, 300_000, 300_100],
        "the old best is no measure"
    );
}

#[test]
fn a_late_crop_is_taken_and_stands_for_no_other() {
    let late = [20_000, 50_000, 9_999, 9_999].map(|time| crop(time, 100));
    assert_eq!(times(&late).len(), 4);
    let in_time = [crop(49_999, 100), crop(10_000, 100), crop(10_001, 100)];
    assert_eq!(
        times(&in_time),
        [49_999, 10_000],
        "a span before the newest"
    );
}

#[test]
fn tracks_are_forgotten_once_nothing_of_them_can_come_in_time() {
    let mut chooser = Chooser::new(SPANS);
    let mut crops: Vec<Crop> = (0..200u8)
        .map(|track| Crop {
            track,
            ..crop(0, 1)
        })
        .collect();
    chosen(&mut chooser, &crops, 3);
    assert_eq!(chooser.chosen().tracks(), 200);
    crops = vec![crop(39_999, 1), crop(40_000, 1)];
    chosen(&mut chooser, &crops[..1], 3);
    assert_eq!(
        chooser.chosen().tracks(),
        200,
        "one of theirs could still come"
    );
    chosen(&mut chooser, &crops[1..], 3);
    assert_eq!(chooser.chosen().tracks(), 1);
}

#[test]
fn who_walks_on_is_not_forgotten_while_ten_seconds_are_counted() {
    let spans = Spans {
        lateness_max: 0,
        ..SPANS
    };
    let other = Crop {
        track: 1,
        ..crop(10_100, 1)
    };
    let crops = [
        crop(9_500, 100),
        other,
        crop(10_200, 100),
        crop(10_300, 200),
    ];
    let choices = chosen(&mut Chooser::new(spans), &crops, 2);
    assert_eq!(choices[3], Choice::Spared, "two are taken since 9.5 s");
}

#[test]
fn those_who_are_gone_take_no_room() {
    let mut chooser = Chooser::new(SPANS).with_room(2);
    for track in 0..10u8 {
        let one = Crop {
            track,
            ..crop(100_000 * i64::from(track), 1)
        };
        let choices = chosen(&mut chooser, &[one, one], 3);
        assert_eq!(choices, [Choice::Taken, Choice::Spared]);
    }
}

#[test]
fn where_all_are_forgotten_for_want_of_room_nobody_loses_a_crop() {
    let crops: Vec<Crop> = (0..5)
        .flat_map(|_| {
            (0..20u8).map(|track| Crop {
                track,
                ..crop(0, 1)
            })
        })
        .collect();
    let mut chooser = Chooser::new(SPANS).with_room(10);
    let choices = chosen(&mut chooser, &crops, 3);
    assert!(choices.iter().all(|choice| *choice == Choice::Taken));
    assert!(chooser.chosen().tracks() <= 10);
    let mut chooser = Chooser::new(SPANS).with_room(20);
    let choices = chosen(&mut chooser, &crops, 3);
    let taken = choices.iter().filter(|choice| **choice == Choice::Taken);
    assert_eq!(taken.count(), 20);
    let mut chooser = Chooser::new(SPANS).with_room(19);
    chosen(&mut chooser, &crops[..20], 3);
    chosen(&mut chooser, &crops[..10], 3);
    let choices = chosen(&mut chooser, &crops[..10], 3);
    let is_spared = |choice: &Choice| *choice == Choice::Spared;
    assert!(choices.iter().all(is_spared), "it remembers anew");
}

#[test]
fn cameras_without_end_take_no_more_room_than_there_is_and_nobody_loses_a_crop() {
    let mut chooser = Chooser::new(SPANS).with_room_for_sources(3);
    for source in 0..20u8 {
        let one = Crop {
            source,
            ..crop(0, 1)
        };
        let choices = chosen(&mut chooser, &[one], 3);
        assert_eq!(choices, [Choice::Taken]);
        let sources = chooser.chosen().sources.len();
        assert!(sources <= 3, "{sources} sources after camera {source}");
    }
    let again: Vec<Crop> = (17..20u8)
        .map(|source| Crop {
            source,
            ..crop(0, 1)
        })
        .collect();
    chosen(&mut chooser, &again, 3);
    let choices = chosen(&mut chooser, &again, 3);
    let is_spared = |choice: &Choice| *choice == Choice::Spared;
    assert!(
        choices.iter().all(is_spared),
        "as many as there is room for"
    );
}

#[test]
fn a_crop_of_a_span_that_is_too_far_back_to_be_remembered_is_taken() {
    let spans = Spans {
        pane: 1_000,
        lateness_max: 600_000,
    };
    let back = |seconds: i64| {
        let crops = [crop(0, 1), crop(1_000 * seconds, 1), crop(0, 1)];
        chosen(&mut Chooser::new(spans), &crops, 3)[2]
    };
    assert_eq!((back(64), back(65)), (Choice::Spared, Choice::Taken));
}

fn crops() -> impl Strategy<Value = Vec<Crop>> {
    let crop = (0u8..3, -15_000i64..60_000, 0u8..4, 50u32..200);
    let crop = crop.prop_map(|(source, time, track, quality)| Crop {
        source,
        time,
        track,
        quality,
    });
    prop::collection::vec(crop, 0..150)
}

fn spans() -> impl Strategy<Value = Spans> {
    let panes = prop::sample::select(vec![1_000i64, 10_000, 15_000, 60_000]);
    let lateness = prop::sample::select(vec![0i64, 3_000, 10_000, 50_000]);
    (panes, lateness).prop_map(|(pane, lateness_max)| Spans { pane, lateness_max })
}

/// Those that are in time when they come, by their own source's clock: place, camera, track, pane, span.
fn in_time(crops: &[Crop], spans: Spans) -> Vec<(usize, (u8, u8, i64, i64))> {
    let mut newest: BTreeMap<u8, i64> = BTreeMap::new();
    let places = crops.iter().enumerate().filter_map(|(place, crop)| {
        let newest = newest.entry(crop.source).or_insert(i64::MIN);
        *newest = crop.time.max(*newest);
        let pane = crop.time.div_euclid(spans.pane);
        let span = (crop.time - pane * spans.pane) / 10_000;
        let is_in_time = (pane + 1) * spans.pane + spans.lateness_max > *newest;
        is_in_time.then_some((place, (crop.source, crop.track, pane, span)))
    });
    places.collect()
}

proptest! {
    #[test]
    fn of_each_track_and_span_one_crop_is_taken_at_least_and_so_many_at_most(
        crops in crops(), spans in spans(), crops_max in 1u32..6
    ) {
        let choices = chosen(&mut Chooser::new(spans), &crops, crops_max);
        let mut taken: BTreeMap<_, u32> = BTreeMap::new();
        for (place, key) in in_time(&crops, spans) {
            *taken.entry(key).or_default() += u32::from(choices[place] == Choice::Taken);
        }
        for (key, taken) in taken {
            prop_assert!((1..=crops_max).contains(&taken), "{key:?}: {taken}");
        }
    }

    #[test]
    fn the_first_crop_of_a_track_and_span_is_the_one_that_is_taken(crops in crops(), spans in spans()) {
        let choices = chosen(&mut Chooser::new(spans), &crops, 2);
        let mut seen = std::collections::BTreeSet::new();
        for (place, key) in in_time(&crops, spans) {
            if seen.insert(key) {
                prop_assert_eq!(choices[place], Choice::Taken);
            }
        }
    }

    #[test]
    fn a_restart_anywhere_chooses_as_if_there_had_been_none(
        crops in crops(), spans in spans(), at in 0usize..150
    ) {
        let whole = chosen(&mut Chooser::new(spans), &crops, 3);
        let (before, after) = crops.split_at(at.min(crops.len()));
        let mut first = Chooser::new(spans);
        chosen(&mut first, before, 3);
        let mut second = Chooser::resume(spans, first.chosen().clone());
        prop_assert_eq!(&chosen(&mut second, after, 3), &whole[before.len()..]);
    }

    #[test]
    fn who_takes_note_knows_the_same_whatever_was_asked_for(
        crops in crops(), spans in spans(), crops_max in 1u32..6
    ) {
        let (mut front, mut fold) = (Chooser::new(spans), Chooser::new(spans));
        for crop in &crops {
            with_sight(crop, |sight| fold.note(sight, front.choose(sight, most(crops_max))));
            prop_assert_eq!(front.chosen(), fold.chosen());
        }
    }

    /// Those that are late by the clock of all are taken in any case: they are left out.
    #[test]
    fn what_other_tracks_and_cameras_send_in_between_makes_no_difference(
        crops in crops(), spans in spans()
    ) {
        let timely: Vec<Crop> = in_time(&crops, spans).into_iter().map(|(place, _)| crops[place]).collect();
        let among_all = chosen(&mut Chooser::new(spans), &timely, 3);
        for source in 0..3 {
            for track in 0..4 {
                let is_own = |crop: &Crop| (crop.source, crop.track) == (source, track);
                let own: Vec<Crop> = timely.iter().copied().filter(is_own).collect();
                let alone = chosen(&mut Chooser::new(spans), &own, 3);
                let among = timely.iter().zip(&among_all).filter(|(crop, _)| is_own(crop));
                let among: Vec<Choice> = among.map(|(_, choice)| *choice).collect();
                prop_assert_eq!(alone, among);
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_lost_at_the_bound(crops in crops(), spans in spans()) {
        let mut chooser = Chooser::new(spans).with_room(3);
        let choices = chosen(&mut chooser, &crops, 2);
        let mut taken: BTreeMap<_, u32> = BTreeMap::new();
        for (place, key) in in_time(&crops, spans) {
            *taken.entry(key).or_default() += u32::from(choices[place] == Choice::Taken);
        }
        prop_assert!(taken.values().all(|&taken| taken > 0));
        prop_assert!(chooser.chosen().tracks() <= 3);
    }
}
