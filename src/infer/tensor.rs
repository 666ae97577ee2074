//! A crop -> the numbers of a net's input: resized, normalised, laid out. Pure; its buffers are used again.

use anyhow::Context;
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::manifest::{Colour, Input, Layout, Resize};
use crate::record::Crop;

/// Prepares crops for one net.
pub struct Preparer {
    input: Input,
    options: ResizeOptions,
    resizer: Resizer,
    resized: Image<'static>,
}

impl Preparer {
    pub fn new(input: &Input) -> Self {
        let algorithm = match input.resize {
            Resize::Antialias => ResizeAlg::Convolution(FilterType::Bilinear),
            Resize::Bilinear => ResizeAlg::Interpolation(FilterType::Bilinear),
        };
        Self {
            input: input.clone(),
            options: ResizeOptions::new().resize_alg(algorithm),
            resizer: Resizer::new(),
            resized: Image::new(input.width, input.height, PixelType::U8x3),
        }
    }

    /// Numbers in a crop's input.
    pub fn numbers(&self) -> usize {
        3 * (self.input.width * self.input.height) as usize
    }

    /// Fills the crop's place in the batch.
    pub fn write(&mut self, crop: &Crop, place: &mut [f32]) -> anyhow::Result<()> {
        let is_right_size = (crop.width, crop.height) == (self.input.width, self.input.height);
        if is_right_size {
            normalise(&crop.rgb, &self.input, place);
            return Ok(());
        }
        let picture = ImageRef::new(crop.width, crop.height, &crop.rgb, PixelType::U8x3)
            .context("the crop's size does not fit its pixels")?;
        self.resizer
            .resize(&picture, &mut self.resized, &self.options)
            .context("resize a crop")?;
        normalise(self.resized.buffer(), &self.input, place);
        Ok(())
    }
}

fn normalise(rgb: &[u8], input: &Input, place: &mut [f32]) {
    // Of each channel as the picture has it: where its values go, and what becomes of them.
    let channel = |at: usize| match input.colour {
        Colour::Rgb => at,
        Colour::Bgr => 2 - at,
    };
    let mean = [0, 1, 2].map(|at| input.mean[channel(at)]);
    let scale = [0, 1, 2].map(|at| 1.0 / input.std[channel(at)]);
    match input.layout {
        Layout::Nchw => {
            let (first, rest) = place.split_at_mut(place.len() / 3);
            let (second, third) = rest.split_at_mut(first.len());
            let planes = match input.colour {
                Colour::Rgb => [first, second, third],
                Colour::Bgr => [third, second, first],
            };
            normalise_planes(rgb, (mean, scale), planes);
        }
        Layout::Nhwc => {
            let cells = place.as_chunks_mut::<3>().0.iter_mut();
            for (cell, pixel) in cells.zip(rgb.as_chunks::<3>().0) {
                for at in 0..3 {
                    cell[channel(at)] = (f32::from(pixel[at]) - mean[at]) * scale[at];
                }
            }
        }
    }
}

/// Takes the channels of the pixels apart. Compiled once more for processors with wider registers, where it takes a
/// quarter of the time.
#[multiversion::multiversion(targets("x86_64+avx2+fma", "x86_64+avx512f+avx512bw+avx512vl"))]
fn normalise_planes(
    rgb: &[u8],
    (mean, scale): ([f32; 3], [f32; 3]),
    [red, green, blue]: [&mut [f32]; 3],
) {
    // Equal lengths, said so that the compiler sees them.
    let pixels = &rgb.as_chunks::<3>().0[..red.len()];
    let (green, blue) = (&mut green[..pixels.len()], &mut blue[..pixels.len()]);
    for (at, pixel) in pixels.iter().enumerate() {
        red[at] = (f32::from(pixel[0]) - mean[0]) * scale[0];
        green[at] = (f32::from(pixel[1]) - mean[1]) * scale[1];
        blue[at] = (f32::from(pixel[2]) - mean[2]) * scale[2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attributes;

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
        let crop = Crop {
            width: 2,
            height: 1,
            rgb: vec![11, 22, 33, 14, 25, 36],
            attributes: Attributes::NONE,
        };
        let mut place = vec![0.0; 6];
        Preparer::new(&input(layout, colour))
            .write(&crop, &mut place)
            .unwrap();
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
        let crop = Crop {
            width: 8,
            height: 1,
            rgb,
            attributes: Attributes::NONE,
        };
        let shrink = |resize| {
            let input = Input {
                width: 2,
                resize,
                mean: [0.0; 3],
                std: [1.0; 3],
                ..input(Layout::Nchw, Colour::Rgb)
            };
            let mut place = vec![0.0; 6];
            Preparer::new(&input).write(&crop, &mut place).unwrap();
            place[..2].to_vec()
        };
        assert_eq!(shrink(Resize::Bilinear), [45.0, 165.0]);
        assert_ne!(shrink(Resize::Antialias), shrink(Resize::Bilinear));
    }
}
