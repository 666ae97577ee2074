//! Frame -> faces: YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) through ONNX Runtime.
//!
//! Promises: a detector serves only after it has found the faces of its self-test where they are; its numbers are those of
//! OpenCV's `FaceDetectorYN` for the same input; no more is computed than the smallest wanted face needs.

mod files;
mod input;
mod outputs;
mod overlap;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Context;
use demograph_model::{
    infer::{InferenceSettings, TensorNet},
    manifest::{Colour, Resize},
    prepare::{Picture, Preparer},
};

pub use files::DetectorFiles;
pub use input::{InputSize, TooLarge};

use crate::{face::Face, frame::Frame};

/// Which faces are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The shorter side of the smallest face, in pixels of the picture. Smaller ones may be found all the same.
    pub min_face: f32,
    /// The lowest score.
    pub score_min: f32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            min_face: 40.0,
            score_min: 0.7,
        }
    }
}

impl Wanted {
    /// Whether such faces can be looked for in a picture of this size.
    pub fn fits(&self, frame: &Frame) -> Result<(), TooLarge> {
        InputSize::of(frame.size(), self.min_face).map(|_size| ())
    }
}

/// A loaded detector. One instance belongs to one thread.
pub struct Detector {
    net: TensorNet,
    name: String,
    /// For pictures of the size that came last.
    prepared: Option<Prepared>,
}

struct Prepared {
    size: InputSize,
    preparer: Preparer,
    /// The picture in the net's size.
    picture: Vec<u8>,
    /// The same, with zeros to the right and below up to what the net takes.
    padded: Vec<f32>,
}

impl Detector {
    /// Opens the detector of a folder, and tries it on its self-test.
    pub fn open(folder: &Path, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let files = DetectorFiles::read(folder)?;
        let net = TensorNet::open(&files.onnx, &outputs::names(), settings)
            .with_context(|| folder.display().to_string())?;
        let mut detector = Self {
            net,
            name: files.name.clone(),
            prepared: None,
        };
        detector
            .try_on(&files)
            .with_context(|| format!("the self-test of {}", folder.display()))?;
        Ok(detector)
    }

    /// The detector's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The faces of a picture, the surest first. No two of them are the same face.
    pub fn detect(&mut self, frame: &Frame, wanted: Wanted) -> anyhow::Result<Vec<Face>> {
        let size = InputSize::of(frame.size(), wanted.min_face)?;
        if self.prepared.as_ref().is_none_or(|last| last.size != size) {
            self.prepared = Some(Prepared::new(size));
        }
        let prepared = self.prepared.as_mut().expect("it was just made");
        prepared.fill(frame);
        let (width, height) = size.padded();
        let shape = [1, 3, height as usize, width as usize];
        let numbers = self.net.run(shape, &prepared.padded)?;
        let faces = outputs::read(&numbers, (width, height), wanted.score_min)?;
        let (across, down) = size.to_picture();
        let scaled = |face: Face| Face {
            rect: face.rect.scaled(across, down),
            landmarks: face.landmarks.scaled(across, down),
            ..face
        };
        let faces = overlap::without_doubles(faces);
        Ok(faces.into_iter().map(scaled).collect())
    }

    fn try_on(&mut self, files: &DetectorFiles) -> anyhow::Result<()> {
        let wanted = Wanted {
            min_face: InputSize::SIDE_OF_FACE,
            score_min: DetectorFiles::SCORE_MIN,
        };
        let found = self.detect(&files.picture, wanted)?;
        files.compare(&found)
    }
}

impl Prepared {
    fn new(size: InputSize) -> Self {
        let (width, height) = size.scaled();
        let preparer = Preparer::new(Picture {
            width,
            height,
            colour: Colour::Bgr,
            resize: Resize::Antialias,
        });
        let (across, down) = size.padded();
        Self {
            size,
            picture: vec![0; preparer.levels()],
            padded: vec![0.0; 3 * (across * down) as usize],
            preparer,
        }
    }

    fn fill(&mut self, frame: &Frame) {
        self.preparer.write(frame.picture(), &mut self.picture);
        let (width, height) = self.size.scaled();
        let (across, down) = self.size.padded();
        let planes = self.picture.chunks((width * height) as usize);
        let padded = self.padded.chunks_mut((across * down) as usize);
        for (plane, padded) in planes.zip(padded) {
            let rows = plane.chunks(width as usize);
            for (row, place) in rows.zip(padded.chunks_mut(across as usize)) {
                for (number, &level) in place.iter_mut().zip(row) {
                    *number = level.into();
                }
            }
        }
    }
}
