//! A face in a picture: where it is, and its five points.

/// A place in a picture, in pixels. The picture's left upper corner is (0, 0), the middle of its first pixel (0.5, 0.5): so
/// that a scaled picture has scaled points.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

impl Point {
    /// The place so far from here.
    pub fn plus(self, x: f32, y: f32) -> Self {
        Self {
            x: self.x + x,
            y: self.y + y,
        }
    }

    /// How far the other place is to the right of this one, and below it.
    pub fn to(self, other: Self) -> [f32; 2] {
        [other.x - self.x, other.y - self.y]
    }

    /// How far apart the two are.
    pub fn distance(self, other: Self) -> f32 {
        let [x, y] = self.to(other);
        x.hypot(y)
    }

    /// In a picture that is scaled by so much in width and height.
    pub fn scaled(self, across: f32, down: f32) -> Self {
        Self {
            x: self.x * across,
            y: self.y * down,
        }
    }
}

/// The box round a face, with upright sides.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// The corner nearest to the picture's first pixel.
    pub corner: Point,
    /// In pixels.
    pub width: f32,
    /// In pixels.
    pub height: f32,
}

impl Rect {
    /// In square pixels.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The middle.
    pub fn centre(&self) -> Point {
        self.corner.plus(self.width / 2.0, self.height / 2.0)
    }

    /// The shorter side: what `min_face` is held against.
    pub fn side(&self) -> f32 {
        self.width.min(self.height)
    }

    /// Intersection over union: 1 for the same box, 0 for boxes that do not meet.
    pub fn overlap(&self, other: &Self) -> f32 {
        let common = |from: f32, length: f32, other_from: f32, other_length: f32| {
            let end = (from + length).min(other_from + other_length);
            (end - from.max(other_from)).max(0.0)
        };
        let common = common(self.corner.x, self.width, other.corner.x, other.width)
            * common(self.corner.y, self.height, other.corner.y, other.height);
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }

    /// In a picture that is scaled by so much in width and height.
    pub fn scaled(&self, across: f32, down: f32) -> Self {
        Self {
            corner: self.corner.scaled(across, down),
            width: self.width * across,
            height: self.height * down,
        }
    }
}

/// Five points of a face. Left and right are the picture's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmarks {
    /// The eye on the left of the picture.
    pub left_eye: Point,
    /// The eye on the right of the picture.
    pub right_eye: Point,
    /// The tip of the nose.
    pub nose: Point,
    /// The corner of the mouth on the left of the picture.
    pub left_mouth: Point,
    /// The corner of the mouth on the right of the picture.
    pub right_mouth: Point,
}

impl Landmarks {
    /// In the order in which detectors give them.
    pub fn of(points: [Point; 5]) -> Self {
        let [left_eye, right_eye, nose, left_mouth, right_mouth] = points;
        Self {
            left_eye,
            right_eye,
            nose,
            left_mouth,
            right_mouth,
        }
    }

    /// In the order in which detectors give them.
    pub fn points(&self) -> [Point; 5] {
        [
            self.left_eye,
            self.right_eye,
            self.nose,
            self.left_mouth,
            self.right_mouth,
        ]
    }

    /// In a picture that is scaled by so much in width and height.
    pub fn scaled(&self, across: f32, down: f32) -> Self {
        Self::of(self.points().map(|point| point.scaled(across, down)))
    }
}

/// A face as a detector found it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Where it is. Parts of it may lie outside of the picture.
    pub rect: Rect,
    /// Its points.
    pub landmarks: Landmarks,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect {
            corner: Point { x, y },
            width,
            height,
        }
    }

    #[test]
    fn overlap_is_the_common_part_of_all_that_both_cover() {
        let square = rect(10.0, 10.0, 10.0, 10.0);
        for (other, overlap) in [
            (square, 1.0),
            (rect(15.0, 10.0, 10.0, 10.0), 50.0 / 150.0),
            (rect(12.0, 12.0, 5.0, 2.0), 0.1),
            (rect(20.0, 10.0, 10.0, 10.0), 0.0),
            (rect(40.0, 40.0, 10.0, 10.0), 0.0),
            (rect(15.0, 15.0, 0.0, 0.0), 0.0),
        ] {
            assert!((square.overlap(&other) - overlap).abs() < 1e-6, "{other:?}");
            assert_eq!(square.overlap(&other), other.overlap(&square));
        }
        let nothing = rect(1.0, 1.0, 0.0, 0.0);
        assert_eq!(nothing.overlap(&nothing), 0.0);
    }
}
