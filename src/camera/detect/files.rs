//! A detector's folder: `detector.toml`, the net with its hash checked, the picture of the self-test.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use demograph_model::infer::sha256;
use serde::Deserialize;

use crate::{
    face::{Face, Point},
    frame::Frame,
};

/// What a detector's folder holds.
pub struct DetectorFiles {
    /// As the folder says it.
    pub name: String,
    /// The bytes that had the right hash.
    pub onnx: bytes::Bytes,
    pub(super) picture: Frame,
    faces: Vec<KnownFace>,
    tolerance: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    name: String,
    /// For people.
    #[serde(rename = "licence")]
    _licence: String,
    file: PathBuf,
    sha256: String,
    self_test: SelfTest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SelfTest {
    image: PathBuf,
    /// How far a point may be from where it should be, in pixels.
    tolerance: f32,
    face: Vec<KnownFace>,
}

/// A face of the self-test's picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFace {
    points: [[f32; 2]; 5],
}

impl DetectorFiles {
    /// The score from which a face of the self-test is found.
    pub(super) const SCORE_MIN: f32 = 0.7;

    /// Reads the folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("detector.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}, which describes a face detector; models/yunet has one",
                path.display()
            )
        })?;
        let manifest: Manifest =
            toml::from_str(&text).with_context(|| path.display().to_string())?;
        ensure!(
            manifest.version == 1,
            "{}: version = {}, and this program knows version 1",
            path.display(),
            manifest.version
        );
        let net = folder.join(&manifest.file);
        let onnx = std::fs::read(&net).with_context(|| format!("read {}", net.display()))?;
        let hash = sha256(&onnx);
        ensure!(
            hash == manifest.sha256,
            "{}: its SHA-256 is {hash}, but {} says {}; it was changed or damaged: restore it",
            net.display(),
            path.display(),
            manifest.sha256
        );
        let image = folder.join(&manifest.self_test.image);
        let bytes = std::fs::read(&image).with_context(|| format!("read {}", image.display()))?;
        let picture = Frame::of_image(&bytes)
            .map_err(|reason| anyhow!("{}: {}", image.display(), reason.name()))?;
        Ok(Self {
            name: manifest.name,
            onnx: onnx.into(),
            picture,
            faces: manifest.self_test.face,
            tolerance: manifest.self_test.tolerance,
        })
    }

    /// Whether these are the faces of the self-test's picture, and no others.
    pub(super) fn compare(&self, found: &[Face]) -> anyhow::Result<()> {
        ensure!(
            found.len() == self.faces.len(),
            "{} faces were found, and the picture shows {}: this library or processor computes wrongly",
            found.len(),
            self.faces.len()
        );
        for known in &self.faces {
            let nearest = found
                .iter()
                .map(|face| known.distance(face))
                .min_by(f32::total_cmp);
            match nearest {
                Some(distance) if distance <= self.tolerance => {}
                _ => bail!(
                    "no face was found at {:?}; the nearest is {:.1} pixels off, {} are allowed: this library or processor \
                     computes wrongly",
                    known.points,
                    nearest.unwrap_or(f32::INFINITY),
                    self.tolerance
                ),
            }
        }
        Ok(())
    }
}

impl KnownFace {
    /// The farthest that a point is from where it should be.
    fn distance(&self, face: &Face) -> f32 {
        let points = self.points.map(|[x, y]| Point { x, y });
        points
            .into_iter()
            .zip(face.landmarks.points())
            .map(|(should, is)| should.distance(is))
            .fold(0.0, f32::max)
    }
}
