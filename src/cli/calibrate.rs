//! `demograph calibrate`: labelled faces -> how a model errs on them, for the estimates of true shares.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use demograph_core::{estimate::CalibrationFile, record::Attribute};
use demograph_lab::calibrate::calibrate;

use super::faces::{BandArgs, FaceArgs, answered};
use demograph_service::wiring::calibrations;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph calibrate --data faces.zip --labels faces.csv --split calibration
  demograph calibrate --data gate-cameras/ --labels gate.csv --out gate-calibration.json

The faces must be new to the model: not trained on, and not used to choose it. They should look like the faces of the \
cameras whose shares will be estimated. Their own shares do not matter. Use at least 10 faces of each class; hundreds are \
better. Too few faces make wide intervals. An attribute without labels is left out. The file holds counts and sums, no face.

The calibrations that ship with the models were made on validation faces: see each CARD.md.")]
pub(super) struct CalibrateArgs {
    #[command(flatten)]
    faces: FaceArgs,
    #[command(flatten)]
    bands: BandArgs,
    /// Only rows with this value in the column `split`.
    #[arg(long)]
    split: Option<String>,
    /// The file to write; by default calibration.PRECISION.json in the model's folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: CalibrateArgs) -> anyhow::Result<ExitCode> {
    let bands = args.bands.age_bands;
    let opened = args.faces.inputs(args.split, &bands).open()?;
    let answered = answered(&opened, 0)?;
    let mut attributes = BTreeMap::new();
    for attribute in Attribute::ALL {
        let Some((calibration, faces)) = calibrate(&answered, attribute)? else {
            println!("{attribute}: left out, since no face has both a label and an answer");
            continue;
        };
        println!(
            "{attribute}: {faces} faces in {} cells",
            calibration.cells.len()
        );
        attributes.insert(attribute, calibration);
    }
    if attributes.is_empty() {
        bail!("nothing to calibrate: the CSV needs a column age, age_band, gender or ethnicity");
    }
    let in_folder =
        calibrations::in_model_folder(answered.precision, args.faces.ethnicity.as_deref());
    let file = CalibrationFile::new(answered.model, bands, attributes);
    let out = args.out.unwrap_or_else(|| args.faces.model.join(in_folder));
    std::fs::write(&out, file.text()).with_context(|| format!("write {}", out.display()))?;
    println!("calibration {} is in {}", file.id(), out.display());
    Ok(ExitCode::SUCCESS)
}
