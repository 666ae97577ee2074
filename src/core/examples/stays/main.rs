//! Intervals where people stay: how often they hold the truth, for windows, rolling views, hours and days.
//! `cargo run --release -p demograph-core --example stays` prints the tables of docs/shares.md, after some minutes.
//!
//! The first two days of a source without tracks are judged apart: it has to be known first. Seeded; no IO but the print.

mod held;
mod source;

use demograph_core::{
    estimate::{Calibration, CellCounts},
    privacy::ReleasedWindow,
    window::Weighting,
};
use rand::{SeedableRng, rngs::StdRng};

use held::{Held, sums, views, votes};
use source::{BEGIN, Kind, PANE, Pool, windows};

/// An hour and a day, in panes.
const HOUR: i64 = 360;
const DAY: i64 = 24 * HOUR;
/// Crops of each kind of source, and the days that are judged at most.
const CROPS: f64 = 6e6;
const DAYS_MAX: f64 = 120.0;
/// Days of one source that are judged, after some to get to know one without tracks.
const DAYS: i64 = 4;
const WARM: i64 = 2;
const CALIBRATIONS: usize = 200;
const FACES: [usize; 3] = [400, 300, 200];
/// Sums of a kind that are judged, of each source.
const JUDGED: usize = 120;
/// Days are few, and most of what is unknown of them is the calibration's: each is judged with so many of them.
const CALIBRATIONS_A_DAY: usize = 25;

const SUMS: [&str; 6] = ["window", "1 min", "5 min", "1 h", "hour", "day"];
/// Windows of the first hour of a source, of the next three, and of the rest of its first day.
const FIRST: [(i64, i64); 3] = [(0, HOUR), (HOUR, 4 * HOUR), (4 * HOUR, DAY)];

/// What was found of one kind of source.
#[derive(Default)]
struct Found {
    sums: [Held; SUMS.len()],
    /// Windows and hours, as if all votes were of different people.
    independent: [Held; 2],
    first: [Held; FIRST.len()],
}

fn main() {
    let mut rows = Vec::new();
    for (name, alike, kind) in kinds() {
        let found = judged(alike, kind);
        let head = format!(
            "| {name} | {} | {} | {} | {alike}",
            kind.stay, kind.looks, kind.come
        );
        rows.push((head, found));
    }
    const HEAD: &str = "| votes | stay, panes | crops a pane | people come a pane | alike";
    println!("How often intervals of 95 % hold, in percent:\n");
    println!(
        "{HEAD} | {} | windows, hours as independent |",
        SUMS.join(" | ")
    );
    println!(
        "|---|---:|---:|---:|---:|{}---:|",
        "---:|".repeat(SUMS.len())
    );
    for (head, found) in &rows {
        let [window, hour] = found.independent.map(|held| 100.0 * held.coverage());
        let held = found
            .sums
            .map(|held| format!("{:.1}", 100.0 * held.coverage()));
        println!("{head} | {} | {window:.1}, {hour:.1} |", held.join(" | "));
    }
    println!(
        "\nHow many sums were judged, their design effects, and how often the shift test rejects, in percent:\n"
    );
    println!(
        "{HEAD} | windows, hours, days | design effect | p < 5 %: windows, hours | p < 0.1 % |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (head, found) in &rows {
        let [window, .., hour, day] = &found.sums;
        let (five, permille) = (window.alarms(), hour.alarms());
        println!(
            "{head} | {}, {}, {} | {:.1}, {:.1}, {:.1} | {:.1}, {:.1} | {:.2}, {:.2} |",
            window.sums,
            hour.sums,
            day.sums,
            window.design_effect(),
            hour.design_effect(),
            day.design_effect(),
            100.0 * five.0,
            100.0 * permille.0,
            100.0 * five.1,
            100.0 * permille.1,
        );
    }
    println!("\nWindows of a source's first day without tracks, in percent:\n");
    println!("{HEAD} | first hour | next 3 hours | rest of the day |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (head, found) in rows.iter().filter(|(_, found)| found.first[2].sums > 0) {
        let held = found
            .first
            .map(|held| format!("{:.1}", 100.0 * held.coverage()));
        println!("{head} | {} |", held.join(" | "));
    }
}

fn judged(alike: f32, kind: Kind) -> Found {
    let mut random = StdRng::seed_from_u64(19);
    let pool = Pool::new(alike, &mut random);
    let calibrations: Vec<_> = (0..CALIBRATIONS)
        .map(|_| pool.calibration(FACES, &mut random))
        .collect();
    let mut calibrations = calibrations.iter().cycle();
    let mut add =
        |held: &mut Held, list: &[CellCounts], judge: fn(&mut Held, &CellCounts, &Calibration)| {
            for votes in list {
                judge(held, votes, calibrations.next().expect("an endless cycle"));
            }
        };
    let warm = if kind.has_tracks { 0 } else { WARM };
    let a_day = kind.stay * kind.looks * kind.come * DAY as f64;
    let days = (CROPS / a_day).min(DAYS_MAX);
    let mut found = Found::default();
    for seed in 0..(days / DAYS as f64).ceil() as u64 {
        let mut all = windows(&pool, kind, ((warm + DAYS) * DAY) as u64, seed);
        let since = |pane: i64| BEGIN + pane * PANE;
        if warm > 0 {
            for (held, (from, to)) in found.first.iter_mut().zip(FIRST) {
                let span = since(from)..since(to);
                let begins = |window: &&ReleasedWindow| span.contains(&window.start.0);
                let first: Vec<_> = all.iter().filter(begins).cloned().collect();
                add(held, &some(windows_of(&first)), Held::add);
            }
        }
        all.retain(|window| window.start.0 >= since(warm * DAY));
        let lists = [
            some(windows_of(&all)),
            some(views(&all, 6)),
            some(views(&all, 30)),
            some(views(&all, HOUR)),
            sums(&all, HOUR),
            sums(&all, DAY)
                .into_iter()
                .flat_map(|day| vec![day; CALIBRATIONS_A_DAY])
                .collect(),
        ];
        for (held, list) in found.sums.iter_mut().zip(&lists) {
            add(held, list, Held::add);
        }
        let [window, .., hour, _] = &lists;
        for (held, list) in found.independent.iter_mut().zip([window, hour]) {
            add(held, list, Held::add_independent);
        }
    }
    found
}

fn windows_of(windows: &[ReleasedWindow]) -> Vec<CellCounts> {
    windows.iter().map(|window| votes(window).clone()).collect()
}

/// At equal distances.
fn some(all: Vec<CellCounts>) -> Vec<CellCounts> {
    let step = (all.len() / JUDGED).max(1);
    all.into_iter().step_by(step).collect()
}

/// Quiet sources, whose windows are longer than people stay, and busy ones, where people stay for many windows; and how
/// alike the crops of a person are.
fn kinds() -> Vec<(&'static str, f32, Kind)> {
    let tracks = |stay, looks, come| Kind {
        stay,
        looks,
        come,
        has_tracks: true,
        weighting: Weighting::People,
        people_min: 100,
    };
    let dwell = |stay, looks, come| Kind {
        weighting: Weighting::Dwell,
        ..tracks(stay, looks, come)
    };
    let without = |stay, looks, come| Kind {
        has_tracks: false,
        ..tracks(stay, looks, come)
    };
    let a_window_a_pane = Kind {
        people_min: 10,
        ..without(60.0, 1.0, 2.0)
    };
    vec![
        ("tracks", 0.6, tracks(1.0, 5.0, 2.0)),
        ("tracks", 0.6, tracks(6.0, 1.0, 1.0)),
        ("tracks", 0.6, tracks(60.0, 1.0, 0.3)),
        ("tracks", 0.6, tracks(6.0, 1.0, 20.0)),
        ("tracks", 0.6, tracks(60.0, 1.0, 2.0)),
        ("tracks", 0.0, tracks(6.0, 1.0, 1.0)),
        ("tracks", 1.0, tracks(6.0, 1.0, 1.0)),
        ("dwell", 0.6, dwell(1.0, 5.0, 2.0)),
        ("dwell", 0.6, dwell(6.0, 5.0, 1.0)),
        ("dwell", 0.6, dwell(60.0, 1.0, 1.0)),
        ("dwell", 0.0, dwell(1.0, 5.0, 2.0)),
        ("dwell", 1.0, dwell(1.0, 5.0, 2.0)),
        ("no tracks", 0.6, without(1.0, 1.0, 20.0)),
        ("no tracks", 0.6, without(1.0, 5.0, 4.0)),
        ("no tracks", 0.6, without(5.0, 5.0, 2.0)),
        ("no tracks", 0.6, without(20.0, 1.0, 3.0)),
        ("no tracks", 0.6, without(60.0, 1.0, 1.0)),
        ("no tracks", 0.6, a_window_a_pane),
        ("no tracks", 0.0, without(5.0, 5.0, 2.0)),
        ("no tracks", 1.0, without(5.0, 5.0, 2.0)),
    ]
}
