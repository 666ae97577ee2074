//! One face of one frame: aligned and judged. It is encoded when somebody wants it: most faces of a track are spared.

use anyhow::Context;

use crate::{
    align::{Aligned, align},
    encode,
    face::Face,
    frame::Frame,
    quality::Quality,
};

/// The side of a crop in pixels, if nobody says otherwise: enough for every shipped model.
pub const CROP_SIZE: u32 = 160;

/// A face, cut out. It cannot be copied or printed.
pub struct Shot {
    aligned: Aligned,
    /// How good it is.
    pub quality: Quality,
}

impl Shot {
    /// Cuts the face out of the frame.
    pub fn take(frame: &Frame, face: &Face, crop_size: u32) -> anyhow::Result<Self> {
        let aligned = align(frame, &face.landmarks, crop_size);
        let aligned = aligned.context("the five points of a face are in one place")?;
        let quality = Quality::of(&aligned, &face.landmarks);
        Ok(Self { aligned, quality })
    }

    /// As a JPEG. Width and height are the crop size.
    pub fn jpeg(&self) -> anyhow::Result<Vec<u8>> {
        let side = self.aligned.side;
        encode::jpeg((side, side), &self.aligned.rgb)
    }
}
