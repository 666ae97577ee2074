//! One person, one vote: people of one class stay ten times longer, and their share should not grow for it.

use anyhow::Context;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

use crate::{
    estimate::{Calibration, CellCounts, Method, estimate},
    record::Attribute,
    window::{Evidence, Tally, TrackEvidence},
};

/// People in a window.
const PEOPLE: usize = 1000;
/// Crops of one person, of the class that stays and of the others.
const LONG: usize = 10;
const SHORT: usize = 1;
/// Windows for each class that stays.
const WINDOWS: usize = 20;

/// The views of one face: its true class, and a posterior a view.
pub(super) struct Person<'a> {
    pub class: usize,
    pub views: Vec<&'a [f32]>,
}

/// How much the share of the class that stayed grows over what it is when everybody is seen once, the mean in points: of
/// the class where that is worst.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct DwellFigures {
    /// Tracks vote, shares corrected.
    pub tracks: f64,
    /// Crops vote, shares corrected: as if there were no track ids.
    pub detections: f64,
    /// Crops vote, predicted labels counted.
    pub naive_detections: f64,
}

/// Windows with the shares of the population.
pub(super) fn run(
    calibration: &Calibration,
    people: &[Person<'_>],
    (attribute, seed): (Attribute, u64),
) -> anyhow::Result<DwellFigures> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut worst = DwellFigures::default();
    for stays in 0..calibration.labels.len() {
        let mut sums = [0.0; 3];
        for _ in 0..WINDOWS {
            let seen = (0..PEOPLE).map(|_| &people[rng.random_range(0..people.len())]);
            let window = Window::of(seen, attribute, stays);
            let share = |tally: &Tally| estimated(calibration, tally.cells(attribute), stays);
            let once = share(&window.once)?;
            let growths = [
                share(&window.tracks)? - once,
                share(&window.crops)? - once,
                counted(&window.crops, attribute, stays) - counted(&window.once, attribute, stays),
            ];
            for (sum, growth) in sums.iter_mut().zip(growths) {
                *sum += 100.0 * growth / WINDOWS as f64;
            }
        }
        worst.tracks = worst.tracks.max(sums[0].abs());
        worst.detections = worst.detections.max(sums[1].abs());
        worst.naive_detections = worst.naive_detections.max(sums[2].abs());
    }
    Ok(worst)
}

/// The votes of the same people, counted in three ways.
#[derive(Default)]
struct Window {
    /// A crop each.
    once: Tally,
    tracks: Tally,
    crops: Tally,
}

impl Window {
    /// People of the class `stays` are seen in `LONG` crops.
    fn of<'a>(
        people: impl Iterator<Item = &'a Person<'a>>,
        attribute: Attribute,
        stays: usize,
    ) -> Self {
        let mut window = Self::default();
        for person in people {
            let count = if person.class == stays { LONG } else { SHORT };
            let mut track = TrackEvidence::default();
            for (number, view) in person.views.iter().cycle().take(count).enumerate() {
                let mut crop = Evidence::default();
                crop.set(attribute, view);
                track.add(&crop);
                window.crops.vote(&crop);
                if number == 0 {
                    window.once.vote(&crop);
                }
            }
            window.tracks.vote_track(&track);
        }
        window
    }
}

fn counted(tally: &Tally, attribute: Attribute, class: usize) -> f64 {
    let counts = tally.counts(attribute);
    counts[class] as f64 / counts.iter().sum::<u64>() as f64
}

fn estimated(calibration: &Calibration, cells: &CellCounts, class: usize) -> anyhow::Result<f64> {
    let counts = cells.dense(calibration.grid());
    let shares = counts.and_then(|counts| estimate(calibration, &counts, Method::default()));
    Ok(shares.context("the calibration cannot tell the classes apart")?[class].share)
}
