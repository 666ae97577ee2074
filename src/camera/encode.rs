//! Pixels -> JPEG; with [`decode`](demograph_model::decode) the only user of libjpeg-turbo.

use turbojpeg::{Image, PixelFormat, Subsamp};

/// The usual quality of crops (docs/camera.md).
const QUALITY: i32 = 90;

/// RGB, rows from the top, 3 bytes a pixel.
pub(crate) fn jpeg((width, height): (u32, u32), rgb: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (width, height) = (width as usize, height as usize);
    let picture = Image {
        pixels: rgb,
        width,
        pitch: 3 * width,
        height,
        format: PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(picture, QUALITY, Subsamp::Sub2x2)?.to_vec())
}
