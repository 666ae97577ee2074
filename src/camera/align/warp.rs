//! The pixels of a crop, taken from the planes of a frame: bilinear, each the mean of as many places as it covers pixels.

use demograph_core::record::{Crop, Plane};

use super::Similarity;
use crate::face::Point;

/// A pixel of the crop is the mean of at most so many places in a row. A face of 16 times the crop's side is rare.
const PLACES_MAX: usize = 16;

/// An aligned face. It holds a face: it cannot be copied or printed.
pub struct Aligned {
    /// Width and height in pixels.
    pub side: u32,
    /// Rows from the top, 3 bytes a pixel.
    pub rgb: Vec<u8>,
    /// The side of the same square in the frame, in its pixels: how much there was to see.
    pub side_in_frame: f32,
    /// The part of the crop that the frame shows; the rest is its border, repeated.
    pub inside: f32,
}

/// `to_frame` says where a place of the crop lies in the frame.
pub(super) fn warp(frame: &Crop, to_frame: Similarity, side: u32) -> Aligned {
    let planes = frame
        .planes
        .each_ref()
        .map(|plane| Samples::of(frame, plane, to_frame.scale()));
    let mut rgb = Vec::with_capacity(3 * (side * side) as usize);
    for row in 0..side {
        for column in 0..side {
            let corner = Point {
                x: column as f32,
                y: row as f32,
            };
            let levels = planes.each_ref().map(|plane| plane.mean(corner, &to_frame));
            let pixel = frame.colour_space.to_rgb(levels);
            rgb.extend(pixel.map(whole));
        }
    }
    Aligned {
        side,
        rgb,
        side_in_frame: to_frame.scale() * side as f32,
        inside: inside(frame, &to_frame, side),
    }
}

/// A whole level, of two that are as near the even one. Rust's own rounding is a call into a library where the processor is not
/// known.
fn whole(level: f32) -> u8 {
    /// 1.5 x 2^23: in a sum that is so large the last bits count units, so the processor has rounded.
    const UNITS: f32 = 12_582_912.0;
    (level + UNITS).to_bits() as u8
}

/// The part of the crop's pixels that the frame shows.
fn inside(frame: &Crop, to_frame: &Similarity, side: u32) -> f32 {
    let shows = |x: f32, y: f32| {
        let place = to_frame.apply(Point { x, y });
        (0.0..=frame.width as f32).contains(&place.x)
            && (0.0..=frame.height as f32).contains(&place.y)
    };
    let last = side as f32;
    // A square whose corners are in the frame is in it.
    if [(0.0, 0.0), (last, 0.0), (0.0, last), (last, last)]
        .into_iter()
        .all(|(x, y)| shows(x, y))
    {
        return 1.0;
    }
    let pixels = (0..side).flat_map(|row| (0..side).map(move |column| (column, row)));
    let shown = pixels.filter(|&(x, y)| shows(x as f32 + 0.5, y as f32 + 0.5));
    shown.count() as f32 / (side * side) as f32
}

/// One plane of a frame.
struct Samples<'a> {
    /// One pixel of the crop is the mean of so many places in a row: as many as it covers samples.
    places: usize,
    samples: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
    /// Samples for a pixel, in width and height.
    per_pixel: [f32; 2],
}

impl<'a> Samples<'a> {
    /// A pixel of the crop covers `scale` pixels of the frame, in a row.
    fn of(frame: &'a Crop, plane: &Plane, scale: f32) -> Self {
        let [across, down] = plane.pixels_per_sample;
        let samples = scale / across.min(down) as f32;
        Self {
            places: (samples.round() as usize).clamp(1, PLACES_MAX),
            samples: &frame.samples[plane.start..],
            stride: plane.stride,
            width: frame.width.div_ceil(across) as usize,
            height: frame.height.div_ceil(down) as usize,
            per_pixel: [1.0 / across as f32, 1.0 / down as f32],
        }
    }

    /// The mean level over one pixel of the crop.
    fn mean(&self, corner: Point, to_frame: &Similarity) -> f32 {
        let step = 1.0 / self.places as f32;
        let mut sum = 0.0;
        for down in 0..self.places {
            for across in 0..self.places {
                let place = corner.plus((across as f32 + 0.5) * step, (down as f32 + 0.5) * step);
                sum += self.level(to_frame.apply(place));
            }
        }
        sum * step * step
    }

    /// Between the middles of the four nearest samples; beyond the border as at the border.
    #[inline]
    fn level(&self, place: Point) -> f32 {
        let (left, right, across) = between(place.x * self.per_pixel[0], self.width);
        let (top, bottom, down) = between(place.y * self.per_pixel[1], self.height);
        let sample =
            |row: usize, column: usize| f32::from(self.samples[row * self.stride + column]);
        let mixed = |row| sample(row, left) * (1.0 - across) + sample(row, right) * across;
        mixed(top) * (1.0 - down) + mixed(bottom) * down
    }
}

/// The two samples that a place lies between, and how far it is from the first.
#[inline]
fn between(place: f32, samples: usize) -> (usize, usize, f32) {
    let last = samples - 1;
    let at = (place - 0.5).clamp(0.0, last as f32);
    let first = at as usize;
    (first, (first + 1).min(last), at - first as f32)
}
