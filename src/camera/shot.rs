//! One face of one frame, ready to be sent or written: aligned, judged, encoded.

use anyhow::Context;

use crate::{align::align, encode, face::Face, frame::Frame, quality::Quality};

/// The side of a crop in pixels, if nobody says otherwise: enough for every shipped model.
pub const CROP_SIZE: u32 = 160;

/// A face as a JPEG. It cannot be copied or printed.
pub struct Shot {
    /// Width and height are the crop size.
    pub jpeg: Vec<u8>,
    /// How good it is.
    pub quality: Quality,
}

impl Shot {
    /// Cuts the face out of the frame.
    pub fn take(frame: &Frame, face: &Face, crop_size: u32) -> anyhow::Result<Self> {
        let aligned = align(frame, &face.landmarks, crop_size);
        let aligned = aligned.context("the five points of a face are in one place")?;
        let quality = Quality::of(&aligned, &face.landmarks);
        let jpeg = encode::jpeg((crop_size, crop_size), &aligned.rgb)?;
        Ok(Self { jpeg, quality })
    }
}
