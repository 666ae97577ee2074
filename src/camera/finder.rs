//! Frame -> shots: the detector with what is wanted of it.

use crate::{
    detect::{Detector, Wanted},
    face::Face,
    frame::Frame,
    shot::Shot,
};

/// Finds the faces of frames and cuts them out.
pub struct Finder {
    /// What looks for them.
    pub detector: Detector,
    /// Which faces are cut out.
    pub wanted: Wanted,
    /// The side of a crop in pixels.
    pub crop_size: u32,
}

/// What was found in one frame.
pub struct Found {
    /// The surest first.
    pub faces: Vec<FoundFace>,
    /// Faces below `min_face`, which are not cut out.
    pub too_small: usize,
}

/// A face and its crop.
pub struct FoundFace {
    /// Where it is.
    pub face: Face,
    /// The crop.
    pub shot: Shot,
}

impl Finder {
    /// The faces of a frame.
    pub fn find(&mut self, frame: &Frame) -> anyhow::Result<Found> {
        let all = self.detector.detect(frame, self.wanted)?;
        let count = all.len();
        let faces = all
            .into_iter()
            .filter(|face| face.rect.side() >= self.wanted.min_face)
            .map(|face| {
                let shot = Shot::take(frame, &face, self.crop_size)?;
                Ok(FoundFace { face, shot })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Found {
            too_small: count - faces.len(),
            faces,
        })
    }
}
