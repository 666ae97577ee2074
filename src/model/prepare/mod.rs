//! A crop -> the numbers of a net's input: resized, turned into RGB, normalised, laid out. Pure; its buffers are used again.
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
use crate::manifest::{Colour, Input, Layout, Resize};

/// Prepares crops for one net.
pub struct Preparer {
    input: Input,
    filters: Filters,
    /// Of each plane: all its rows, as wide as the input.
    rows: [Vec<f32>; 3],
    /// One row of the input, by channel.
    lines: [Vec<f32>; 3],
}

impl Preparer {
    pub fn new(input: &Input) -> Self {
        let line = vec![0.0; (input.width as usize).next_multiple_of(LANES)];
        Self {
            input: input.clone(),
            filters: Filters::new(input.resize),
            rows: Default::default(),
            lines: [line.clone(), line.clone(), line],
        }
    }

    /// Numbers in a crop's input.
    pub fn numbers(&self) -> usize {
        3 * (self.input.width * self.input.height) as usize
    }

    /// Fills the crop's place in the batch.
    pub fn write(&mut self, crop: &Crop, place: &mut [f32]) {
        assert_eq!(place.len(), self.numbers(), "numbers of a crop's input");
        let wide = self.lines[0].len();
        let columns = [0, 1, 2].map(|number| {
            let plane = &crop.planes[number];
            let [across, down] = plane.pixels_per_sample;
            let (width, height) = (self.input.width, self.input.height);
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
            &self.input,
            place,
        );
    }
}

/// The crop at its own size: RGB, rows from the top, 3 bytes a pixel.
pub fn pixels(crop: &Crop) -> Vec<u8> {
    let mut preparer = Preparer::new(&Input {
        name: String::new(),
        layout: Layout::Nhwc,
        width: crop.width,
        height: crop.height,
        colour: Colour::Rgb,
        resize: Resize::Bilinear,
        mean: [0.0; 3],
        std: [1.0; 3],
    });
    let mut levels = vec![0.0; preparer.numbers()];
    preparer.write(crop, &mut levels);
    levels.into_iter().map(|level| level as u8).collect()
}

/// Everything after the rows, one row of the input at a time. Compiled once more for processors with wider registers; the first
/// that the processor has runs.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma"))]
fn finish(
    (columns, rows): ([&Filter; 3], [&[f32]; 3]),
    (lines, colour_space): ([&mut [f32]; 3], ColourSpace),
    input: &Input,
    place: &mut [f32],
) {
    let [first, second, third] = lines;
    for at in 0..input.height as usize {
        columns[0].column(at, rows[0], first);
        columns[1].column(at, rows[1], second);
        columns[2].column(at, rows[2], third);
        let lines = [&*first, &*second, &*third];
        match colour_space {
            ColourSpace::Rgb => lay_out(lines, |levels| levels, (input, at), place),
            ColourSpace::YCbCr => {
                let to_rgb = |levels| ColourSpace::YCbCr.to_rgb(levels);
                lay_out(lines, to_rgb, (input, at), place);
            }
        }
    }
}

/// Normalises one row of the input and puts its numbers where they belong.
#[inline(always)]
fn lay_out(
    lines: [&[f32]; 3],
    to_rgb: impl Fn([f32; 3]) -> [f32; 3],
    (input, at): (&Input, usize),
    place: &mut [f32],
) {
    // Of red, green and blue: where the net wants it.
    let channels = match input.colour {
        Colour::Rgb => [0, 1, 2],
        Colour::Bgr => [2, 1, 0],
    };
    let mean = channels.map(|channel| input.mean[channel]);
    let scale = channels.map(|channel| 1.0 / input.std[channel]);
    let width = input.width as usize;
    let finished = |levels| {
        // Whole levels, as in the pictures that nets are trained on.
        let [red, green, blue] = to_rgb(levels).map(f32::round_ties_even);
        [
            (red - mean[0]) * scale[0],
            (green - mean[1]) * scale[1],
            (blue - mean[2]) * scale[2],
        ]
    };
    // No index, so that there is no check to keep the compiler from computing several pixels at once.
    let pixels = lines[0].iter().zip(lines[1]).zip(lines[2]);
    let pixels = pixels.map(|((&first, &second), &third)| [first, second, third]);
    match input.layout {
        Layout::Nchw => {
            let (start, rest) = place.split_at_mut(place.len() / 3);
            let (middle, end) = rest.split_at_mut(start.len());
            let planes = match input.colour {
                Colour::Rgb => [start, middle, end],
                Colour::Bgr => [end, middle, start],
            };
            let [red, green, blue] = planes.map(|plane| &mut plane[at * width..][..width]);
            for (((red, green), blue), levels) in red.iter_mut().zip(green).zip(blue).zip(pixels) {
                [*red, *green, *blue] = finished(levels);
            }
        }
        Layout::Nhwc => {
            let cells = &mut place.as_chunks_mut::<3>().0[at * width..][..width];
            for (cell, levels) in cells.iter_mut().zip(pixels) {
                for (channel, number) in channels.into_iter().zip(finished(levels)) {
                    cell[channel] = number;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use demograph_core::record::Attributes;

    use super::*;

    fn input(layout: Layout, colour: Colour) -> Input {
        Input {
            name: "x".into(),
            layout,
            width: 2,
            height: 1,
            colour,
            resize: Resize::Antialias,
            mean: [10.0, 20.0, 30.0],
            std: [1.0, 2.0, 1.0],
        }
    }

    fn prepared(layout: Layout, colour: Colour) -> Vec<f32> {
        let crop = Crop::from_rgb((2, 1), &[11, 22, 33, 14, 25, 36], Attributes::NONE);
        let mut place = vec![0.0; 6];
        Preparer::new(&input(layout, colour)).write(&crop, &mut place);
        place
    }

    #[test]
    fn layout_colour_order_mean_and_std_are_the_manifest_s() {
        assert_eq!(
            prepared(Layout::Nchw, Colour::Rgb),
            [1.0, 4.0, 1.0, 2.5, 3.0, 6.0]
        );
        assert_eq!(
            prepared(Layout::Nhwc, Colour::Rgb),
            [1.0, 1.0, 3.0, 4.0, 2.5, 6.0]
        );
        assert_eq!(
            prepared(Layout::Nchw, Colour::Bgr),
            [23.0, 26.0, 1.0, 2.5, -19.0, -16.0]
        );
    }

    #[test]
    fn shrinking_with_antialias_averages_and_with_bilinear_takes_neighbours() {
        // Eight grey columns; half as wide.
        let rgb: Vec<u8> = (0..8u8).flat_map(|x| [x * 30; 3]).collect();
        let crop = Crop::from_rgb((8, 1), &rgb, Attributes::NONE);
        let shrink = |resize| {
            let input = Input {
                width: 2,
                resize,
                mean: [0.0; 3],
                std: [1.0; 3],
                ..input(Layout::Nchw, Colour::Rgb)
            };
            let mut place = vec![0.0; 6];
            Preparer::new(&input).write(&crop, &mut place);
            place[..2].to_vec()
        };
        assert_eq!(shrink(Resize::Bilinear), [45.0, 165.0]);
        assert_ne!(shrink(Resize::Antialias), shrink(Resize::Bilinear));
    }
}
