//! `demograph experiment`: how near estimated shares come to the truth, and how often their intervals hold it.

mod dwell;
mod plot;
mod report;
mod scatter;
mod tracks;
mod trials;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use demograph_core::record::Attribute;

use self::{dwell::Person, report::Report, trials::Trials};
use super::evaluate::{Answered, BandArgs, FaceArgs};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph experiment --data faces.zip --labels faces.csv --out experiment
  demograph experiment --data tests/data/composites --labels tests/data/composites/labels.csv --out small \\
      --calibration-split '' --population-split '' --tvd-draws 20 --coverage-draws 20 --track-draws 5

Errors: windows of 1,000 faces with shares drawn from Dirichlet(1) are taken from the population split, by class; the
calibration is that of the calibration split (emq_fair_calibration: a sample of the population of the same size, so what is
left is chance alone). Coverage: every draw resamples both a calibration set, with the class
sizes of the calibration split, and windows from the population split; the truth is the population's share. Widths are
compared with a parametric bootstrap of the same estimator. An empty split stands for all rows: the faces then judge
themselves, and errors look smaller than they are. Dwell: in windows of 1,000 people of the
population, those of one class are seen ten times, the others once, everybody in views of the face (as it is, mirrored,
cut, lit differently) that begin with any one; the bias is how much its share grows over the same people seen once, for
the class where it grows most. Other views, no dwell: everybody is seen once, those of the class in any view, the others
as they are; what other light does to a share. Tracks: in windows of 1,000 tracks every person is seen in 1, 3, 10 or 30
such views, or only those of the rarest class 30 times; ways to make one vote of a track, each corrected by a calibration of
single crops: spread over the crops' cells (as the service does), their product, the mean of their logarithms, the product
divided by the prior for every crop but one. Writes experiment.json, experiment.svg (errors by method) and
shares.svg (estimated against true).")]
pub(super) struct ExperimentArgs {
    #[command(flatten)]
    faces: FaceArgs,
    #[command(flatten)]
    bands: BandArgs,
    /// The split that calibrates.
    #[arg(long, default_value = "val")]
    calibration_split: String,
    /// The split that is the population.
    #[arg(long, default_value = "test")]
    population_split: String,
    /// Where the results go; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Draws of shares.
    #[arg(long, default_value_t = 200, value_name = "N")]
    tvd_draws: u32,
    /// Draws of calibration set and windows.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    coverage_draws: u32,
    /// Draws of calibration set and windows for the ways in which a track can vote.
    #[arg(long, default_value_t = 200, value_name = "N")]
    track_draws: u32,
    /// What the draws begin with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: ExperimentArgs) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("make the folder {}", args.out.display()))?;
    let named = |split: &str| (!split.is_empty()).then(|| split.to_owned());
    let bands = &args.bands.age_bands;
    let calibration = args
        .faces
        .answer(named(&args.calibration_split).as_deref(), bands)?;
    let views = args
        .faces
        .answer_views(named(&args.population_split).as_deref(), bands)?;
    let population = &views[0];
    let mut report = Report::new(
        &calibration.model,
        (&args.calibration_split, &args.population_split),
    );
    for attribute in Attribute::ALL {
        let (known, all) = (calibration.pairs(attribute), population.pairs(attribute));
        if known.is_empty() || all.is_empty() {
            continue;
        }
        let trials = Trials::new(calibration.labels(attribute), &known, &all);
        let mut trials = trials
            .with_context(|| attribute.to_string())?
            .seeded(args.seed);
        let mut figures = trials.run(args.tvd_draws, args.coverage_draws)?;
        let people = people(&views, attribute)?;
        let known = trials.calibration();
        figures.dwell_bias_points = dwell::run(known, &people, (attribute, args.seed))?;
        figures.tracks = tracks::run(
            (&known.labels, &known.faces()),
            &people,
            (attribute, args.seed, args.track_draws),
        )?;
        report.heads.insert(attribute.name(), figures);
    }
    let write = |name: &str, text: String| {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    write("experiment.json", report.json()?)?;
    write("experiment.svg", plot::draw(&report))?;
    let dots = report.heads.iter();
    let dots = dots.map(|(head, figures)| (*head, figures.dots.as_slice()));
    write("shares.svg", scatter::draw(dots))?;
    println!("{}", report.table());
    let tracks = report.heads.iter();
    let tracks = tracks.map(|(head, figures)| (*head, figures.tracks.as_slice()));
    println!("{}", tracks::table(tracks));
    println!(
        "experiment.json, experiment.svg and shares.svg are in {}",
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
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
