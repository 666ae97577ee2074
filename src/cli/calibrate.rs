//! `demograph calibrate`: labelled faces -> how a model errs on them, for the estimates of true shares.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};

use super::{
    calibrations,
    evaluate::{Answered, FaceArgs},
};
use crate::{
    estimate::{Calibration, CalibrationFile},
    record::Attribute,
    window::{Evidence, TrackEvidence},
};

/// How far apart the correlations lie that are tried, in 1/1000.
const STEP: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph calibrate --data faces.zip --labels faces.csv --split val
  demograph calibrate --data gate-cameras/ --labels gate.csv --out gate-calibration.json

The faces must be new to the model: not trained on, not used to choose it. They should look like those of the cameras
whose shares will be estimated; their own shares do not matter. At least 10 faces a class, hundreds are better: the
intervals say how much too few cost. An attribute without labels is left out. The file holds counts only, no face.")]
pub(super) struct CalibrateArgs {
    #[command(flatten)]
    faces: FaceArgs,
    /// Only rows with this value in the column `split`.
    #[arg(long)]
    split: Option<String>,
    /// The file to write; by default calibration.json in the model's folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Other views of each face (mirrored, cut and lit a little differently), 0 to 4, that tell how alike the model's
    /// errors on the crops of one track are. They stand in for real tracks, and are more alike than those.
    #[arg(long, default_value_t = 4, value_name = "N")]
    views: usize,
}

pub(super) fn run(args: CalibrateArgs) -> anyhow::Result<ExitCode> {
    let views = args
        .faces
        .answer_views(args.split.as_deref(), args.views + 1)?;
    let answered = views.first().context("there is no view")?;
    let mut attributes = BTreeMap::new();
    let mut track_correlation = BTreeMap::new();
    for attribute in Attribute::ALL {
        let pairs = answered.pairs(attribute);
        if pairs.is_empty() {
            println!("{attribute}: left out, since no face has both a label and an answer");
            continue;
        }
        let labels = answered.labels(attribute);
        let calibration = Calibration::new(labels, pairs.iter().copied());
        let calibration = calibration.with_context(|| attribute.to_string())?;
        println!(
            "{attribute}: {} faces in {} cells",
            pairs.len(),
            calibration.cells.len()
        );
        attributes.insert(attribute, calibration);
        if let Some(correlation) = correlation(&views, attribute) {
            println!("{attribute}: crops of one track are correlated by {correlation}/1000");
            track_correlation.insert(attribute, correlation);
        }
    }
    if attributes.is_empty() {
        bail!("nothing to calibrate: the CSV needs a column age, age_band, gender or ethnicity");
    }
    let bands = args.faces.age_bands.clone();
    let mut file = CalibrationFile::new(answered.model.clone(), bands, attributes);
    file.track_correlation = track_correlation;
    let out = args
        .out
        .unwrap_or_else(|| args.faces.model.join(calibrations::IN_MODEL_FOLDER));
    std::fs::write(&out, file.text()).with_context(|| format!("write {}", out.display()))?;
    println!("calibration {} is in {}", file.id(), out.display());
    Ok(ExitCode::SUCCESS)
}

/// The correlation under which the pooled views of a face make its label most likely, in 1/1000. `None` of one view,
/// or where some view of a face could not be used.
fn correlation(views: &[Answered], attribute: Attribute) -> Option<u32> {
    let pairs: Vec<_> = views.iter().map(|view| view.pairs(attribute)).collect();
    let (first, others) = pairs.split_first()?;
    if others.is_empty() || others.iter().any(|view| view.len() != first.len()) {
        return None;
    }
    let mut tracks: Vec<(usize, TrackEvidence)> = Vec::new();
    for (face, &(truth, _)) in first.iter().enumerate() {
        let mut track = TrackEvidence::default();
        for view in &pairs {
            let mut evidence = Evidence::default();
            evidence.set(attribute, view[face].1);
            track.add(&evidence);
        }
        tracks.push((truth, track));
    }
    Some(fitted(&tracks, attribute))
}

/// Of tracks with their true classes.
fn fitted(tracks: &[(usize, TrackEvidence)], attribute: Attribute) -> u32 {
    let surprise = |correlation: u32| -> f64 {
        let of = |(truth, track): &(usize, TrackEvidence)| {
            let pooled = track.pooled([correlation; 3]);
            -pooled.probability(attribute, *truth).ln()
        };
        tracks.iter().map(of).sum()
    };
    (0..=1000)
        .step_by(STEP)
        .map(|correlation| (correlation, surprise(correlation)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1000, |(correlation, _)| correlation)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENDER: Attribute = Attribute::Gender;

    /// Ten tracks of four crops, each crop right in eight of ten and as sure as that; `crop(track, n)` says when.
    fn tracks(is_right: impl Fn(usize, usize) -> bool) -> Vec<(usize, TrackEvidence)> {
        (0..10)
            .map(|number| {
                let mut track = TrackEvidence::default();
                for crop in 0..4 {
                    let mut evidence = Evidence::default();
                    let p = if is_right(number, crop) { 0.8 } else { 0.2 };
                    evidence.set(GENDER, &[p, 1.0 - p]);
                    track.add(&evidence);
                }
                (0, track)
            })
            .collect()
    }

    #[test]
    fn crops_that_err_together_are_correlated_and_crops_that_err_apart_are_not() {
        assert_eq!(fitted(&tracks(|track, _| track >= 2), GENDER), 1000);
        let apart = fitted(&tracks(|track, crop| (track * 4 + crop) % 5 != 0), GENDER);
        assert!(apart < 300, "{apart}");
    }
}
