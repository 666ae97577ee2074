//! How near estimated shares come to the truth, and how often their intervals hold it.
//!
//! Promises: the same seed gives the same figures, but for times.

mod bars;
mod crops;
mod draw;
mod dwell;
mod local;
mod population;
mod report;
mod scatter;
mod tracks;
mod trials;

pub use bars::draw as bars;
pub use crops::{CropFigures, CropsPerTrack};
pub use dwell::DwellFigures;
pub use local::{LocalFigures, LocalReport, run as local};
pub use report::{CoverageFigures, Figures, Report};
pub use tracks::TrackFigures;

use anyhow::{Context, ensure};
use demograph_core::record::Attribute;

use self::{dwell::Person, tracks::Trial, trials::Trials};
use crate::measure::Answered;

/// How much to draw, and what from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the split that calibrates is called, and the population's.
    pub splits: [String; 2],
    /// Draws of shares.
    pub tvd_draws: u32,
    /// Draws of calibration set and windows.
    pub coverage_draws: u32,
    /// Draws of calibration set and windows, for the ways in which a track can vote and for the crops that are taken.
    pub track_draws: u32,
    /// How many crops of a track are taken, in turn.
    pub crops_per_track: Vec<CropsPerTrack>,
    /// What the draws begin with.
    pub seed: u64,
}

/// Draws from the population, which comes in several views: the faces as they are first.
pub fn run(
    calibration: &Answered,
    views: &[Answered],
    settings: &Settings,
) -> anyhow::Result<Report> {
    let population = views.first().context("a population has a first view")?;
    let [calibration_split, population_split] = &settings.splits;
    let mut report = Report::new(&calibration.model, calibration_split, population_split);
    for attribute in Attribute::ALL {
        let (known, all) = (calibration.pairs(attribute), population.pairs(attribute));
        if known.is_empty() || all.is_empty() {
            continue;
        }
        let trials = Trials::new(calibration.labels(attribute), &known, &all);
        let mut trials = trials
            .with_context(|| attribute.to_string())?
            .seeded(settings.seed);
        let mut figures = trials.run(settings.tvd_draws, settings.coverage_draws)?;
        let people = people(views, attribute)?;
        let known = trials.calibration();
        figures.dwell_bias_points = dwell::run(known, &people, attribute, settings.seed)?;
        figures.tracks = tracks::run(
            &known.labels,
            &known.faces(),
            &people,
            attribute,
            settings.seed,
            settings.track_draws,
        )?;
        figures.crops = crops::run(
            Trial::new(&known.labels, &people, attribute, settings.seed),
            &known.faces(),
            population.cpu_per_face,
            &settings.crops_per_track,
            attribute,
            settings.track_draws,
        )?;
        report.heads.insert(attribute.name(), figures);
    }
    Ok(report)
}

/// The picture of estimated shares against true ones.
pub fn scatter(report: &Report) -> String {
    let dots = report.heads.iter();
    scatter::draw(dots.map(|(head, figures)| (*head, figures.dots.as_slice())))
}

/// The faces with their views.
fn people(views: &[Answered], attribute: Attribute) -> anyhow::Result<Vec<Person<'_>>> {
    let pairs: Vec<_> = views.iter().map(|view| view.pairs(attribute)).collect();
    let faces = pairs[0].len();
    ensure!(
        pairs.iter().all(|view| view.len() == faces),
        "some view of a face could not be used"
    );
    let person = |face: usize| Person {
        class: pairs[0][face].0,
        views: pairs.iter().map(|view| view[face].1).collect(),
    };
    Ok((0..faces).map(person).collect())
}
