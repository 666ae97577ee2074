//! The short form of the example `stays`: fewer people, some lengths of stay.

#[allow(dead_code, reason = "the example uses more of it")]
mod held;
mod source;

use rand::{SeedableRng, rngs::StdRng};

use self::{
    held::{Held, sums, views, votes},
    source::{BEGIN, Kind, PANE, Pool, windows},
};
use crate::{estimate::CellCounts, privacy::ReleasedWindow, window::Weighting};

const CALIBRATIONS: usize = 40;

/// What lists of sums hold, of so many sources in so many panes; those before are not judged.
fn judged<const N: usize>(
    kind: Kind,
    (sources, before, panes): (u64, i64, i64),
    lists: impl Fn(&[ReleasedWindow]) -> [Vec<CellCounts>; N],
) -> [Held; N] {
    let mut random = StdRng::seed_from_u64(19);
    let pool = Pool::new(0.6, &mut random);
    let calibrations: Vec<_> = (0..CALIBRATIONS)
        .map(|_| pool.calibration([400, 300, 200], &mut random))
        .collect();
    let mut next = calibrations.iter().cycle();
    let mut found = [Held::default(); N];
    for seed in 0..sources {
        let mut all = windows(&pool, kind, (before + panes) as u64, seed);
        all.retain(|window| window.start.0 >= BEGIN + before * PANE);
        for (held, list) in found.iter_mut().zip(lists(&all)) {
            for votes in list {
                held.add(&votes, next.next().expect("an endless cycle"));
            }
        }
    }
    found
}

fn each(windows: &[ReleasedWindow], step: usize) -> Vec<CellCounts> {
    let some = windows.iter().step_by(step);
    some.map(|window| votes(window).clone()).collect()
}

fn says(held: &Held, what: &str) -> String {
    let (five, permille) = held.alarms();
    format!(
        "{what}: {} sums, {:.3} hold, {five:.3} and {permille:.3} alarms, design effect {:.1}",
        held.sums,
        held.coverage(),
        held.design_effect()
    )
}

fn holds(held: &Held, what: &str) {
    let found = says(held, what);
    assert!(held.sums >= 80, "{found}");
    // 95 % and three standard errors of so few sums, whose people are partly the same.
    assert!((0.915..=0.995).contains(&held.coverage()), "{found}");
}

/// Of sums with enough people for the test's approximation.
fn is_calm(held: &Held, what: &str) {
    let (five, permille) = held.alarms();
    // One of 84 sums is 1.2 %.
    assert!(five <= 0.08 && permille <= 0.013, "{}", says(held, what));
}

/// In each pane a window, and people in twelve of them.
#[test]
fn people_who_stay_for_many_windows_count_once_in_their_sums() {
    let kind = Kind {
        stay: 12.0,
        looks: 1.0,
        come: 1.5,
        has_tracks: true,
        weighting: Weighting::People,
        people_min: 10,
    };
    let [one, views, sums] = judged(kind, (6, 20, 600), |all| {
        [each(all, 11), views(all, 30), sums(all, 40)]
    });
    assert_eq!(
        one.design_effect(),
        1.0,
        "a person has one vote in a window"
    );
    assert!(views.design_effect() > 8.0, "{views:?}");
    for (held, what) in [(one, "windows"), (views, "views"), (sums, "sums")] {
        holds(&held, what);
    }
    is_calm(&views, "views");
    is_calm(&sums, "sums");
}

#[test]
fn crops_of_people_who_dwell_count_as_theirs() {
    let kind = Kind {
        stay: 3.0,
        looks: 2.0,
        come: 2.0,
        has_tracks: true,
        weighting: Weighting::Dwell,
        people_min: 20,
    };
    let [one, sums] = judged(kind, (4, 20, 800), |all| [each(all, 2), sums(all, 40)]);
    assert!(one.design_effect() > 4.0, "{one:?}");
    for (held, what) in [(one, "windows"), (sums, "sums")] {
        holds(&held, what);
        is_calm(&held, what);
    }
}

/// Nobody says whose the faces are: how they depend is learnt from the source.
#[test]
fn detections_are_judged_by_how_much_spans_of_time_differ() {
    for (stay, looks) in [(1.0, 1.0), (4.0, 2.0)] {
        let kind = Kind {
            stay,
            looks,
            come: 12.0 / stay / looks,
            has_tracks: false,
            weighting: Weighting::People,
            people_min: 20,
        };
        let [one, sums] = judged(kind, (4, 1_000, 1_000), |all| [each(all, 2), sums(all, 40)]);
        for (held, what) in [(one, "windows"), (sums, "sums")] {
            let what = format!("{what}, {} crops", stay * looks);
            holds(&held, &what);
            is_calm(&held, &what);
        }
    }
}
