//! Parts of a picture in which nobody is looked for: a neighbour's window, a screen, a painting. Pure.
//!
//! Promises: what lies behind the mask is black before a detector sees the frame.

use demograph_core::record::{ColourSpace, Crop, Plane};

use crate::{
    face::{Point, Rect},
    frame::Frame,
};

/// Polygons over a picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mask {
    /// Corners in parts of the frame's width and height.
    polygons: Vec<Vec<Point>>,
}

impl Mask {
    /// Corners are in parts of the picture's width and height, and so is the region, which is all that a frame shows of it.
    pub fn of(polygons: &[Vec<Point>], region: &Rect) -> Self {
        let in_frame = |corner: &Point| Point {
            x: (corner.x - region.corner.x) / region.width,
            y: (corner.y - region.corner.y) / region.height,
        };
        let polygons = polygons.iter();
        Self {
            polygons: polygons
                .map(|polygon| polygon.iter().map(in_frame).collect())
                .collect(),
        }
    }

    /// Whether a place of a frame of this size, in its pixels, lies behind the mask.
    pub fn covers(&self, place: Point, (width, height): (u32, u32)) -> bool {
        let place = place.scaled(1.0 / width as f32, 1.0 / height as f32);
        self.polygons.iter().any(|polygon| {
            let right_of = crossings(polygon, place.y)
                .into_iter()
                .filter(|x| *x > place.x);
            right_of.count() % 2 == 1
        })
    }

    /// Blackens what lies behind the mask.
    pub fn black_out(&self, frame: &mut Frame) {
        let picture = &mut frame.picture;
        let black = match picture.colour_space {
            ColourSpace::Rgb => [0; 3],
            ColourSpace::YCbCr => [0, 128, 128],
        };
        for polygon in &self.polygons {
            for (plane, level) in black.into_iter().enumerate() {
                fill(picture, plane, (polygon, level));
            }
        }
    }
}

/// Sets the samples of a plane to this level whose middle lies in the polygon.
fn fill(picture: &mut Crop, plane: usize, (polygon, level): (&[Point], u8)) {
    let Plane {
        start,
        stride,
        pixels_per_sample: [across, down],
    } = picture.planes[plane];
    let (width, height) = (picture.width as usize, picture.height as usize);
    let (across, down) = (across as usize, down as usize);
    let samples_in_row = width.div_ceil(across);
    // From a place in parts of the width to the first sample whose middle is not before it.
    let sample = |x: f32| {
        let place = (x * width as f32 / across as f32 - 0.5).ceil();
        (place.max(0.0) as usize).min(samples_in_row)
    };
    for row in 0..height.div_ceil(down) {
        let middle = (row as f32 + 0.5) * down as f32 / height as f32;
        let crossings = crossings(polygon, middle);
        for pair in crossings.as_chunks::<2>().0 {
            let [from, to] = pair.map(sample);
            let line = start + row * stride;
            picture.samples[line + from..line + to].fill(level);
        }
    }
}

/// Where a level line crosses a polygon's sides, from left to right: an even number of times.
fn crossings(polygon: &[Point], y: f32) -> Vec<f32> {
    let next = polygon.iter().cycle().skip(1);
    let mut places: Vec<f32> = polygon
        .iter()
        .zip(next)
        .filter(|(from, to)| (from.y <= y) != (to.y <= y))
        .map(|(from, to)| from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x))
        .collect();
    places.sort_by(f32::total_cmp);
    places
}

#[cfg(test)]
mod tests {
    use demograph_model::prepare::pixels;

    use super::*;

    const WHOLE: Rect = Rect {
        corner: Point { x: 0.0, y: 0.0 },
        width: 1.0,
        height: 1.0,
    };

    fn polygon(corners: &[(f32, f32)]) -> Vec<Point> {
        corners.iter().map(|&(x, y)| Point { x, y }).collect()
    }

    /// The columns and rows of a white frame that are black behind the mask.
    fn black(mask: &Mask, (width, height): (u32, u32), mut frame: Frame) -> Vec<(u32, u32)> {
        mask.black_out(&mut frame);
        let rgb = pixels(frame.picture());
        let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        at.zip(rgb.as_chunks::<3>().0)
            .filter(|(_, rgb)| **rgb == [0; 3])
            .map(|(place, _)| place)
            .collect()
    }

    #[test]
    fn exactly_the_covered_pixels_are_black_in_every_layout() {
        // A square with a notch from the right: not convex.
        let notched = polygon(&[
            (0.25, 0.25),
            (0.75, 0.25),
            (0.5, 0.5),
            (0.75, 0.75),
            (0.25, 0.75),
        ]);
        let size = (40, 24);
        let mask = Mask::of(
            &[
                notched,
                polygon(&[(0.9, 0.0), (1.2, 0.0), (1.2, 0.5), (0.9, 0.5)]),
            ],
            &WHOLE,
        );
        let white = Frame::of_rgb(size, &vec![255; 40 * 24 * 3]);
        let found = black(&mask, size, white);
        let at = (0..24).flat_map(|y| (0..40).map(move |x| (x, y)));
        let middle = |(x, y): (u32, u32)| Point {
            x: x as f32 + 0.5,
            y: y as f32 + 0.5,
        };
        let covered: Vec<(u32, u32)> = at
            .filter(|place| mask.covers(middle(*place), size))
            .collect();
        assert_eq!(found, covered);
        assert!(covered.contains(&(10, 6)) && !covered.contains(&(9, 6)));
        assert!(!covered.contains(&(28, 12)) && covered.contains(&(12, 12)));
        assert!(covered.contains(&(39, 0)) && !covered.contains(&(39, 12)));
        // White, as ffmpeg gives it: black all over where a sample of colour lies within.
        let mut samples = vec![255; 40 * 24];
        samples.extend(vec![128; 2 * 20 * 12]);
        let found = black(&mask, size, Frame::of_i420(size, samples));
        assert_eq!(found, covered);
    }

    #[test]
    fn corners_are_of_the_picture_also_where_a_frame_shows_a_part_of_it() {
        let region = Rect {
            corner: Point { x: 0.5, y: 0.25 },
            width: 0.5,
            height: 0.5,
        };
        let mask = Mask::of(
            &[polygon(&[(0.0, 0.0), (0.75, 0.0), (0.75, 1.0), (0.0, 1.0)])],
            &region,
        );
        let size = (100, 100);
        assert!(mask.covers(Point { x: 49.0, y: 50.0 }, size));
        assert!(!mask.covers(Point { x: 51.0, y: 50.0 }, size));
        assert!(!Mask::default().covers(Point { x: 49.0, y: 50.0 }, size));
    }
}
