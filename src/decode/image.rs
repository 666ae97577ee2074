//! Bytes -> pixels. The format goes by the first bytes, never by what was declared; size is checked before
//! memory is taken. EXIF orientation is ignored: crops come upright from a detector. Transparency is dropped.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::{DynamicImage, ImageError, ImageFormat, ImageReader};

use super::{Limits, Reject, jpeg};
use crate::record::{Attributes, Crop};

/// Memory that a PNG or WebP decoder may take for each pixel allowed: four channels of 16 bits, twice.
const DECODER_BYTES_A_PIXEL: u64 = 16;

/// The name and the checksum of the last chunk.
const PNG_END: &[u8] = b"IEND\xAE\x42\x60\x82";

/// Decodes a JPEG, PNG or WebP.
pub fn image(bytes: &[u8], limits: &Limits, attributes: Attributes) -> Result<Crop, Reject> {
    let decode = || match format(bytes)? {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits, attributes),
        other => png_or_webp(bytes, (other, limits), attributes),
    };
    // The decoders are fed by strangers; a panic in one of them must not end the stream.
    let crop = catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(Reject::DecoderPanic))?;
    if crop.width == 0 || crop.height == 0 {
        return Err(Reject::NotAnImage);
    }
    Ok(crop)
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
    (format, limits): (ImageFormat, &Limits),
    attributes: Attributes,
) -> Result<Crop, Reject> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut caps = image::Limits::default();
    caps.max_image_width = Some(limits.image_side_max);
    caps.max_image_height = Some(limits.image_side_max);
    caps.max_alloc = Some(u64::from(limits.image_side_max).pow(2) * DECODER_BYTES_A_PIXEL);
    reader.limits(caps);
    let decoded = reader
        .decode()
        .map_err(|error| fault(&error, bytes, format))?;
    if is_cut(bytes, format) {
        return Err(Reject::Truncated);
    }
    let rgb = match decoded {
        DynamicImage::ImageRgb8(rgb) => rgb,
        other => other.to_rgb8(),
    };
    Ok(Crop::from_rgb(rgb.dimensions(), rgb.as_raw(), attributes))
}

fn fault(error: &ImageError, bytes: &[u8], format: ImageFormat) -> Reject {
    match error {
        ImageError::Limits(_) => Reject::TooManyPixels,
        _ if is_cut(bytes, format) => Reject::Truncated,
        _ => Reject::NotAnImage,
    }
}

/// Whether the container says that more bytes should follow.
fn is_cut(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::WebP => {
            let stated = bytes.get(4..8).and_then(|size| size.try_into().ok());
            stated.is_none_or(|size| {
                (u32::from_le_bytes(size) as usize).saturating_add(8) > bytes.len()
            })
        }
        _ => !bytes.windows(8).rev().any(|end| end == PNG_END),
    }
}
