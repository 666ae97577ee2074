//! A frame with boxes and words drawn into it, for people who aim a camera. Pure but for the encoding of the JPEG.
//!
//! Promises: the frame stays as it is; what a mask has blackened stays black; a sketch cannot be copied or printed.

use anyhow::bail;
use demograph_core::record::ColourSpace;
use font8x8::legacy::BASIC_LEGACY;

use crate::{encode, face::Rect, frame::Frame};

/// The side of a letter.
const LETTER: i64 = 8;
/// The size of a sketch that shows nothing but words.
const CARD: (u32, u32) = (640, 360);
/// Letters are drawn larger by one for each so many rows of the picture.
const ROWS: u32 = 400;

/// A colour of the picture: luma, blue, red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink(pub [u8; 3]);

impl Ink {
    /// All is well.
    pub const GREEN: Self = Self([160, 60, 60]);
    /// Not yet.
    pub const YELLOW: Self = Self([200, 30, 150]);
    /// It will never do.
    pub const RED: Self = Self([100, 95, 230]);
    const WHITE: Self = Self([235, 128, 128]);
    const BLACK: Self = Self([16, 128, 128]);
}

/// A box with words above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it is. Parts of it may lie outside of the picture.
    pub rect: Rect,
    /// Its colour.
    pub ink: Ink,
    /// What stands above it. Other signs than ASCII become question marks.
    pub words: String,
}

/// A copy of a frame that is drawn on.
pub struct Sketch {
    width: i64,
    height: i64,
    planes: Vec<u8>,
}

impl Sketch {
    /// Of a frame of a video.
    pub fn of(frame: &Frame) -> anyhow::Result<Self> {
        let picture = frame.picture();
        // A colour is two pixels wide and high: the last column and row of an odd picture are left out.
        let [width, height] = <[u32; 2]>::from(frame.size()).map(|side| side / 2 * 2);
        let [luma, blue, red] = &picture.planes;
        let is_halved = [blue, red].map(|plane| plane.pixels_per_sample) == [[2; 2]; 2];
        if picture.colour_space != ColourSpace::YCbCr || !is_halved {
            bail!("only frames of videos can be drawn on");
        }
        let rows = [
            (luma, width, height),
            (blue, width / 2, height / 2),
            (red, width / 2, height / 2),
        ];
        let mut planes = Vec::new();
        for (plane, wide, high) in rows {
            for row in 0..high as usize {
                let from = plane.start + row * plane.stride;
                planes.extend_from_slice(&picture.samples[from..from + wide as usize]);
            }
        }
        Ok(Self {
            width: width.into(),
            height: height.into(),
            planes,
        })
    }

    /// Words on grey ground, where there is no picture.
    pub fn card(words: &str) -> Self {
        let (width, height) = CARD;
        let luma = (width * height) as usize;
        let mut planes = vec![60; luma];
        planes.resize(luma * 3 / 2, 128);
        let mut card = Self {
            width: width.into(),
            height: height.into(),
            planes,
        };
        card.caption(words);
        card
    }

    /// A box with words above it, or below where there is no room.
    pub fn mark(&mut self, mark: &Mark) {
        let Rect {
            corner,
            width,
            height,
        } = mark.rect;
        let [left, top] = [corner.x, corner.y].map(|side| side.floor() as i64);
        let [right, bottom] = [corner.x + width, corner.y + height].map(|side| side.ceil() as i64);
        let thick = self.scale() + 1;
        self.fill([left, right], [top, top + thick], mark.ink);
        self.fill([left, right], [bottom - thick, bottom], mark.ink);
        self.fill([left, left + thick], [top, bottom], mark.ink);
        self.fill([right - thick, right], [top, bottom], mark.ink);
        let letter = LETTER * self.scale();
        let line = match top >= letter {
            true => top - letter,
            false => bottom,
        };
        self.write([left, line], &mark.words, mark.ink);
    }

    /// Words in the upper left corner.
    pub fn caption(&mut self, words: &str) {
        self.write([0, 0], words, Ink::WHITE);
    }

    /// As a JPEG.
    pub fn jpeg(&self) -> anyhow::Result<Vec<u8>> {
        encode::jpeg_of_planes((self.width as u32, self.height as u32), &self.planes)
    }

    fn scale(&self) -> i64 {
        1 + self.height / i64::from(ROWS)
    }

    fn write(&mut self, [left, top]: [i64; 2], words: &str, ink: Ink) {
        let scale = self.scale();
        for (place, sign) in words.chars().enumerate() {
            let left = left + place as i64 * LETTER * scale;
            self.fill(
                [left, left + LETTER * scale],
                [top, top + LETTER * scale],
                Ink::BLACK,
            );
            let sign = if sign.is_ascii() {
                sign as usize
            } else {
                '?' as usize
            };
            for (row, bits) in BASIC_LEGACY[sign].into_iter().enumerate() {
                for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                    let [x, y] = [left + column * scale, top + row as i64 * scale];
                    self.fill([x, x + scale], [y, y + scale], ink);
                }
            }
        }
    }

    /// All pixels of these columns and rows that lie in the picture.
    fn fill(&mut self, columns: [i64; 2], rows: [i64; 2], Ink(levels): Ink) {
        let mut start = 0;
        for (plane, level) in levels.into_iter().enumerate() {
            let halved = if plane == 0 { 1 } else { 2 };
            let (wide, high) = (self.width / halved, self.height / halved);
            let inside = |[from, to]: [i64; 2], end: i64| {
                let from = (from / halved).clamp(0, end);
                from as usize..((to + halved - 1) / halved).clamp(from, end) as usize
            };
            let columns = inside(columns, wide);
            for row in inside(rows, high) {
                let row = start + row * wide as usize;
                self.planes[row + columns.start..row + columns.end].fill(level);
            }
            start += (wide * high) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Point;

    fn grey(size: (u32, u32)) -> Frame {
        let (width, height) = size;
        let luma = (width * height) as usize;
        let colour = (width.div_ceil(2) * height.div_ceil(2)) as usize;
        Frame::of_i420(size, vec![128; luma + 2 * colour])
    }

    fn at(sketch: &Sketch, x: i64, y: i64) -> u8 {
        sketch.planes[(y * sketch.width + x) as usize]
    }

    fn boxed(corner: Point, side: f32, words: &str) -> Mark {
        Mark {
            rect: Rect {
                corner,
                width: side,
                height: side,
            },
            ink: Ink::GREEN,
            words: words.into(),
        }
    }

    #[test]
    fn a_box_is_drawn_round_a_face_and_leaves_the_face_free() {
        let mut sketch = Sketch::of(&grey((101, 81))).unwrap();
        sketch.mark(&boxed(Point { x: 20.0, y: 30.0 }, 40.0, ""));
        for (x, y) in [(20, 30), (59, 30), (40, 30), (20, 69), (59, 69), (21, 50)] {
            assert_eq!(at(&sketch, x, y), Ink::GREEN.0[0], "{x} {y}");
        }
        for (x, y) in [(19, 30), (60, 50), (40, 50), (22, 32), (57, 67), (40, 70)] {
            assert_eq!(at(&sketch, x, y), 128, "{x} {y}");
        }
        let decoded = Frame::of_image(&sketch.jpeg().unwrap()).unwrap();
        assert_eq!(decoded.size(), (100, 80));
    }

    #[test]
    fn words_stand_above_a_box_or_below_it_and_are_cut_at_the_edge() {
        let mut sketch = Sketch::of(&grey((100, 80))).unwrap();
        sketch.mark(&boxed(Point { x: 10.0, y: 40.0 }, 20.0, "#"));
        let lit = |sketch: &Sketch, rows: std::ops::Range<i64>| {
            let levels = rows.flat_map(|y| (10..18).map(move |x| (x, y)));
            let lit = levels.filter(|(x, y)| at(sketch, *x, *y) == Ink::GREEN.0[0]);
            lit.count()
        };
        assert!((15..50).contains(&lit(&sketch, 32..40)));
        assert_eq!(lit(&sketch, 24..32), 0);
        let mut sketch = Sketch::of(&grey((100, 80))).unwrap();
        sketch.mark(&boxed(Point { x: 10.0, y: 3.0 }, 20.0, "#"));
        assert!((15..50).contains(&lit(&sketch, 23..31)));
        // Nothing of this is in the picture, or only a part.
        let whole = Sketch::of(&grey((100, 80))).unwrap().planes.len();
        for corner in [-50.0, -5.0, 70.0, 99.0, 500.0] {
            sketch.mark(&boxed(
                Point {
                    x: corner,
                    y: corner,
                },
                30.0,
                "a long line that leaves the picture, with \u{fc}",
            ));
            assert_eq!(sketch.planes.len(), whole);
        }
    }

    #[test]
    fn a_card_shows_its_words_and_photographs_are_refused() {
        let card = Sketch::card("door: refused");
        let white = card
            .planes
            .iter()
            .filter(|level| **level == Ink::WHITE.0[0]);
        assert!(white.count() > 100);
        assert!(card.jpeg().unwrap().starts_with(&[0xFF, 0xD8]));
        assert!(Sketch::of(&Frame::of_rgb((2, 2), &[9; 12])).is_err());
    }
}
