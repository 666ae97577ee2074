//! How large a picture goes into the net: as small as the smallest wanted face allows. Pure.

/// The net halves its input five times.
const STRIDE: u32 = 32;
/// More pixels than these are not given to the net: it would take some gigabytes of memory for one picture.
const PIXELS_MAX: u64 = 24_000_000;

/// The size of a picture in the net.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSize {
    picture: (u32, u32),
    scaled: (u32, u32),
}

/// The picture is too large for the smallest face that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the picture has {width}x{height} pixels, and faces of {min_face} pixels cannot be looked for in so many: \
     set min_face (--min-face) to {fits} or more"
)]
pub struct TooLarge {
    width: u32,
    height: u32,
    min_face: f32,
    fits: u32,
}

impl InputSize {
    /// The shorter side of a face in the net's input, in pixels, from which the net finds nearly every one (docs/camera.md).
    pub const SIDE_OF_FACE: f32 = 25.0;

    /// It may be so much shorter where less of the input is then empty.
    const SIDE_LEAST: f32 = 24.0;

    /// For a picture of this size. The net never sees it larger than it is.
    pub fn of(picture: (u32, u32), min_face: f32) -> Result<Self, TooLarge> {
        let (width, height) = picture;
        let scale = Self::SIDE_OF_FACE / min_face;
        let size = match scale < 1.0 {
            true => Self::fullest(picture, Self::SIDE_LEAST / min_face, scale),
            false => Self::scaled_by(picture, 1.0),
        };
        let pixels = u64::from(size.scaled.0) * u64::from(size.scaled.1);
        if pixels <= PIXELS_MAX {
            return Ok(size);
        }
        let all = f64::from(width) * f64::from(height);
        let side = f64::from(Self::SIDE_OF_FACE) * (all / PIXELS_MAX as f64).sqrt();
        Err(TooLarge {
            width,
            height,
            min_face,
            // Rounded sides may take a few pixels more.
            fits: (side * 1.001).ceil() as u32,
        })
    }

    fn scaled_by(picture: (u32, u32), scale: f32) -> Self {
        let scaled = |side: u32| ((side as f32 * scale).round() as u32).max(1);
        Self {
            picture,
            scaled: (scaled(picture.0), scaled(picture.1)),
        }
    }

    /// Of the sizes between these scales the one that fills most of its input: the largest, or one whose width or height needs no
    /// filling.
    fn fullest(picture: (u32, u32), least: f32, most: f32) -> Self {
        let unfilled = |side: u32| {
            let whole = (side as f32 * most) as u32 / STRIDE * STRIDE;
            whole as f32 / side as f32
        };
        let scales = [unfilled(picture.0), unfilled(picture.1)];
        let sizes = scales
            .into_iter()
            .filter(|scale| (least..most).contains(scale))
            .map(|scale| Self::scaled_by(picture, scale));
        let largest = Self::scaled_by(picture, most);
        sizes.fold(largest, |best, size| {
            if size.filled() > best.filled() {
                size
            } else {
                best
            }
        })
    }

    /// The part of the input that shows the picture.
    fn filled(self) -> f64 {
        let area = |(width, height): (u32, u32)| f64::from(width) * f64::from(height);
        area(self.scaled) / area(self.padded())
    }

    /// Width and height of the scaled picture.
    pub fn scaled(self) -> (u32, u32) {
        self.scaled
    }

    /// Width and height of the net's input.
    pub fn padded(self) -> (u32, u32) {
        let (width, height) = self.scaled;
        (
            width.next_multiple_of(STRIDE),
            height.next_multiple_of(STRIDE),
        )
    }

    /// Pixels of the picture for one of the input, in width and height.
    pub fn to_picture(self) -> (f32, f32) {
        (
            self.picture.0 as f32 / self.scaled.0 as f32,
            self.picture.1 as f32 / self.scaled.1 as f32,
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_picture_is_shrunk_as_far_as_its_smallest_face_allows_and_never_widened() {
        for (picture, min_face, scaled, padded) in [
            ((1920, 1080), 50.0, (960, 540), (960, 544)),
            // 1200x675 in 1216x704 would be a twentieth of emptiness.
            ((1920, 1080), 40.0, (1184, 666), (1184, 672)),
            ((1280, 720), 40.0, (796, 448), (800, 448)),
            ((640, 360), 25.0, (640, 360), (640, 384)),
            ((1920, 1080), 25.0, (1920, 1080), (1920, 1088)),
            ((640, 480), 10.0, (640, 480), (640, 480)),
            ((1, 1), 480.0, (1, 1), (32, 32)),
        ] {
            let size = InputSize::of(picture, min_face).unwrap();
            assert_eq!((size.scaled(), size.padded()), (scaled, padded));
        }
    }

    proptest! {
        #[test]
        fn the_smallest_face_has_24_pixels_or_more_and_no_more_is_computed_than_for_25(
            width in 100u32..4000, height in 100u32..4000, min_face in 25.0f32..200.0,
        ) {
            let size = InputSize::of((width, height), min_face).unwrap();
            let (across, down) = size.to_picture();
            // Sides are whole pixels.
            let least = 24.0 * (1.0 - 0.6 / size.scaled().0.min(size.scaled().1) as f32);
            prop_assert!(min_face / across >= least && min_face / down >= least, "{size:?}");
            let largest = InputSize::scaled_by((width, height), 25.0 / min_face);
            prop_assert!(size.padded().0 <= largest.padded().0 && size.padded().1 <= largest.padded().1);
        }

        #[test]
        fn too_large_a_picture_says_which_faces_can_be_looked_for(
            width in 1u32..16_384, height in 1u32..16_384, min_face in 8.0f32..200.0,
        ) {
            if let Err(error) = InputSize::of((width, height), min_face) {
                prop_assert!(error.fits as f32 > min_face, "{error}");
                prop_assert!(InputSize::of((width, height), error.fits as f32).is_ok(), "{error}");
            }
        }
    }
}
