//! Bytes -> pixels. The first bytes decide the format, not the declared type; size is checked before memory is taken. The
//! picture is turned as its EXIF says. Transparent parts show a grey ground and not the colours that are stored under them.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use demograph_core::record::{Attributes, Crop};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use super::{
    Limits, Reject, exif, jpeg,
    layout::{self, Layout},
    turn::Orientation,
};

/// Memory that a PNG or WebP decoder may take for each pixel allowed: four channels of 16 bits, twice.
const DECODER_BYTES_A_PIXEL: u64 = 16;

/// What shows through: in the middle of all levels, so that no part of a face ends in a hard edge.
const GROUND: u32 = 128;

/// Decodes a JPEG, PNG or WebP.
pub fn image(bytes: &[u8], limits: &Limits, attributes: Attributes) -> Result<Crop, Reject> {
    let decode = || match format(bytes)? {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits, attributes),
        other => png_or_webp(bytes, other, limits, attributes),
    };
    // Anyone may send these bytes: a panic in a decoder must not end the stream.
    let crop = catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(Reject::DecoderPanic))?;
    if crop.width == 0 || crop.height == 0 {
        return Err(Reject::NotAnImage);
    }
    Ok(crop)
}

/// The size that an image's head states, in pixels. `None` where the head says already that it will be rejected: it has
/// no size that may be decoded, or no end.
pub(super) fn size(bytes: &[u8], limits: &Limits) -> Option<(u32, u32)> {
    let layout = match format(bytes).ok()? {
        ImageFormat::Jpeg => layout::jpeg(bytes),
        ImageFormat::WebP => layout::webp(bytes),
        _ => layout::png(bytes),
    };
    let (width, height) = layout.size?;
    let may_be_decoded = limits.check((width as usize, height as usize)).is_ok();
    (layout.has_end && may_be_decoded).then_some((width, height))
}

fn format(bytes: &[u8]) -> Result<ImageFormat, Reject> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Ok(ImageFormat::Png),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Ok(ImageFormat::WebP),
        _ => Err(Reject::NotAnImage),
    }
}

fn png_or_webp(
    bytes: &[u8],
    format: ImageFormat,
    limits: &Limits,
    attributes: Attributes,
) -> Result<Crop, Reject> {
    let layout = match format {
        ImageFormat::WebP => layout::webp(bytes),
        _ => layout::png(bytes),
    };
    let decoded = pixels(bytes, format, limits);
    // A cut that a decoder filled up is still a cut.
    match decoded {
        Err(Reject::NotAnImage) | Ok(_) if !layout.has_end => return Err(Reject::Truncated),
        _ => {}
    }
    let rgb = match decoded? {
        DynamicImage::ImageRgb8(rgb) => rgb,
        other if other.color().has_alpha() => over_ground(&other),
        other => other.to_rgb8(),
    };
    let crop = Crop::from_rgb(rgb.dimensions(), rgb.as_raw(), attributes);
    Ok(orientation(&layout).apply(crop))
}

fn orientation(layout: &Layout<'_>) -> Orientation {
    layout
        .exif
        .map_or(Orientation::default(), exif::orientation)
}

/// The picture as stored; of an animation the one that a viewer without animations shows.
fn pixels(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<DynamicImage, Reject> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut caps = image::Limits::default();
    caps.max_image_width = Some(limits.image_side_max);
    caps.max_image_height = Some(limits.image_side_max);
    let bytes_max = u64::from(limits.image_side_max).pow(2) * DECODER_BYTES_A_PIXEL;
    caps.max_alloc = Some(bytes_max);
    reader.limits(caps);
    let decoder = reader.into_decoder().map_err(|error| reject_of(&error))?;
    let (width, height) = decoder.dimensions();
    limits.check((width as usize, height as usize))?;
    if decoder.total_bytes() > bytes_max {
        return Err(Reject::TooManyPixels);
    }
    DynamicImage::from_decoder(decoder).map_err(|error| reject_of(&error))
}

/// The picture over the ground, which shows where it is transparent.
fn over_ground(picture: &DynamicImage) -> RgbImage {
    let rgba = picture.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (pixel, seen) in rgba.pixels().zip(rgb.pixels_mut()) {
        let [colours @ .., alpha] = pixel.0;
        let alpha = u32::from(alpha);
        seen.0 = colours
            .map(|colour| ((u32::from(colour) * alpha + GROUND * (255 - alpha) + 127) / 255) as u8);
    }
    rgb
}

fn reject_of(error: &ImageError) -> Reject {
    match error {
        ImageError::Limits(_) => Reject::TooManyPixels,
        _ => Reject::NotAnImage,
    }
}
