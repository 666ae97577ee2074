//! A face in a frame -> a crop in which eyes, nose and mouth lie where the shipped models know them. Pure.
//!
//! Promises: the turn, scale and shift are those of least squares over the five points, without a mirror; where the crop goes
//! beyond the frame, the frame's border is repeated; a face that shrinks is averaged, not thinned out.

mod similarity;
mod warp;

#[cfg(test)]
mod tests;

pub use similarity::Similarity;
pub use warp::Aligned;

use crate::{
    face::{Landmarks, Point},
    frame::Frame,
};

/// The side of the square in which [`LANDMARKS`] lie.
const SIDE: f32 = 200.0;

/// Where YuNet finds the points of UTKFace's aligned faces: the median of 400. FairFace's faces, to which `fairface-small`
/// was fitted, were aligned to the same places.
const LANDMARKS: [Point; 5] = [
    Point { x: 59.32, y: 56.70 },
    Point {
        x: 137.29,
        y: 58.18,
    },
    Point {
        x: 96.14,
        y: 101.72,
    },
    Point {
        x: 62.59,
        y: 133.78,
    },
    Point {
        x: 130.26,
        y: 134.98,
    },
];

/// Where the points lie in a crop of this side.
pub fn landmarks_of_crop(side: u32) -> Landmarks {
    let scale = side as f32 / SIDE;
    Landmarks::of(LANDMARKS.map(|point| point.scaled(scale, scale)))
}

/// The crop of a face, `side` pixels wide and high. `None` if its points are all in one place.
pub fn align(frame: &Frame, face: &Landmarks, side: u32) -> Option<Aligned> {
    let to_crop = Similarity::fit(&face.points(), &landmarks_of_crop(side).points())?;
    Some(warp::warp(frame.picture(), to_crop.inverse(), side))
}
