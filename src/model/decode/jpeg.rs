//! JPEG -> planes. libjpeg-turbo stops before it would make full-size RGB of them: resizing does both at once,
//! for a fraction of the time.
//!
//! Promises: strict, a warning of the decoder is a reject, but for faults that every viewer shows and [`mend`] can
//! take out; then the decoder must find nothing wrong with the rest. Size is checked before memory is taken.

use demograph_core::record::{Attributes, ColourSpace, Crop, Plane};
use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, Subsamp, YuvImage,
};

use super::{
    Limits, Reject, exif,
    layout::{self, Layout},
    mend,
    turn::Orientation,
};

/// The most scans of a progressive JPEG. Encoders write about ten; thousands would cost minutes.
const SCANS_MAX: u32 = 100;

/// libjpeg-turbo's message for a side beyond its own limit.
const DIMENSION: &str = "Maximum supported image dimension";

/// What libjpeg-turbo says first of a JPEG that [`mend`] can take up. It tells of the first fault only.
const MENDED: [&str; 3] = [
    "extraneous bytes before marker",
    "Invalid SOS parameters",
    "unknown JFIF revision",
];

/// Why there is no crop: the reason, or what the decoder said.
enum DecodeFailure {
    Reject(Reject),
    Said(String),
}

impl From<turbojpeg::Error> for DecodeFailure {
    fn from(error: turbojpeg::Error) -> Self {
        Self::Said(error.to_string())
    }
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    attributes: Attributes,
) -> Result<Crop, Reject> {
    let layout = layout::jpeg(bytes);
    let mut outcome = strictly(bytes, &layout, limits, attributes);
    if let Err(DecodeFailure::Said(said)) = &outcome
        && MENDED.iter().any(|fault| said.contains(fault))
        && let Some(mended) = mend::mended(bytes)
    {
        outcome = strictly(&mended, &layout, limits, attributes);
    }
    match outcome {
        Err(DecodeFailure::Reject(reason)) => Err(reason),
        Err(DecodeFailure::Said(said)) if said.contains(DIMENSION) => Err(Reject::TooManyPixels),
        // A cut that the decoder filled up with grey is still a cut.
        _ if !layout.has_end => Err(Reject::Truncated),
        Err(DecodeFailure::Said(_)) => Err(Reject::NotAnImage),
        Ok(crop) => Ok(crop),
    }
}

fn strictly(
    bytes: &[u8],
    layout: &Layout<'_>,
    limits: &Limits,
    attributes: Attributes,
) -> Result<Crop, DecodeFailure> {
    // A new one for each JPEG: after a bad one it refuses good ones too, and it would remember the size of the last.
    let mut decompressor = Decompressor::new().expect("libjpeg-turbo takes some memory");
    decompressor.set_scan_limit(SCANS_MAX)?;
    let header = decompressor.read_header(bytes)?;
    let size = (header.width, header.height);
    limits.check(size).map_err(DecodeFailure::Reject)?;

    let orientation = layout
        .exif
        .map_or(Orientation::default(), exif::orientation);
    let has_planes = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray)
        && header.subsamp != Subsamp::Unknown
        && !header.is_lossless
        && (header.subsamp == Subsamp::Gray
            || orientation.keeps_samples(size, header.subsamp.size()));
    let crop = if has_planes {
        planes(&mut decompressor, bytes, &header, attributes)
    } else {
        rgb(&mut decompressor, bytes, &header, attributes)
    };
    Ok(orientation.apply(crop?))
}

/// Luma and colour differences as they are stored.
fn planes(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
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
        // Must be the header's own: the library writes by that one.
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
    bytes: &[u8],
    header: &DecompressHeader,
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
