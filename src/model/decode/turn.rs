//! Turns a crop upright, plane by plane, as its EXIF orientation says.
//!
//! Promises: an upright crop is handed back as it is, at no cost; others keep every sample. A plane with fewer samples
//! than pixels can be mirrored only where its samples fill the picture: ask [`Orientation::keeps_samples`] first.

use demograph_core::record::{Crop, Plane};

/// The values 1 to 8 of EXIF's tag `Orientation` (CIPA DC-008, 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Orientation {
    /// After the mirrors: rows become columns.
    swap: bool,
    /// The picture is stored with left and right swapped.
    mirror_x: bool,
    /// The picture is stored upside down.
    mirror_y: bool,
}

impl Orientation {
    pub(super) fn of_tag(tag: u32) -> Option<Self> {
        let (mirror_x, mirror_y) = match tag {
            1 | 5 => (false, false),
            2 | 8 => (true, false),
            3 | 7 => (true, true),
            4 | 6 => (false, true),
            _ => return None,
        };
        Some(Self {
            swap: tag >= 5,
            mirror_x,
            mirror_y,
        })
    }

    /// Whether samples that stand for so many pixels each can be mirrored: the last one of a row or a column
    /// must not stand for fewer pixels than the others, for then it would come first.
    pub(super) fn keeps_samples(
        self,
        (width, height): (usize, usize),
        (across, down): (usize, usize),
    ) -> bool {
        (!self.mirror_x || width.is_multiple_of(across))
            && (!self.mirror_y || height.is_multiple_of(down))
    }

    /// The crop upright.
    pub(super) fn apply(self, crop: Crop) -> Crop {
        if self == Self::default() {
            return crop;
        }
        let mut samples = Vec::with_capacity(crop.samples.len());
        let planes = crop.planes.map(|plane| {
            let start = samples.len();
            let [across, down] = plane.pixels_per_sample;
            let stored = (
                crop.width.div_ceil(across) as usize,
                crop.height.div_ceil(down) as usize,
            );
            self.copy(
                &crop.samples[plane.start..],
                plane.stride,
                stored,
                &mut samples,
            );
            let (stride, pixels_per_sample) = if self.swap {
                (stored.1, [down, across])
            } else {
                (stored.0, [across, down])
            };
            Plane {
                start,
                stride,
                pixels_per_sample,
            }
        });
        samples.resize(samples.len() + Crop::MARGIN, 0);
        let (width, height) = if self.swap {
            (crop.height, crop.width)
        } else {
            (crop.width, crop.height)
        };
        Crop {
            width,
            height,
            planes,
            samples,
            ..crop
        }
    }

    fn copy(
        self,
        stored: &[u8],
        stride: usize,
        (width, height): (usize, usize),
        upright: &mut Vec<u8>,
    ) {
        let column = |x: usize| if self.mirror_x { width - 1 - x } else { x };
        let row = |y: usize| if self.mirror_y { height - 1 - y } else { y };
        if self.swap {
            for x in (0..width).map(column) {
                upright.extend((0..height).map(|y| stored[row(y) * stride + x]));
            }
        } else {
            for y in (0..height).map(row) {
                let line = &stored[y * stride..][..width];
                upright.extend((0..width).map(|x| line[column(x)]));
            }
        }
    }
}
