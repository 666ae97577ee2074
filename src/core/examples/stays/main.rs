//! Intervals where people stay: how often they hold the truth, for windows, rolling views, hours and days.
//! `cargo run --release -p demograph-core --example stays` prints the table of docs/shares.md.
//!
//! The first two days of a source are not judged: without tracks it has to be known first. Seeded; no IO but the print.

mod held;
mod source;

use demograph_core::window::Weighting;
use rand::{SeedableRng, rngs::StdRng};

use held::{Held, sums, views, votes};
use source::{BEGIN, Kind, PANE, Pool, windows};

/// An hour and a day, in panes.
const HOUR: i64 = 360;
const DAY: i64 = 24 * HOUR;

/// Crops of each kind of source, and the days that are judged at most.
const CROPS: f64 = 12e6;
const DAYS_MAX: f64 = 120.0;
/// Days of one source that are judged, after some to get to know one without tracks.
const DAYS: i64 = 4;
const WARM: i64 = 2;
const CALIBRATIONS: usize = 200;
const FACES: [usize; 3] = [400, 300, 200];
const JUDGED: usize = 120;

fn main() {
    let only: Option<String> = std::env::args().nth(1);
    let scale: f64 = std::env::args()
        .nth(2)
        .map_or(1.0, |scale| scale.parse().expect("a number"));
    let mut random = StdRng::seed_from_u64(19);
    let pool = Pool::new(&mut random);
    let calibrations: Vec<_> = (0..CALIBRATIONS)
        .map(|_| pool.calibration(FACES, &mut random))
        .collect();
    println!(
        "| votes | stay, panes | crops a pane | people a pane | sum of | sums | design effect | interval holds | width | p < 5 % | p < 0.1 % |"
    );
    println!("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|");
    for (name, kind) in kinds() {
        if only
            .as_ref()
            .is_some_and(|only| !name.starts_with(only.as_str()))
        {
            continue;
        }
        let warm = if kind.has_tracks { 0 } else { WARM };
        let a_day = kind.stay * kind.looks * kind.come * DAY as f64;
        let days = (CROPS * scale / a_day).min(DAYS_MAX);
        let sources = (days / DAYS as f64).ceil() as u64;
        let mut found: Vec<(&str, Held)> = [
            "window",
            "view of 1 min",
            "view of 5 min",
            "view of 1 h",
            "hour",
            "day",
        ]
        .map(|sum| (sum, Held::default()))
        .into();
        let mut calibration = calibrations.iter().cycle();
        let mut next = || calibration.next().expect("an endless cycle");
        for seed in 0..sources {
            let mut all = windows(&pool, kind, ((warm + DAYS) * DAY) as u64, seed);
            all.retain(|window| window.start.0 >= BEGIN + warm * DAY * PANE);
            let some = all
                .iter()
                .step_by((all.len() / JUDGED).max(1))
                .map(|one| votes(one).clone());
            let rolling = |panes| {
                let views = views(&all, panes);
                let step = (views.len() / JUDGED).max(1);
                views.into_iter().step_by(step).collect::<Vec<_>>()
            };
            let lists = [
                some.collect(),
                rolling(6),
                rolling(30),
                rolling(HOUR),
                sums(&all, HOUR),
                sums(&all, DAY),
            ];
            for ((_, held), list) in found.iter_mut().zip(lists) {
                list.iter()
                    .for_each(|votes: &demograph_core::estimate::CellCounts| {
                        held.add(votes, next())
                    });
            }
        }
        for (sum, held) in found {
            let (five, permille) = held.alarms();
            println!(
                "| {name} | {} | {} | {} | {sum} | {} | {:.1} | {:.1} % | {:.3} | {:.1} % | {:.2} % |",
                kind.stay,
                kind.looks,
                kind.come,
                held.sums,
                held.design_effect(),
                100.0 * held.coverage(),
                held.width(),
                100.0 * five,
                100.0 * permille,
            );
        }
    }
}

/// Quiet sources, whose windows are longer than people stay, and busy ones, where people stay for many windows.
fn kinds() -> Vec<(&'static str, Kind)> {
    let tracks = |stay, looks, come| Kind {
        stay,
        looks,
        come,
        has_tracks: true,
        weighting: Weighting::People,
        people_min: 100,
    };
    let mut kinds = Vec::new();
    for (stay, looks, come) in [
        (1.0, 5.0, 2.0),
        (6.0, 1.0, 1.0),
        (60.0, 1.0, 0.3),
        (60.0, 1.0, 2.0),
        (6.0, 1.0, 20.0),
    ] {
        kinds.push(("tracks", tracks(stay, looks, come)));
    }
    for (stay, looks, come) in [(1.0, 5.0, 2.0), (6.0, 5.0, 1.0), (60.0, 1.0, 1.0)] {
        let dwell = Kind {
            weighting: Weighting::Dwell,
            ..tracks(stay, looks, come)
        };
        kinds.push(("dwell", dwell));
    }
    for (stay, looks, come) in [
        (1.0, 1.0, 20.0),
        (1.0, 5.0, 8.0),
        (5.0, 5.0, 4.0),
        (20.0, 1.0, 3.0),
        (60.0, 1.0, 2.0),
    ] {
        let without = Kind {
            has_tracks: false,
            ..tracks(stay, looks, come)
        };
        kinds.push(("no tracks", without));
    }
    let a_window_a_pane = Kind {
        has_tracks: false,
        people_min: 10,
        ..tracks(60.0, 1.0, 2.0)
    };
    kinds.push(("no tracks", a_window_a_pane));
    kinds
}
