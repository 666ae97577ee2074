//! Crops of pictures whose levels are known at every place.

use demograph_core::record::{Attributes, ColourSpace, Crop, Plane};

use super::*;
use crate::face::Landmarks;

/// The points of a face whose crop is the square with this corner and side.
fn landmarks(corner: Point, side: f32) -> Landmarks {
    let scale = side / SIDE;
    Landmarks::of(LANDMARKS.map(|point| point.scaled(scale, scale).plus(corner.x, corner.y)))
}

fn grey(size: (u32, u32), level: impl Fn(u32, u32) -> u8) -> Frame {
    let (width, height) = size;
    let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Frame::of_rgb(
        size,
        &at.flat_map(|(x, y)| [level(x, y); 3]).collect::<Vec<_>>(),
    )
}

fn level(crop: &Aligned, x: usize, y: usize) -> f32 {
    f32::from(crop.rgb[3 * (y * crop.side as usize + x)])
}

#[test]
fn a_crop_of_the_same_size_is_the_part_of_the_frame_itself() {
    let frame = grey((90, 70), |x, y| (3 * x + 2 * y) as u8 ^ 5);
    let crop = align(&frame, &landmarks(Point { x: 20.0, y: 10.0 }, 40.0), 40).unwrap();
    for (x, y) in [(0, 0), (39, 0), (17, 23), (39, 39)] {
        let expected = (3 * (x + 20) + 2 * (y + 10)) as u8 ^ 5;
        assert_eq!(level(&crop, x, y), f32::from(expected), "{x} {y}");
    }
    assert_eq!(crop.inside, 1.0);
    assert!((crop.side_in_frame - 40.0).abs() < 1e-3);
}

#[test]
fn a_slope_stays_a_slope_at_any_scale_and_place() {
    // A level is that of its place: x + y / 2, at the middle of pixels.
    let frame = grey((200, 100), |x, y| (x + y / 2) as u8);
    for (corner, side) in [(40.0, 20.0), (31.5, 57.0), (10.25, 80.0)] {
        let crop = align(&frame, &landmarks(Point { x: corner, y: 12.0 }, side), 32).unwrap();
        for (x, y) in [(3, 4), (16, 16), (30, 9)] {
            let to_frame = |at: usize, from: f32| from + (at as f32 + 0.5) * side / 32.0 - 0.5;
            let expected = to_frame(x, corner) + to_frame(y, 12.0) / 2.0;
            // Whole levels, and y / 2 is cut.
            assert!(
                (level(&crop, x, y) - expected).abs() < 1.1,
                "{side} {x} {y}"
            );
        }
    }
}

#[test]
fn what_shrinks_is_averaged_and_not_thinned_out() {
    // One column of eight is white: a crop of an eighth shows an eighth of white.
    let frame = grey((256, 256), |x, _| if x % 8 == 0 { 255 } else { 0 });
    let crop = align(&frame, &landmarks(Point::default(), 256.0), 32).unwrap();
    assert!(crop.rgb.iter().all(|level| (26..=38).contains(level)));
}

#[test]
fn beyond_the_frame_its_border_is_repeated_and_counted() {
    let frame = grey((40, 40), |x, _| if x == 0 { 200 } else { 90 });
    // Half of the crop lies to the left of the frame.
    let crop = align(&frame, &landmarks(Point { x: -20.0, y: 0.0 }, 40.0), 40).unwrap();
    assert!((crop.inside - 0.5).abs() < 0.02, "{}", crop.inside);
    assert_eq!((level(&crop, 0, 20), level(&crop, 10, 20)), (200.0, 200.0));
    assert_eq!(level(&crop, 30, 20), 90.0);
    let nowhere = align(&frame, &landmarks(Point { x: 900.0, y: 900.0 }, 40.0), 40).unwrap();
    assert_eq!(nowhere.inside, 0.0);
}

#[test]
fn colours_that_pixels_share_lie_where_their_pixels_are() {
    // 8x8 pixels of luma 100; colours have a sample for 2x2 pixels, and the right half is red.
    let mut samples = vec![100; 64];
    let colours = |left, right| (0..16).map(move |at| if at % 4 < 2 { left } else { right });
    samples.extend(colours(128, 128));
    samples.extend(colours(128, 178));
    samples.resize(samples.len() + Crop::MARGIN, 0);
    let plane = |start, stride, per| Plane {
        start,
        stride,
        pixels_per_sample: [per, per],
    };
    let frame = Frame {
        picture: Crop {
            width: 8,
            height: 8,
            colour_space: ColourSpace::YCbCr,
            planes: [plane(0, 8, 1), plane(64, 4, 2), plane(80, 4, 2)],
            samples,
            attributes: Attributes::NONE,
        },
    };
    let crop = align(&frame, &landmarks(Point::default(), 8.0), 8).unwrap();
    let pixel = |x: usize| [0, 1, 2].map(|channel| crop.rgb[3 * (4 * 8 + x) + channel]);
    assert_eq!((pixel(0), pixel(2)), ([100; 3], [100; 3]));
    // 100 + 1.402 * 50; 100 - 0.714 * 50.
    assert_eq!((pixel(5), pixel(7)), ([170, 64, 100], [170, 64, 100]));
    // Between the two halves, a quarter and three quarters of the way.
    assert_eq!((pixel(3)[0], pixel(4)[0]), (118, 153));
}

#[test]
fn a_face_whose_points_are_in_one_place_has_no_crop() {
    let frame = grey((40, 40), |_, _| 90);
    assert!(align(&frame, &Landmarks::of([Point::default(); 5]), 40).is_none());
}
