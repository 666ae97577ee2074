//! `demograph calibrate`: labelled faces -> how a model errs on them, for the estimates of true shares.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail, ensure};
use demograph_core::{
    estimate::{Calibration, CalibrationFile},
    record::Attribute,
};
use demograph_lab::calibrate::calibrate;

use super::faces::{BandArgs, FaceArgs, answered};
use demograph_service::wiring::calibrations;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph calibrate --data faces.zip --labels faces.csv --split calibration
  demograph calibrate --data gate/ --labels gate.csv --base models/fairface-small/calibration.int8.json --out gate.json

The faces must be new to the model: not trained on, and not used to choose it. They should look like the faces of the \
cameras whose shares will be estimated. Their own shares do not matter. Use at least 10 faces of each class; hundreds are \
better. Too few faces make wide intervals. An attribute without labels is left out. The file holds counts and sums, no face.

With --base, 50 to 300 faces of a camera adapt a calibration that was made elsewhere. A class that errs there as in the \
base is drawn to the base; a class that does not is learned from the camera's faces alone. The intervals hold the doubt \
that is left. A class may have few faces or none. Draw the faces at random from the camera's, over days. An attribute \
without labels is taken over from the base. docs/labelling.md says how to label crops of your own.

The calibrations that ship with the models were made on validation faces: see each CARD.md.")]
pub(super) struct CalibrateArgs {
    #[command(flatten)]
    faces: FaceArgs,
    #[command(flatten)]
    bands: BandArgs,
    /// Only rows with this value in the column `split`.
    #[arg(long)]
    split: Option<String>,
    /// A calibration made elsewhere, which the faces adapt to their camera.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The file to write; by default calibration.PRECISION.json in the model's folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: CalibrateArgs) -> anyhow::Result<ExitCode> {
    let bands = args.bands.age_bands;
    let base = args.base.as_deref().map(calibrations::read).transpose()?;
    if base.is_some() && args.out.is_none() {
        bail!("--base needs --out: the file is for one camera, not for the model's folder");
    }
    let opened = args.faces.inputs(args.split, &bands).open()?;
    if let Some(base) = &base {
        fits(base, &opened.files.facts.id, &bands)?;
    }
    let answered = answered(&opened, 0)?;
    let mut attributes = BTreeMap::new();
    for attribute in Attribute::ALL {
        let known = base
            .as_ref()
            .and_then(|base| base.attributes.get(&attribute));
        let Some((calibration, faces)) = calibrate(&answered, attribute, known)? else {
            let fate = if known.is_some() {
                "taken over from the base"
            } else {
                "left out"
            };
            println!("{attribute}: {fate}, since no face has both a label and an answer");
            attributes.extend(known.map(|known| (attribute, known.clone())));
            continue;
        };
        println!("{attribute}: {}", summary(&calibration, faces));
        attributes.insert(attribute, calibration);
    }
    if attributes.is_empty() {
        bail!("nothing to calibrate: the CSV needs a column age, age_band, gender or ethnicity");
    }
    let in_folder =
        calibrations::in_model_folder(answered.precision, args.faces.ethnicity.as_deref());
    let mut file = CalibrationFile::new(answered.model, bands, attributes);
    file.base = base.map(|base| base.id());
    let out = args.out.unwrap_or_else(|| args.faces.model.join(in_folder));
    std::fs::write(&out, file.text()).with_context(|| format!("write {}", out.display()))?;
    println!("calibration {} is in {}", file.id(), out.display());
    Ok(ExitCode::SUCCESS)
}

/// Whether the faces can adapt the base.
fn fits(base: &CalibrationFile, model: &str, bands: &[u32]) -> anyhow::Result<()> {
    ensure!(
        base.model == model,
        "--base was made with the model {}, and {model} runs: name a base of this model and precision",
        base.model
    );
    ensure!(
        base.age_bands == bands,
        "--base has the age bands {:?}: say --age-bands {}",
        base.age_bands,
        base.age_bands
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(",")
    );
    Ok(())
}

/// One line on what was learned.
fn summary(calibration: &Calibration, faces: usize) -> String {
    if !calibration.is_adapted() {
        return format!("{faces} faces in {} cells", calibration.cells.len());
    }
    let classes = calibration.labels.iter().zip(&calibration.local);
    let each = classes
        .zip(calibration.effective_faces())
        .map(|((label, local), worth)| format!("{label} {local} ({worth:.0})"));
    format!(
        "{faces} faces; of each class, and in brackets how many it is worth with the base: {}",
        each.collect::<Vec<_>>().join(", ")
    )
}
