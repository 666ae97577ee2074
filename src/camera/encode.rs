//! Pixels -> JPEG; with [`decode`](demograph_model::decode) the only user of libjpeg-turbo.

use turbojpeg::{Image, PixelFormat, Subsamp, YuvImage};

/// The usual quality of crops (docs/camera.md).
const QUALITY: i32 = 90;
/// Enough to aim a camera by.
const SKETCH_QUALITY: i32 = 75;

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

/// Planes of luma and of two colours with half the width and height, one behind the other.
pub(crate) fn jpeg_of_planes(
    (width, height): (u32, u32),
    planes: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let picture = YuvImage {
        pixels: planes,
        width: width as usize,
        align: 1,
        height: height as usize,
        subsamp: Subsamp::Sub2x2,
    };
    Ok(turbojpeg::compress_yuv(picture, SKETCH_QUALITY)?.to_vec())
}
