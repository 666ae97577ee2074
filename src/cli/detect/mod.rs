//! `demograph detect`: the faces of photographs and recorded videos, and their crops.

mod crops;
mod video;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use comfy_table::{Table, presets};
use demograph_camera::{
    detect::{Detector, Wanted},
    face::Point,
    finder::{Finder, Found, FoundFace},
    frame::Frame,
    shot::CROP_SIZE,
};
use demograph_core::reject::Reject;
use demograph_lab::dataset::expand;
use demograph_model::infer::InferenceSettings;
use serde_json::{Value, json};

use crops::CropFolder;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph detect party.jpg
  demograph detect photos/ --out crops && demograph publish crops/crops.csv --source lobby
  demograph detect entrance.mp4 --out crops && demograph publish crops/crops.csv --source entrance
  demograph detect --json photos/ | jq -r '.file + \" \" + (.faces | length | tostring)'

A folder stands for the JPEG, PNG and WebP files in it. EXIF orientation is applied. A box is given by its left upper corner, \
width and height in pixels of the upright picture.

--out writes each face as a JPEG, turned and scaled so that eyes, nose and mouth lie where the shipped models know them, and \
crops.csv, which `demograph publish` reads. Quality is the product of size, sharpness, frontality and the part that lies in \
the picture, each 0 to 1 (docs/camera.md).

Of a video five frames a second are looked at (with ffmpeg), and people are followed from frame to frame: the table has a line \
for each of them, and crops.csv has a `trackid`. The first two faces of a person have none.

Images that cannot be used are printed with the reason, and the exit code is 1. A picture without a face is no fault.")]
pub(super) struct DetectArgs {
    /// Pictures of people, folders of them, or video files.
    #[arg(required = true, value_name = "IMAGE|FOLDER|VIDEO")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    faces: FinderArgs,
    /// Write the crops and crops.csv into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object an image instead of a table.
    #[arg(long)]
    json: bool,
}

/// Which faces are found.
#[derive(Debug, clap::Args)]
pub(super) struct FinderArgs {
    /// The shorter side of the smallest face, in pixels. Half of it takes four times as long.
    #[arg(long, default_value_t = 40, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=1000))]
    min_face: u32,
    /// The lowest score of a face, 0 to 1. Lower: more faces are found, and more things that are none. In a video, faces down
    /// to 0.4 keep the track of a person who was found with this score.
    #[arg(long, default_value_t = 0.7, value_name = "SCORE", value_parser = score)]
    min_score: f32,
    /// The side of a crop in pixels.
    #[arg(long, default_value_t = CROP_SIZE, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=1024))]
    crop_size: u32,
    /// The detector's folder.
    #[arg(long, default_value = "models/yunet", value_name = "DIR")]
    detector: PathBuf,
}

fn score(text: &str) -> Result<f32, String> {
    let score = text.parse().ok();
    let score = score.filter(|score| (0.05..=1.0).contains(score));
    score.ok_or_else(|| "write a number from 0.05 to 1".into())
}

impl FinderArgs {
    pub(super) fn open(&self) -> anyhow::Result<Finder> {
        Ok(Finder {
            detector: Detector::open(&self.detector, &InferenceSettings::default())?,
            wanted: Wanted {
                min_face: self.min_face as f32,
                score_min: self.min_score,
            },
            crop_size: self.crop_size,
        })
    }
}

/// A picture and its faces.
pub(super) struct Looked {
    pub size: (u32, u32),
    pub found: Found,
}

/// The faces of a file, or why it cannot be used.
pub(super) fn look(finder: &mut Finder, file: &Path) -> anyhow::Result<Result<Looked, Reject>> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let frame = match Frame::of_image(&bytes) {
        Ok(frame) => frame,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(error) = finder.wanted.fits(&frame) {
        tracing::warn!("{}: {error}", file.display());
        return Ok(Err(Reject::TooManyPixels));
    }
    let found = finder
        .find(&frame)
        .with_context(|| file.display().to_string())?;
    Ok(Ok(Looked {
        size: frame.size(),
        found,
    }))
}

pub(super) fn run(args: DetectArgs) -> anyhow::Result<ExitCode> {
    let mut finder = args.faces.open()?;
    let mut folder = args.out.as_deref().map(CropFolder::create).transpose()?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "image",
        "face",
        "x, y",
        "width x height",
        "score",
        "quality",
    ]);
    let (mut all_well, mut too_small) = (true, 0);
    for file in expand(&args.images)? {
        if video::is_video(&file) {
            let watched = video::watch(&args.faces, &file, folder.as_mut())?;
            if args.json {
                println!("{}", watched.json());
            } else {
                println!("{}\n{}", watched.table(), watched.counts());
            }
            continue;
        }
        let looked = look(&mut finder, &file)?;
        let name = file.display().to_string();
        let crops = match (&looked, &mut folder) {
            (Ok(looked), Some(folder)) => folder.write(&name, &looked.found)?,
            _ => Vec::new(),
        };
        match &looked {
            Ok(looked) => too_small += looked.found.too_small,
            Err(_) => all_well = false,
        }
        if args.json {
            println!("{}", to_json(&name, &looked, &crops));
        } else {
            add_rows(&mut table, &name, &looked);
        }
    }
    if let Some(folder) = folder {
        folder.finish()?;
    }
    if !args.json && table.row_count() > 0 {
        println!("{table}");
        if too_small > 0 {
            println!(
                "{too_small} more below {} pixels: see --min-face",
                args.faces.min_face
            );
        }
    }
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn add_rows(table: &mut Table, name: &str, looked: &Result<Looked, Reject>) {
    let without = |said: &str| [name, said, "-", "-", "-", "-"].map(str::to_owned);
    match looked {
        Err(reason) => {
            table.add_row(without(&format!("rejected: {}", reason.name())));
        }
        Ok(looked) if looked.found.faces.is_empty() => {
            table.add_row(without("none"));
        }
        Ok(looked) => {
            for (number, FoundFace { face, shot }) in looked.found.faces.iter().enumerate() {
                let Point { x, y } = face.rect.corner;
                table.add_row([
                    name.to_owned(),
                    (number + 1).to_string(),
                    format!("{x:.0}, {y:.0}"),
                    format!("{:.0} x {:.0}", face.rect.width, face.rect.height),
                    format!("{:.2}", face.score),
                    format!("{:.2}", shot.quality.product()),
                ]);
            }
        }
    }
}

fn to_json(name: &str, looked: &Result<Looked, Reject>, crops: &[String]) -> Value {
    let looked = match looked {
        Ok(looked) => looked,
        Err(reason) => return json!({ "file": name, "rejected": reason.name() }),
    };
    let faces = looked.found.faces.iter().enumerate().map(|(number, face)| {
        let mut value = face_json(face);
        if let Some(crop) = crops.get(number) {
            value["crop"] = crop.as_str().into();
        }
        value
    });
    json!({
        "file": name,
        "width": looked.size.0,
        "height": looked.size.1,
        "faces": faces.collect::<Vec<_>>(),
        "too_small": looked.found.too_small,
    })
}

fn face_json(FoundFace { face, shot }: &FoundFace) -> Value {
    let point = |Point { x, y }| json!([tenths(x), tenths(y)]);
    let landmarks = face.landmarks;
    let quality = shot.quality;
    json!({
        "x": tenths(face.rect.corner.x),
        "y": tenths(face.rect.corner.y),
        "width": tenths(face.rect.width),
        "height": tenths(face.rect.height),
        "score": thousandths(face.score),
        "left_eye": point(landmarks.left_eye),
        "right_eye": point(landmarks.right_eye),
        "nose": point(landmarks.nose),
        "left_mouth": point(landmarks.left_mouth),
        "right_mouth": point(landmarks.right_mouth),
        "quality": thousandths(quality.product()),
        "size": thousandths(quality.size),
        "sharpness": thousandths(quality.sharpness),
        "frontality": thousandths(quality.frontality),
        "inside": thousandths(quality.inside),
    })
}

fn tenths(number: f32) -> f64 {
    (f64::from(number) * 10.0).round() / 10.0
}

fn thousandths(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}
