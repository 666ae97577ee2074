//! One person, one vote: people of one class stay ten times longer, and their share should not grow for it.
//!
//! Every crop is a view of the face, and which one a person shows first is drawn at random for those who stay as for
//! those who do not: else the class that stays would also be the only one in another light, and what the model makes
//! of that would be taken for dwell. That effect is measured beside it (`views`), with one crop a person.

use anyhow::Context;
use demograph_core::{
    estimate::{Calibration, CellCounts, Method, estimate},
    record::Attribute,
    window::{Evidence, Tally, TrackEvidence},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

/// People in a window.
const PEOPLE: usize = 1000;
/// Crops of one person, of the class that stays and of the others.
const LONG: usize = 10;
const SHORT: usize = 1;
/// Windows for each class that stays.
const WINDOWS: usize = 100;

/// The views of one face: its true class, and a posterior a view.
pub(super) struct Person<'a> {
    pub class: usize,
    pub views: Vec<&'a [f32]>,
}

/// How much the share of the class that stayed grows over what it is when everybody is seen once, the mean in points: of
/// the class where that is worst. The same people with and without: what the draw of people does to both is left out.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct DwellFigures {
    /// Tracks vote, shares corrected.
    pub tracks: f64,
    /// Of that mean: what chance does to it.
    pub tracks_standard_error: f64,
    /// Crops vote, shares corrected: as if there were no track ids.
    pub detections: f64,
    /// Crops vote, predicted labels counted.
    pub naive_detections: f64,
    /// One crop a person, but of the class in any view and of the others the face as it is; over all faces as they are.
    pub views: f64,
}

/// Windows with the shares of the population.
pub(super) fn run(
    calibration: &Calibration,
    people: &[Person<'_>],
    attribute: Attribute,
    seed: u64,
) -> anyhow::Result<DwellFigures> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut worst = DwellFigures::default();
    for stays in 0..calibration.labels.len() {
        let mut growths: [Vec<f64>; 4] = Default::default();
        for _ in 0..WINDOWS {
            let seen: Vec<(&Person, usize)> = (0..PEOPLE)
                .map(|_| {
                    let person = &people[rng.random_range(0..people.len())];
                    (person, rng.random_range(0..person.views.len()))
                })
                .collect();
            let window = Window::of(&seen, attribute, stays);
            let share = |tally: &Tally| estimated(calibration, tally.cells(attribute), stays);
            let once = share(&window.once)?;
            let found = [
                share(&window.tracks)? - once,
                share(&window.crops)? - once,
                counted(&window.crops, attribute, stays) - counted(&window.once, attribute, stays),
                share(&window.other_views)? - share(&window.as_is)?,
            ];
            for (list, growth) in growths.iter_mut().zip(found) {
                list.push(100.0 * growth);
            }
        }
        let [tracks, crops, naive, views] = growths.map(|list| Mean::of(&list));
        if tracks.mean.abs() >= worst.tracks {
            worst.tracks = tracks.mean.abs();
            worst.tracks_standard_error = tracks.standard_error;
        }
        worst.detections = worst.detections.max(crops.mean.abs());
        worst.naive_detections = worst.naive_detections.max(naive.mean.abs());
        worst.views = worst.views.max(views.mean.abs());
    }
    Ok(worst)
}

struct Mean {
    mean: f64,
    standard_error: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            standard_error: (squares / (n - 1.0) / n).sqrt(),
        }
    }
}

/// The votes of the same people, counted in several ways.
#[derive(Default)]
struct Window {
    /// A crop each.
    once: Tally,
    tracks: Tally,
    crops: Tally,
    /// A crop each, the face as it is.
    as_is: Tally,
    /// As `as_is`, but those of the class that stays in the view that they show first.
    other_views: Tally,
}

impl Window {
    /// People, and the view that each shows first; those of the class `stays` are seen in `LONG` crops.
    fn of(people: &[(&Person<'_>, usize)], attribute: Attribute, stays: usize) -> Self {
        let crop = |view: &[f32]| {
            let mut crop = Evidence::default();
            crop.set(attribute, view);
            crop
        };
        let mut window = Self::default();
        for &(person, first) in people {
            let long = person.class == stays;
            let count = if long { LONG } else { SHORT };
            let mut track = TrackEvidence::default();
            for view in person.views.iter().cycle().skip(first).take(count) {
                let crop = crop(view);
                track.add(&crop);
                window.crops.vote(&crop);
            }
            window.tracks.vote_track(&track);
            let (as_is, shown) = (crop(person.views[0]), crop(person.views[first]));
            window.once.vote(&shown);
            window.as_is.vote(&as_is);
            window.other_views.vote(if long { &shown } else { &as_is });
        }
        window
    }
}

fn counted(tally: &Tally, attribute: Attribute, class: usize) -> f64 {
    let counts = tally.counts(attribute);
    counts[class] as f64 / counts.iter().sum::<u64>() as f64
}

fn estimated(calibration: &Calibration, cells: &CellCounts, class: usize) -> anyhow::Result<f64> {
    let votes = cells.dense(calibration.grid());
    let shares = votes.and_then(|votes| estimate(calibration, &votes, Method::default()));
    Ok(shares.context("the calibration cannot tell the classes apart")?[class].share)
}
