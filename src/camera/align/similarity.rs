//! The similarity transform between two sets of points by least squares (Umeyama, "Least-squares estimation of transformation
//! parameters between two point patterns", IEEE PAMI 13 (4), 1991). In the plane, and without mirrors, its solution is one
//! complex number: turn and scale.

use crate::face::Point;

/// A turn and scale, then a shift: z -> (turn_x + i turn_y) z + shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    turn: [f32; 2],
    shift: [f32; 2],
}

impl Similarity {
    /// Takes `from` nearest to `to`, point by point. `None` if all points of one of them are in one place.
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        let (from_mean, to_mean) = (mean(from), mean(to));
        // Sums of conj(from) * to, and of |from|^2, both about their means. f64, for points may lie far from the corner.
        let [mut real, mut imaginary, mut spread] = [0.0f64; 3];
        for (&from, &to) in from.iter().zip(to) {
            let [x, y] = from_mean.to(from).map(f64::from);
            let [u, v] = to_mean.to(to).map(f64::from);
            real += x * u + y * v;
            imaginary += x * v - y * u;
            spread += x * x + y * y;
        }
        let turn = [(real / spread) as f32, (imaginary / spread) as f32];
        let scale = turn[0].hypot(turn[1]);
        if !(scale.is_normal() && spread.is_normal()) {
            return None;
        }
        let turned = Self {
            turn,
            shift: [0.0; 2],
        }
        .apply(from_mean);
        Some(Self {
            turn,
            shift: turned.to(to_mean),
        })
    }

    /// Where a point goes.
    pub fn apply(&self, point: Point) -> Point {
        let [x, y] = self.turn;
        Point {
            x: x * point.x - y * point.y + self.shift[0],
            y: y * point.x + x * point.y + self.shift[1],
        }
    }

    /// How much longer everything becomes.
    pub fn scale(&self) -> f32 {
        self.turn[0].hypot(self.turn[1])
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let square = self.scale().powi(2);
        let turn = [self.turn[0] / square, -self.turn[1] / square];
        let [x, y] = self.shift;
        Self {
            turn,
            shift: [-(turn[0] * x - turn[1] * y), -(turn[1] * x + turn[0] * y)],
        }
    }
}

fn mean(points: &[Point]) -> Point {
    let count = points.len() as f32;
    let sum = points
        .iter()
        .fold(Point::default(), |sum, point| sum.plus(point.x, point.y));
    sum.scaled(1.0 / count, 1.0 / count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(numbers: &[f32]) -> Vec<Point> {
        let pairs = numbers.as_chunks::<2>().0.iter();
        pairs.map(|&[x, y]| Point { x, y }).collect()
    }

    fn five() -> impl Strategy<Value = Vec<Point>> {
        prop::collection::vec(-500.0f32..2000.0, 10).prop_map(|numbers| points(&numbers))
    }

    fn error(transform: &Similarity, from: &[Point], to: &[Point]) -> f32 {
        let squares = from.iter().zip(to);
        squares
            .map(|(&from, &to)| transform.apply(from).distance(to).powi(2))
            .sum()
    }

    #[test]
    fn it_is_the_transform_that_numpy_finds() {
        // By tests/tools/similarity.py: Umeyama's equations with numpy's singular value decomposition.
        let from = points(&[31.0, 40.0, 75.5, 38.25, 52.0, 66.0, 36.0, 88.0, 71.0, 86.5]);
        let to = points(&[
            59.32, 56.70, 137.29, 58.18, 96.14, 101.72, 62.59, 133.78, 130.26, 134.98,
        ]);
        let fitted = Similarity::fit(&from, &to).unwrap();
        for (is, should) in [fitted.turn, fitted.shift].concat().into_iter().zip([
            1.688_269_9,
            0.071_002_11,
            11.999_254,
            -14.325_417,
        ]) {
            assert!((is - should).abs() < 1e-3, "{fitted:?}");
        }
    }

    #[test]
    fn a_mirrored_face_is_not_mirrored_back() {
        let from = points(&[0.0, 0.0, 10.0, 0.0, 5.0, 5.0]);
        let to = points(&[10.0, 0.0, 0.0, 0.0, 5.0, 5.0]);
        let fitted = Similarity::fit(&from, &to);
        // Turned by half a circle at best, never mirrored: the best is then poor.
        assert!(fitted.is_none_or(|fitted| error(&fitted, &from, &to) > 10.0));
    }

    #[test]
    fn points_in_one_place_have_no_transform() {
        let spread = points(&[0.0, 0.0, 10.0, 0.0]);
        let place = points(&[3.0, 4.0, 3.0, 4.0]);
        assert_eq!(Similarity::fit(&place, &spread), None);
        assert_eq!(Similarity::fit(&spread, &place), None);
        let nowhere = points(&[f32::NAN, 4.0, 3.0, 4.0]);
        assert_eq!(Similarity::fit(&nowhere, &spread), None);
    }

    proptest! {
        #[test]
        fn what_was_turned_scaled_and_shifted_is_found_again(
            from in five(), angle in 0.0f32..6.3, scale in 0.1f32..10.0, x in -900.0f32..900.0, y in -900.0f32..900.0,
        ) {
            let known = Similarity { turn: [scale * angle.cos(), scale * angle.sin()], shift: [x, y] };
            let to: Vec<Point> = from.iter().map(|&point| known.apply(point)).collect();
            let fitted = Similarity::fit(&from, &to).unwrap();
            for (&from, &to) in from.iter().zip(&to) {
                prop_assert!(fitted.apply(from).distance(to) < 0.05 * scale.max(1.0), "{fitted:?} for {known:?}");
                prop_assert!(fitted.inverse().apply(to).distance(from) < 0.5, "{fitted:?} and back");
            }
        }

        #[test]
        fn no_other_transform_is_nearer(
            from in five(), to in five(), nudge in prop::array::uniform4(-0.1f32..0.1),
        ) {
            let fitted = Similarity::fit(&from, &to).unwrap();
            let other = Similarity {
                turn: [fitted.turn[0] + nudge[0], fitted.turn[1] + nudge[1]],
                shift: [fitted.shift[0] + 100.0 * nudge[2], fitted.shift[1] + 100.0 * nudge[3]],
            };
            let (least, more) = (error(&fitted, &from, &to), error(&other, &from, &to));
            prop_assert!(least <= more * 1.0001, "{least} > {more}");
        }
    }
}
