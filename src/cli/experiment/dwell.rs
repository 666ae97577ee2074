//! One person, one vote: people of one class stay ten times longer, and their share should not grow for it.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

use crate::{
    estimate::{Calibration, CellCounts, Grid, Method, estimate},
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
) -> DwellFigures {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut worst = DwellFigures::default();
    for stays in 0..calibration.labels.len() {
        let mut sums = [0.0; 3];
        for _ in 0..WINDOWS {
            let seen: Vec<&Person<'_>> = (0..PEOPLE)
                .map(|_| &people[rng.random_range(0..people.len())])
                .collect();
            let (mut once, mut tracks, mut crops): (Tally, Tally, Tally) = Default::default();
            for person in &seen {
                let count = if person.class == stays { LONG } else { SHORT };
                let mut face = Evidence::default();
                face.set(attribute, person.views[0]);
                once.vote(&face);
                let mut track = TrackEvidence::default();
                for view in person.views.iter().cycle().take(count) {
                    let mut evidence = Evidence::default();
                    evidence.set(attribute, view);
                    track.add(&evidence);
                    crops.vote(&evidence);
                }
                tracks.vote_track(&track);
            }
            let estimated = |tally: &Tally| share(calibration, tally.cells(attribute), stays);
            let counted = |tally: &Tally| {
                let counts = tally.counts(attribute);
                counts[stays] as f64 / counts.iter().sum::<u64>() as f64
            };
            let growths = [
                estimated(&tracks) - estimated(&once),
                estimated(&crops) - estimated(&once),
                counted(&crops) - counted(&once),
            ];
            for (sum, growth) in sums.iter_mut().zip(growths) {
                *sum += 100.0 * growth / WINDOWS as f64;
            }
        }
        worst.tracks = worst.tracks.max(sums[0].abs());
        worst.detections = worst.detections.max(sums[1].abs());
        worst.naive_detections = worst.naive_detections.max(sums[2].abs());
    }
    worst
}

/// Without an estimate there is no error that could be measured: the worst is assumed.
fn share(calibration: &Calibration, cells: &CellCounts, class: usize) -> f64 {
    let grid: Grid = calibration.grid();
    let counts = cells.dense(grid).unwrap_or_default();
    let found = estimate(calibration, &counts, Method::default());
    found.map_or(f64::NAN, |shares| shares[class].share)
}
