//! A picture in which faces are looked for: a frame of a video, a photograph.
//!
//! Promises: it cannot be copied, written or printed, as a crop cannot.

use demograph_core::{
    record::{Attributes, ColourSpace, Crop, Plane},
    reject::Reject,
};
use demograph_model::decode::{self, Limits};

/// A photograph may have so many bytes.
const BYTES_MAX: usize = 128 << 20;
/// A photograph may be so wide or high.
const SIDE_MAX: u32 = 16_384;

/// A picture in three planes, as a crop is held.
pub struct Frame {
    pub(crate) picture: Crop,
}

impl Frame {
    /// From a JPEG, PNG or WebP, turned upright as its EXIF says.
    pub fn of_image(bytes: &[u8]) -> Result<Self, Reject> {
        let limits = Limits {
            payload_bytes_max: BYTES_MAX,
            image_side_max: SIDE_MAX,
            ..Limits::default()
        };
        if bytes.len() > limits.payload_bytes_max {
            return Err(Reject::TooManyBytes);
        }
        let picture = decode::image(bytes, &limits, Attributes::NONE)?;
        Ok(Self { picture })
    }

    /// From RGB, rows from the top, 3 bytes a pixel.
    pub fn of_rgb(size: (u32, u32), rgb: &[u8]) -> Self {
        Self {
            picture: Crop::from_rgb(size, rgb, Attributes::NONE),
        }
    }

    /// From planes of luma and of two colours with half the width and height (JFIF's levels), one behind the other.
    pub fn of_i420((width, height): (u32, u32), mut samples: Vec<u8>) -> Self {
        let (wide, high) = (width as usize, height as usize);
        let colour = wide.div_ceil(2) * high.div_ceil(2);
        let luma = wide * high;
        assert_eq!(samples.len(), luma + 2 * colour, "{width}x{height}");
        samples.resize(samples.len() + Crop::MARGIN, 0);
        let plane = |start, stride, shared| Plane {
            start,
            stride,
            pixels_per_sample: [shared; 2],
        };
        Self {
            picture: Crop {
                width,
                height,
                colour_space: ColourSpace::YCbCr,
                planes: [
                    plane(0, wide, 1),
                    plane(luma, wide.div_ceil(2), 2),
                    plane(luma + colour, wide.div_ceil(2), 2),
                ],
                samples,
                attributes: Attributes::NONE,
            },
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.picture.width, self.picture.height)
    }

    pub(crate) fn picture(&self) -> &Crop {
        &self.picture
    }
}
