//! JPEG -> planes. libjpeg-turbo stops before it would make full-size RGB of them: whoever resizes a crop does both
//! at once, for a fraction of the time.
//!
//! Promises: strict, a warning of the decoder is a reject; size is checked before memory is taken.

use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, Subsamp, YuvImage,
};

use super::{Limits, Reject};
use crate::record::{Attributes, ColourSpace, Crop, Plane};

/// The most scans of a progressive JPEG. Encoders write about ten; thousands would cost minutes.
const SCANS_MAX: u32 = 100;

/// What libjpeg-turbo says of a side that it cannot have, whatever the limits are.
const DIMENSION: &str = "Maximum supported image dimension";

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    attributes: Attributes,
) -> Result<Crop, Reject> {
    let fault = |error: turbojpeg::Error| {
        if error.to_string().contains(DIMENSION) {
            Reject::TooManyPixels
        } else if has_end(bytes) {
            Reject::NotAnImage
        } else {
            Reject::Truncated
        }
    };
    // A new one for each JPEG: after a bad one it refuses good ones too, and it would remember the size of the last.
    let mut decompressor = Decompressor::new().expect("libjpeg-turbo takes some memory");
    let header = decompressor
        .set_scan_limit(SCANS_MAX)
        .and_then(|()| decompressor.read_header(bytes))
        .map_err(fault)?;
    if header.width.max(header.height) > limits.image_side_max as usize {
        return Err(Reject::TooManyPixels);
    }
    let has_planes = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray)
        && header.subsamp != Subsamp::Unknown
        && !header.is_lossless;
    let crop = if has_planes {
        planes(&mut decompressor, (bytes, &header), attributes)
    } else {
        rgb(&mut decompressor, (bytes, &header), attributes)
    };
    let crop = crop.map_err(fault)?;
    // A cut that the decoder filled up with grey is still a cut.
    has_end(bytes).then_some(crop).ok_or(Reject::Truncated)
}

/// Luma and colour differences as they are stored.
fn planes(
    decompressor: &mut Decompressor,
    (bytes, header): (&[u8], &DecompressHeader),
    attributes: Attributes,
) -> turbojpeg::Result<Crop> {
    let &DecompressHeader {
        width,
        height,
        subsamp,
        ..
    } = header;
    let align = 1;
    let len = turbojpeg::yuv_pixels_len(width, align, height, subsamp)?;
    // Grey lacks the two planes; one neutral sample for all pixels stands for both.
    let neutral = len;
    let mut samples = vec![0; len + 1 + Crop::MARGIN];
    samples[neutral] = 128;
    let picture = YuvImage {
        pixels: &mut samples[..len],
        width,
        align,
        height,
        // The header's own: the library writes by it, whatever is said here.
        subsamp,
    };
    decompressor.decompress_to_yuv(bytes, picture)?;

    let (across, down) = subsamp.size();
    let (stride, rows) = (width.div_ceil(across), height.div_ceil(down));
    // Samples of luma fill whole samples of colour.
    let luma = Plane {
        start: 0,
        stride: stride * across,
        pixels_per_sample: [1, 1],
    };
    let colour = |number| match subsamp {
        Subsamp::Gray => Plane {
            start: neutral,
            stride: 1,
            pixels_per_sample: [width as u32, height as u32],
        },
        _ => Plane {
            start: luma.stride * rows * down + number * stride * rows,
            stride,
            pixels_per_sample: [across as u32, down as u32],
        },
    };
    Ok(Crop {
        width: width as u32,
        height: height as u32,
        colour_space: ColourSpace::YCbCr,
        planes: [luma, colour(0), colour(1)],
        samples,
        attributes,
    })
}

/// What is stored as RGB, or shares samples in an unusual way.
fn rgb(
    decompressor: &mut Decompressor,
    (bytes, header): (&[u8], &DecompressHeader),
    attributes: Attributes,
) -> turbojpeg::Result<Crop> {
    let &DecompressHeader { width, height, .. } = header;
    let pitch = 3 * width;
    let mut pixels = vec![0; pitch * height];
    let picture = Image {
        pixels: pixels.as_mut_slice(),
        width,
        pitch,
        height,
        format: PixelFormat::RGB,
    };
    decompressor.decompress(bytes, picture)?;
    let size = (width as u32, height as u32);
    Ok(Crop::from_rgb(size, &pixels, attributes))
}

/// The end-of-image marker; cameras may pad after it.
fn has_end(bytes: &[u8]) -> bool {
    bytes.windows(2).rev().any(|pair| pair == [0xFF, 0xD9])
}
