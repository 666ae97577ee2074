//! A crop -> the levels of a net's input: resized, turned into RGB, one plane a colour. Pure; its buffers are used again.
//!
//! Planes are resized as they were stored, before their colours are mixed: there are fewer samples to resize, and as both
//! are linear, the order matters only to rounding and where a colour lies outside of what RGB can say (of the composites: 0.02
//! levels on average, 7 at most).

mod filters;
mod resample;

use demograph_core::record::{ColourSpace, Crop};

use self::{
    filters::Filters,
    resample::{Filter, LANES, Lengths},
};
use crate::manifest::{Colour, Input, Resize};

/// What crops are made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// The order of the planes.
    pub colour: Colour,
    pub resize: Resize,
}

impl From<&Input> for Picture {
    fn from(input: &Input) -> Self {
        Self {
            width: input.width,
            height: input.height,
            colour: input.colour,
            resize: input.resize,
        }
    }
}

/// Prepares crops for one net.
pub struct Preparer {
    picture: Picture,
    filters: Filters,
    /// Of each plane: all its rows, as wide as the input.
    rows: [Vec<f32>; 3],
    /// One row of the input, by channel.
    lines: [Vec<f32>; 3],
}

impl Preparer {
    pub fn new(picture: Picture) -> Self {
        let line = vec![0.0; (picture.width as usize).next_multiple_of(LANES)];
        Self {
            picture,
            filters: Filters::new(picture.resize),
            rows: Default::default(),
            lines: [line.clone(), line.clone(), line],
        }
    }

    /// Levels of a crop.
    pub fn levels(&self) -> usize {
        3 * (self.picture.width * self.picture.height) as usize
    }

    /// Fills the crop's place in the batch.
    pub fn write(&mut self, crop: &Crop, place: &mut [u8]) {
        assert_eq!(place.len(), self.levels(), "levels of a crop");
        let wide = self.lines[0].len();
        let columns = [0, 1, 2].map(|number| {
            let plane = &crop.planes[number];
            let [across, down] = plane.pixels_per_sample;
            let (width, height) = (self.picture.width, self.picture.height);
            let mut filter = |pixels, pixels_per_sample, outputs| {
                self.filters.get(Lengths {
                    pixels,
                    pixels_per_sample,
                    outputs,
                })
            };
            let horizontal = filter(crop.width, across, width);
            let vertical = filter(crop.height, down, height);
            let rows = &mut self.rows[number];
            rows.resize(wide * crop.height.div_ceil(down) as usize, 0.0);
            let samples = &crop.samples[plane.start..];
            horizontal.rows((samples, plane.stride), (rows, wide));
            vertical
        });
        let columns = columns.each_ref().map(AsRef::as_ref);
        let rows = self.rows.each_ref().map(Vec::as_slice);
        let lines = self.lines.each_mut().map(Vec::as_mut_slice);
        finish(
            (columns, rows),
            (lines, crop.colour_space),
            self.picture,
            place,
        );
    }
}

/// The crop at its own size: RGB, rows from the top, 3 bytes a pixel.
pub fn pixels(crop: &Crop) -> Vec<u8> {
    let mut preparer = Preparer::new(Picture {
        width: crop.width,
        height: crop.height,
        colour: Colour::Rgb,
        resize: Resize::Bilinear,
    });
    let mut planes = vec![0; preparer.levels()];
    preparer.write(crop, &mut planes);
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(red.len());
    let pixels = red.iter().zip(green).zip(blue);
    pixels
        .flat_map(|((&red, &green), &blue)| [red, green, blue])
        .collect()
}

/// Everything after the rows, one row of the input at a time. Compiled once more for processors with wider registers; the first
/// that the processor has runs.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
fn finish(
    (columns, rows): ([&Filter; 3], [&[f32]; 3]),
    (lines, colour_space): ([&mut [f32]; 3], ColourSpace),
    picture: Picture,
    place: &mut [u8],
) {
    let [first, second, third] = lines;
    for at in 0..picture.height as usize {
        columns[0].column(at, rows[0], first);
        columns[1].column(at, rows[1], second);
        columns[2].column(at, rows[2], third);
        let lines = [&*first, &*second, &*third];
        match colour_space {
            ColourSpace::Rgb => lay_out(lines, |levels| levels, (picture, at), place),
            ColourSpace::YCbCr => {
                let to_rgb = |levels| ColourSpace::YCbCr.to_rgb(levels);
                lay_out(lines, to_rgb, (picture, at), place);
            }
        }
    }
}

/// Puts the levels of one row where they belong.
#[inline(always)]
fn lay_out(
    lines: [&[f32]; 3],
    to_rgb: impl Fn([f32; 3]) -> [f32; 3],
    (picture, at): (Picture, usize),
    place: &mut [u8],
) {
    let width = picture.width as usize;
    // No index, so that there is no check to keep the compiler from computing several pixels at once.
    let pixels = lines[0].iter().zip(lines[1]).zip(lines[2]);
    let (start, rest) = place.split_at_mut(place.len() / 3);
    let (middle, end) = rest.split_at_mut(start.len());
    let planes = match picture.colour {
        Colour::Rgb => [start, middle, end],
        Colour::Bgr => [end, middle, start],
    };
    let [red, green, blue] = planes.map(|plane| &mut plane[at * width..][..width]);
    for (((red, green), blue), ((&first, &second), &third)) in
        red.iter_mut().zip(green).zip(blue).zip(pixels)
    {
        [*red, *green, *blue] = to_rgb([first, second, third]).map(whole);
    }
}

/// A whole level, as in the pictures that nets are trained on; of two that are as near, the even one. In a sum that is so large
/// the last bits count units, so the processor has rounded. Rust's own conversion is not vectorised: it took three times as
/// long as everything else here.
#[inline(always)]
fn whole(level: f32) -> u8 {
    /// 1.5 x 2^23.
    const UNITS: f32 = 12_582_912.0;
    (level + UNITS).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use demograph_core::record::Attributes;

    use super::*;

    fn prepared(colour: Colour) -> Vec<u8> {
        let crop = Crop::from_rgb((2, 1), &[11, 22, 33, 14, 25, 36], Attributes::NONE);
        let mut preparer = Preparer::new(Picture {
            width: 2,
            height: 1,
            colour,
            resize: Resize::Antialias,
        });
        let mut place = vec![0; 6];
        preparer.write(&crop, &mut place);
        place
    }

    #[test]
    fn each_colour_has_a_plane_and_their_order_is_the_manifest_s() {
        assert_eq!(prepared(Colour::Rgb), [11, 14, 22, 25, 33, 36]);
        assert_eq!(prepared(Colour::Bgr), [33, 36, 22, 25, 11, 14]);
    }

    #[test]
    fn levels_are_rounded_to_the_nearest_and_halves_to_the_even_one() {
        for parts in -3..=255 * 8 + 3 {
            let level = parts as f32 / 8.0;
            assert_eq!(whole(level), level.round_ties_even() as u8, "{level}");
        }
    }

    #[test]
    fn pixels_are_those_of_the_crop() {
        let rgb = [11, 22, 33, 14, 25, 36, 255, 0, 7, 8, 9, 255];
        let crop = Crop::from_rgb((2, 2), &rgb, Attributes::NONE);
        assert_eq!(pixels(&crop), rgb);
    }

    #[test]
    fn shrinking_with_antialias_averages_and_with_bilinear_takes_neighbours() {
        // Eight grey columns; half as wide.
        let rgb: Vec<u8> = (0..8u8).flat_map(|x| [x * 30; 3]).collect();
        let crop = Crop::from_rgb((8, 1), &rgb, Attributes::NONE);
        let shrink = |resize| {
            let mut preparer = Preparer::new(Picture {
                width: 2,
                height: 1,
                colour: Colour::Rgb,
                resize,
            });
            let mut place = vec![0; 6];
            preparer.write(&crop, &mut place);
            place[..2].to_vec()
        };
        assert_eq!(shrink(Resize::Bilinear), [45, 165]);
        assert_ne!(shrink(Resize::Antialias), shrink(Resize::Bilinear));
    }
}
