//! Several cells of the net find the same face: the surest stays (non-maximum suppression, greedy, as OpenCV does it). Pure.

use crate::face::Face;

/// Boxes that overlap by more (intersection over union) are of one face. OpenCV's default.
const OVERLAP_MAX: f32 = 0.3;

/// Of faces that come with the surest first: those that overlap with no surer one that stays.
pub(super) fn without_doubles(faces: Vec<Face>) -> Vec<Face> {
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept
            .iter()
            .all(|surer| surer.rect.overlap(&face.rect) <= OVERLAP_MAX)
        {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{Landmarks, Point, Rect};

    fn face(x: f32, width: f32, score: f32) -> Face {
        Face {
            rect: Rect {
                corner: Point { x, y: 0.0 },
                width,
                height: 10.0,
            },
            landmarks: Landmarks::of([Point::default(); 5]),
            score,
        }
    }

    #[test]
    fn the_surest_of_those_that_overlap_stays() {
        // With the first the others overlap by 0.67, 0.43, 0.25 and nothing.
        let faces = [(0.0, 0.9), (2.0, 0.8), (4.0, 0.75), (6.0, 0.7), (30.0, 0.6)];
        let kept = without_doubles(faces.map(|(x, score)| face(x, 10.0, score)).to_vec());
        let scores: Vec<f32> = kept.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.9, 0.7, 0.6]);
    }

    #[test]
    fn a_small_face_before_a_large_one_is_a_face() {
        let kept = without_doubles(vec![face(0.0, 40.0, 0.9), face(0.0, 10.0, 0.8)]);
        assert_eq!(kept.len(), 2);
    }
}
