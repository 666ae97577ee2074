//! The numbers of YuNet's outputs -> faces, as OpenCV's `FaceDetectorYN` reads them. Pure.
//!
//! At each of three strides the net has a grid of cells. A cell says how likely it shows a face and how well its box fits
//! (`cls`, `obj`), where the box is (`bbox`: the middle from the cell's corner in strides, the sides as logarithms), and where
//! the five points are (`kps`: from the cell's corner in strides).

use anyhow::ensure;

use crate::face::{Face, Landmarks, Point, Rect};

const STRIDES: [u32; 3] = [8, 16, 32];
/// An output and how many numbers it has for a cell.
const KINDS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// The outputs that are read, in the order in which [`read`] takes them: kind by kind, for each stride.
pub(super) fn names() -> Vec<String> {
    let of_kind = |(kind, _)| STRIDES.map(|stride| format!("{kind}_{stride}"));
    KINDS.into_iter().flat_map(of_kind).collect()
}

/// All cells with this score, as faces in pixels of the input, the surest first. Several cells show the same face.
pub(super) fn read(
    outputs: &[Vec<f32>],
    (width, height): (u32, u32),
    score_min: f32,
) -> anyhow::Result<Vec<Face>> {
    let mut faces = Vec::new();
    for (number, &stride) in STRIDES.iter().enumerate() {
        let columns = (width / stride) as usize;
        let cells = columns * (height / stride) as usize;
        let [cls, obj, bbox, kps] =
            [0, 1, 2, 3].map(|kind| outputs[kind * STRIDES.len() + number].as_slice());
        for ((kind, per_cell), numbers) in KINDS.into_iter().zip([cls, obj, bbox, kps]) {
            ensure!(
                numbers.len() == per_cell * cells,
                "the output {kind}_{stride} has {} numbers for {cells} cells: this is another net than YuNet",
                numbers.len()
            );
        }
        let boxes = bbox.as_chunks::<4>().0;
        let points = kps.as_chunks::<10>().0;
        for cell in 0..cells {
            let score = (cls[cell].clamp(0.0, 1.0) * obj[cell].clamp(0.0, 1.0)).sqrt();
            // Not a number is not sure.
            if score < score_min || score.is_nan() {
                continue;
            }
            let corner = Point {
                x: (cell % columns) as f32,
                y: (cell / columns) as f32,
            };
            let face = face((corner, stride as f32), &boxes[cell], &points[cell], score);
            if face.is_finite() {
                faces.push(face);
            }
        }
    }
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(faces)
}

fn face((corner, stride): (Point, f32), rect: &[f32; 4], points: &[f32; 10], score: f32) -> Face {
    let place = |x, y| corner.plus(x, y).scaled(stride, stride);
    let [x, y, width, height] = *rect;
    let (width, height) = (width.exp() * stride, height.exp() * stride);
    let point = |number: usize| place(points[2 * number], points[2 * number + 1]);
    Face {
        rect: Rect {
            corner: place(x, y).plus(-width / 2.0, -height / 2.0),
            width,
            height,
        },
        landmarks: Landmarks::of([0, 1, 2, 3, 4].map(point)),
        score,
    }
}

impl Face {
    fn is_finite(&self) -> bool {
        let Rect {
            corner,
            width,
            height,
        } = self.rect;
        let points = self.landmarks.points().into_iter().chain([corner]);
        points
            .flat_map(|point| [point.x, point.y])
            .chain([width, height])
            .all(f32::is_finite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs for an input of 64x32, all zero.
    fn silent() -> Vec<Vec<f32>> {
        let of_kind = |(_, per_cell): (&str, usize)| {
            STRIDES.map(|stride| vec![0.0; per_cell * (64 / stride * (32 / stride)) as usize])
        };
        KINDS.into_iter().flat_map(of_kind).collect()
    }

    #[test]
    fn a_cell_s_numbers_become_a_box_and_points_in_pixels() {
        let mut outputs = silent();
        // Stride 16: four columns, two rows. The cell in the second row, third column.
        let cell = 4 + 2;
        outputs[1][cell] = 0.81;
        outputs[4][cell] = 1.7;
        outputs[7][4 * cell..][..4].copy_from_slice(&[0.5, 0.25, 0.0, 2.0f32.ln()]);
        let points: Vec<f32> = (0..10).map(|number| number as f32 / 8.0).collect();
        outputs[10][10 * cell..][..10].copy_from_slice(&points);

        let faces = read(&outputs, (64, 32), 0.5).unwrap();
        let [face] = faces.as_slice() else {
            panic!("{faces:?}");
        };
        // obj is at most 1.
        assert!((face.score - 0.9).abs() < 1e-6);
        assert_eq!(face.rect.centre(), Point { x: 40.0, y: 20.0 });
        assert!((face.rect.width - 16.0).abs() < 1e-4 && (face.rect.height - 32.0).abs() < 1e-4);
        let at = |x, y| Point { x, y };
        assert_eq!(
            face.landmarks.points(),
            [
                at(32.0, 18.0),
                at(36.0, 22.0),
                at(40.0, 26.0),
                at(44.0, 30.0),
                at(48.0, 34.0)
            ]
        );
    }

    #[test]
    fn the_surest_comes_first_and_what_is_below_the_threshold_or_no_number_is_left_out() {
        let mut outputs = silent();
        for (cell, (cls, obj)) in [
            (0.5, 0.5),
            (0.9, 0.9),
            (0.2, 0.9),
            (f32::NAN, 1.0),
            (1.0, f32::NAN),
            (0.6, 0.6),
        ]
        .into_iter()
        .enumerate()
        {
            outputs[0][cell] = cls;
            outputs[3][cell] = obj;
        }
        outputs[6][4 * 5] = f32::INFINITY;
        let faces = read(&outputs, (64, 32), 0.5).unwrap();
        let scores: Vec<f32> = faces.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.9, 0.5]);
    }

    #[test]
    fn numbers_of_another_net_are_an_error() {
        let mut outputs = silent();
        outputs[9].pop();
        let error = read(&outputs, (64, 32), 0.5).unwrap_err().to_string();
        assert!(error.contains("kps_8"), "{error}");
    }
}
