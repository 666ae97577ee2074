//! Other crops of the same face: what the next frames of a track would show. Mirrored, cut a little differently,
//! lighter or darker; always the same for the same number.

use demograph_core::record::Crop;
use demograph_model::prepare::pixels;

/// Part of the side that is cut off, left, top, right, bottom; brightness. By the view's number.
const CHANGES: [([f32; 4], f32); 5] = [
    ([0.0, 0.0, 0.0, 0.0], 1.0),
    ([0.06, 0.00, 0.00, 0.06], 1.15),
    ([0.00, 0.06, 0.06, 0.00], 0.8),
    ([0.05, 0.05, 0.05, 0.05], 0.9),
    ([0.00, 0.08, 0.00, 0.00], 1.25),
];

/// The most views of a face.
pub const VIEWS: usize = CHANGES.len();

/// The size of a view of a picture of this size.
pub fn view_size((width, height): (u32, u32), number: usize) -> (u32, u32) {
    let ([x0, x1], [y0, y1]) = sides((width, height), number);
    (x1 - x0, y1 - y0)
}

/// From where to where a view goes: across, and down.
fn sides((width, height): (u32, u32), number: usize) -> ([u32; 2], [u32; 2]) {
    let ([left, top, right, bottom], _) = CHANGES[number];
    let part = |side: u32, share: f32| (side as f32 * share) as u32;
    (
        [part(width, left), width - part(width, right)],
        [part(height, top), height - part(height, bottom)],
    )
}

/// A view of a face; 0 is the face as it is, odd ones are mirrored.
pub fn view(crop: Crop, number: usize) -> Crop {
    let (_, gain) = CHANGES[number];
    if number == 0 {
        return crop;
    }
    let ([x0, x1], [y0, y1]) = sides((crop.width, crop.height), number);
    let whole = pixels(&crop);
    let mut rgb = Vec::with_capacity((x1 - x0) as usize * (y1 - y0) as usize * 3);
    for y in y0..y1 {
        for step in 0..x1 - x0 {
            let x = if number % 2 == 1 {
                x1 - 1 - step
            } else {
                x0 + step
            };
            let at = (y as usize * crop.width as usize + x as usize) * 3;
            let pixel = &whole[at..at + 3];
            rgb.extend(pixel.iter().map(|&value| (f32::from(value) * gain) as u8));
        }
    }
    Crop::from_rgb((x1 - x0, y1 - y0), &rgb, crop.attributes)
}

#[cfg(test)]
mod tests {
    use demograph_core::record::Attributes;

    use super::*;

    fn crop() -> Crop {
        let rgb: Vec<u8> = (0..50 * 40 * 3).map(|n| (n % 200) as u8).collect();
        Crop::from_rgb((50, 40), &rgb, Attributes::NONE)
    }

    #[test]
    fn every_view_is_a_whole_picture_and_the_first_is_the_face_itself() {
        assert_eq!(view(crop(), 0).samples, crop().samples);
        for number in 1..VIEWS {
            let other = view(crop(), number);
            assert!(other.width > 40 && other.height > 30, "{other:?}");
            assert_ne!(other.samples, crop().samples, "{number}");
        }
    }

    #[test]
    fn an_odd_view_is_mirrored() {
        let mirrored = view(crop(), 3);
        let first = usize::from(pixels(&crop())[(2 * 50 + 47) * 3]);
        assert_eq!(usize::from(pixels(&mirrored)[0]), first * 9 / 10);
    }
}
