//! `demograph experiment`: how near estimated shares come to the truth, and how often their intervals hold it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use comfy_table::{Table, presets};
use demograph_lab::{
    experiment::{self, CoverageFigures, CropsPerTrack, LocalReport, Report, Settings},
    measure::{Answered, VIEWS},
};
use demograph_service::wiring::calibrations;

use super::faces::{BandArgs, FaceArgs, answered};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph experiment --data faces.zip --labels faces.csv --out experiment
  demograph experiment --data tests/data/composites --labels tests/data/composites/labels.csv --out small \\
      --age-bands 0,18,25,35,45,55,65 --calibration-split '' --population-split '' --tvd-draws 20 \\
      --coverage-draws 20 --track-draws 5

Writes experiment.json, experiment.svg (errors by method) and shares.svg (estimated against true). An empty split stands \
for all rows: the faces then judge themselves, and errors look smaller than they are.

Errors: windows of 1,000 faces from the population split, with shares drawn from Dirichlet(1). The calibration is that of the \
calibration split. score: what the service estimates. emq: EMQ alone. score_fair_calibration uses a sample of the population of the same size instead: what remains is chance.

Coverage: every draw resamples a calibration set, with the class sizes of the calibration split, and windows from the \
population split. The truth is the population's share. Widths are compared with a parametric bootstrap of the same \
estimator.

Dwell: windows of 1,000 people. Those of one class are seen ten times, the others once, in views of the face: as it is, \
mirrored, cut, lit differently. The bias is how much the share of the class grows over the same people seen once; the \
largest over the classes is shown. Views: everybody is seen once, those of the class in any view, the others as they are. \
This is what other light does to a share.

With --base, something else is measured: a draw takes 50 to 300 faces of the calibration split for the labelled faces of a \
camera. They adapt FILE (calibrate --base) or calibrate alone. Windows of 1,000 faces come from the population split, of \
shares drawn from Dirichlet(1) and of the population's. Writes local.json.

Tracks: windows of 1,000 tracks of 1, 3, 10 or 30 views, or 30 for the rarest class only. Ways to make one vote of a track: \
spread over the cells of its crops (as the service does), the product, the mean of the logarithms, the product divided by \
the prior for every crop but one. Each is corrected by a calibration of single crops.

Crops per track: windows of 1,000 tracks of 30 views in 10 s, of which the service's chooser takes so many (it judges quality \
by the area of the views). The same tracks, with so many crops and with all.")]
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
    /// Measure what few faces of the calibration split do for this calibration, which was made elsewhere.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The folder for the results. It is created if it does not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Draws of shares.
    #[arg(long, default_value_t = 200, value_name = "N")]
    tvd_draws: u32,
    /// Draws of calibration set and windows.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    coverage_draws: u32,
    /// Draws of calibration set and windows for the ways in which a track can vote, and for crops per track.
    #[arg(long, default_value_t = 200, value_name = "N")]
    track_draws: u32,
    /// How many crops of a track are taken, in turn: numbers as in inference.crops_per_track, or all.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,3,10,all",
        value_parser = crops_per_track,
        value_name = "N|all"
    )]
    crops_per_track: Vec<CropsPerTrack>,
    /// The seed of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: ExperimentArgs) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("make the folder {}", args.out.display()))?;
    let bands = &args.bands.age_bands;
    let open = |split: &str| {
        let named = (!split.is_empty()).then(|| split.to_owned());
        args.faces.inputs(named, bands).open()
    };
    let calibration = answered(&open(&args.calibration_split)?, 0)?;
    let population = open(&args.population_split)?;
    if let Some(base) = &args.base {
        return local(&args, base, &calibration, &answered(&population, 0)?);
    }
    let views = (0..VIEWS).map(|view| answered(&population, view));
    let views = views.collect::<anyhow::Result<Vec<_>>>()?;
    let report = experiment::run(&calibration, &views, &args.settings())?;
    for (name, text) in [
        ("experiment.json", report.json()?),
        ("experiment.svg", experiment::bars(&report)),
        ("shares.svg", experiment::scatter(&report)),
    ] {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    println!("{}", table(&report));
    println!("{}", tracks(&report));
    println!("{}", crops(&report));
    println!(
        "experiment.json, experiment.svg and shares.svg are in {}",
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

impl ExperimentArgs {
    fn settings(&self) -> Settings {
        Settings {
            splits: [
                self.calibration_split.clone(),
                self.population_split.clone(),
            ],
            tvd_draws: self.tvd_draws,
            coverage_draws: self.coverage_draws,
            track_draws: self.track_draws,
            crops_per_track: self.crops_per_track.clone(),
            seed: self.seed,
        }
    }
}

/// What few labelled faces do for a calibration that was made elsewhere.
fn local(
    args: &ExperimentArgs,
    base: &Path,
    pool: &Answered,
    population: &Answered,
) -> anyhow::Result<ExitCode> {
    let base = calibrations::read(base)?;
    let report = experiment::local(&base, pool, population, &args.settings())?;
    let path = args.out.join("local.json");
    std::fs::write(&path, report.json()?).with_context(|| format!("write {}", path.display()))?;
    println!(
        "{}\n{} has the figures",
        local_table(&report),
        path.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn local_table(report: &LocalReport) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "head",
        "calibration",
        "local faces",
        "usable",
        "TVD, points: any shares, the population's",
        "coverage (least, mean): any shares",
        "the population's",
        "width",
        "p below 0.01",
    ]);
    let pair = |least: Option<f64>, mean: Option<f64>| match (least, mean) {
        (Some(least), Some(mean)) => format!("{least:.3}, {mean:.3}"),
        _ => "-".to_owned(),
    };
    for (head, rows) in &report.heads {
        for row in rows {
            table.add_row([
                (*head).to_owned(),
                row.way.to_owned(),
                row.faces.to_string(),
                format!("{:.2}", row.usable),
                format!("{:.2}, {:.2}", row.tvd_points, row.tvd_points_usual),
                pair(row.coverage_least, row.coverage_mean),
                pair(row.coverage_least_usual, row.coverage_mean_usual),
                row.mean_width
                    .map_or("-".to_owned(), |width| format!("{width:.3}")),
                format!("{:.3}", row.shift_p_below["0.01"]),
            ]);
        }
    }
    table
}

fn table(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "head",
        "mean TVD, points",
        "coverage by faces (least, most)",
        "width / bootstrap",
        "dwell bias, points",
        "ms",
    ]);
    for (name, head) in &report.heads {
        let lines = |line: &dyn Fn(&CoverageFigures) -> String| {
            head.coverage
                .iter()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n")
        };
        let errors = head
            .tvd_points
            .iter()
            .map(|(name, tvd)| format!("{name} {tvd:.2}"));
        table.add_row([
                (*name).to_owned(),
                errors.collect::<Vec<_>>().join("\n"),
                lines(&|c| {
                    let least = c.by_class.values().copied().fold(1.0, f64::min);
                    let most = c.by_class.values().copied().fold(0.0, f64::max);
                    format!("{}: {least:.3}, {most:.3}", c.faces)
                }),
                lines(&|c| format!("{:.3}", c.width_ratio)),
                format!(
                    "tracks {:.2} ± {:.2}\ncrops {:.2}\ncrops, naive {:.2}\nother views, no dwell {:.2}",
                    head.dwell_bias_points.tracks,
                    head.dwell_bias_points.tracks_standard_error,
                    head.dwell_bias_points.detections,
                    head.dwell_bias_points.naive_detections,
                    head.dwell_bias_points.views
                ),
                format!("{:.3}", head.seconds_per_estimate * 1e3),
            ]);
    }
    table
}

fn crops_per_track(text: &str) -> Result<CropsPerTrack, String> {
    match text.trim() {
        "all" => Ok(None),
        number => match number.parse() {
            Ok(crops) => Ok(Some(crops)),
            Err(_) => Err("write numbers from 1 on, or all".into()),
        },
    }
}

/// How many crops of a track are enough.
fn crops(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "head",
        "crops_per_track",
        "crops taken",
        "CPU ms a person",
        "TVD, points",
        "more than with all",
        "from shares with all",
        "coverage (least, mean, most)",
    ]);
    for (head, figures) in &report.heads {
        for row in &figures.crops {
            let held = [row.coverage_least, row.coverage_mean, row.coverage_most];
            table.add_row([
                (*head).to_owned(),
                row.crops_per_track.clone(),
                format!("{:.2}", row.crops_taken),
                format!("{:.2}", row.cpu_ms_per_person),
                format!("{:.2}", row.tvd_points),
                format!(
                    "{:+.3} ± {:.3}",
                    row.tvd_more_points, row.tvd_more_standard_error
                ),
                format!("{:.2}", row.apart_points),
                held.map(|held| format!("{held:.3}")).join(", "),
            ]);
        }
    }
    table
}

/// The ways in which a track can vote.
fn tracks(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "head",
        "crops a track",
        "vote",
        "TVD, points",
        "counted, TVD",
        "coverage (least, mean)",
        "rarest found",
    ]);
    for (head, figures) in &report.heads {
        for row in &figures.tracks {
            table.add_row([
                (*head).to_owned(),
                row.crops.clone(),
                row.way.to_owned(),
                format!("{:.2}", row.tvd_points),
                format!("{:.2}", row.naive_tvd_points),
                format!("{:.3}, {:.3}", row.coverage_least, row.coverage_mean),
                format!("{:.2}", row.rarest_found),
            ]);
        }
    }
    table
}
