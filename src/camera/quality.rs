//! How good a crop is, 0 to 1: the product of four parts, each 0 to 1. Pure.
//!
//! Only the ratio of two crops of one camera counts: the better one is estimated.

use crate::{
    align::Aligned,
    face::{Landmarks, Point},
};

/// The variance of the Laplacian at which sharpness is one half: the median of faces 75 pixels wide in videos of
/// 640x480 pixels (docs/camera.md).
const HALF_SHARP: f32 = 10.0;

/// The parts of a crop's quality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Pixels that the frame has for one of the crop, in a row; at most 1.
    pub size: f32,
    /// v / (v + 10), where v is the variance of the Laplacian of the crop's luma.
    pub sharpness: f32,
    /// 1 if the nose is midway between the eyes, 0 if it is below one of them or further out. Of turns to the side only.
    pub frontality: f32,
    /// The part of the crop that lies within the frame.
    pub inside: f32,
}

impl Quality {
    /// Of a crop and the points that it was aligned by.
    pub fn of(crop: &Aligned, landmarks: &Landmarks) -> Self {
        let variance = laplacian_variance(&luma(&crop.rgb), crop.side as usize);
        Self {
            size: (crop.side_in_frame / crop.side as f32).min(1.0),
            sharpness: variance / (variance + HALF_SHARP),
            frontality: frontality(landmarks),
            inside: crop.inside,
        }
    }

    /// All parts together.
    pub fn product(&self) -> f32 {
        self.size * self.sharpness * self.frontality * self.inside
    }
}

/// ITU-R BT.601.
fn luma(rgb: &[u8]) -> Vec<f32> {
    let pixels = rgb.as_chunks::<3>().0.iter();
    pixels
        .map(|&[red, green, blue]| {
            0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
        })
        .collect()
}

/// Of the pixels that have four neighbours: how much their difference from these varies (Pech-Pacheco et al., 2000).
fn laplacian_variance(luma: &[f32], side: usize) -> f32 {
    let [mut sum, mut squares, mut count] = [0.0f64; 3];
    for row in 1..side.saturating_sub(1) {
        for at in row * side + 1..row * side + side - 1 {
            let round = luma[at - 1] + luma[at + 1] + luma[at - side] + luma[at + side];
            let difference = f64::from(round - 4.0 * luma[at]);
            sum += difference;
            squares += difference * difference;
            count += 1.0;
        }
    }
    if count == 0.0 {
        return 0.0;
    }
    let mean = sum / count;
    (squares / count - mean * mean).max(0.0) as f32
}

fn frontality(landmarks: &Landmarks) -> f32 {
    let Landmarks {
        left_eye,
        right_eye,
        nose,
        ..
    } = *landmarks;
    let middle = Point {
        x: (left_eye.x + right_eye.x) / 2.0,
        y: (left_eye.y + right_eye.y) / 2.0,
    };
    let [x, y] = left_eye.to(right_eye);
    let [across, down] = middle.to(nose);
    let square = x * x + y * y;
    // How far the nose is from the middle, along the line of the eyes, in parts of their distance.
    let aside = ((across * x + down * y) / square).abs();
    if aside.is_finite() {
        (1.0 - 2.0 * aside).max(0.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::landmarks_of_crop;

    fn crop(level: impl Fn(usize, usize) -> u8) -> Aligned {
        let side = 16;
        let rgb = (0..side * side).flat_map(|at| [level(at % side, at / side); 3]);
        Aligned {
            side: side as u32,
            rgb: rgb.collect(),
            side_in_frame: 12.0,
            inside: 0.5,
        }
    }

    #[test]
    fn the_parts_are_what_they_are_said_to_be_and_the_whole_is_their_product() {
        // A Laplacian of ±4 * 1 everywhere: its variance is 16.
        let board = crop(|x, y| if (x + y) % 2 == 0 { 100 } else { 101 });
        let quality = Quality::of(&board, &landmarks_of_crop(160));
        assert_eq!((quality.size, quality.inside), (0.75, 0.5));
        assert!(
            (quality.sharpness - 16.0 / 26.0).abs() < 1e-3,
            "{quality:?}"
        );
        // The shipped geometry has the nose a little to the left.
        assert!((quality.frontality - 0.966).abs() < 1e-3, "{quality:?}");
        let product = 0.75 * 0.5 * quality.sharpness * quality.frontality;
        assert!((quality.product() - product).abs() < 1e-6);
    }

    #[test]
    fn an_even_crop_and_a_slope_are_not_sharp() {
        for blurred in [crop(|_, _| 77), crop(|x, y| (5 * x + 3 * y) as u8)] {
            let quality = Quality::of(&blurred, &landmarks_of_crop(160));
            assert!(quality.sharpness < 1e-5, "{quality:?}");
        }
    }

    #[test]
    fn frontality_falls_as_the_nose_leaves_the_middle_however_the_head_is_tilted() {
        let face = |nose: f32, angle: f32| {
            let turned = |x: f32, y: f32| Point {
                x: 300.0 + x * angle.cos() - y * angle.sin(),
                y: 200.0 + x * angle.sin() + y * angle.cos(),
            };
            Landmarks::of([
                turned(-20.0, 0.0),
                turned(20.0, 0.0),
                turned(nose, 25.0),
                turned(-15.0, 45.0),
                turned(15.0, 45.0),
            ])
        };
        for angle in [0.0, 0.4, -1.2] {
            for (nose, expected) in [
                (0.0, 1.0),
                (10.0, 0.5),
                (-10.0, 0.5),
                (20.0, 0.0),
                (-33.0, 0.0),
            ] {
                let is = frontality(&face(nose, angle));
                assert!((is - expected).abs() < 1e-4, "{nose} {angle}: {is}");
            }
        }
        assert_eq!(frontality(&Landmarks::of([Point::default(); 5])), 0.0);
    }
}
