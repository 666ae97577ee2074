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

/// The mean error of the share of the class that stayed, in points: of the class where it is worst.
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
            let staying = seen.iter().filter(|person| person.class == stays).count();
            let truth = staying as f64 / PEOPLE as f64;
            let (mut tracks, mut crops) = (Tally::default(), Tally::default());
            for person in &seen {
                let count = if person.class == stays { LONG } else { SHORT };
                let mut track = TrackEvidence::default();
                for view in person.views.iter().cycle().take(count) {
                    let mut evidence = Evidence::default();
                    evidence.set(attribute, view);
                    track.add(&evidence);
                    crops.vote(&evidence);
                }
                tracks.vote_track(&track);
            }
            let counted = crops.counts(attribute);
            let naive = counted[stays] as f64 / counted.iter().sum::<u64>() as f64;
            let found =
                [&tracks, &crops].map(|tally| share(calibration, tally.cells(attribute), stays));
            for (sum, share) in sums.iter_mut().zip([found[0], found[1], naive]) {
                *sum += 100.0 * (share - truth) / WINDOWS as f64;
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
