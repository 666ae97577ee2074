//! Films of people who walk through a picture, so that it is known who was there: faces are pasted on an uneven ground. For the
//! demo and for tests. Pure.
//!
//! Promises: the same film gives the same pictures; who comes later in the list covers who comes earlier.

use demograph_model::{
    manifest::{Colour, Resize},
    prepare::{Picture, Preparer},
};

use crate::frame::Frame;

/// A face that is pasted, in RGB, as wide as it is high. It cannot be copied or printed.
pub struct Portrait {
    side: u32,
    rgb: Vec<u8>,
}

/// Somebody who walks through the picture from side to side.
pub struct Walker {
    /// The face.
    pub portrait: Portrait,
    /// When the face begins to enter the picture, in seconds.
    pub enters: f64,
    /// In pixels a second. Negative: from the right to the left.
    pub speed: f64,
    /// Where its upper side is.
    pub top: u32,
}

/// What a camera shows.
pub struct Film {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Pictures a second.
    pub fps: u32,
    /// Its length.
    pub seconds: u32,
    /// Who is nearer comes later.
    pub walkers: Vec<Walker>,
}

/// A picture that faces are pasted on.
pub struct Canvas {
    size: (u32, u32),
    pub(crate) rgb: Vec<u8>,
}

impl Portrait {
    /// The whole picture, scaled to this side.
    pub fn of(frame: &Frame, side: u32) -> Self {
        let mut preparer = Preparer::new(Picture {
            width: side,
            height: side,
            colour: Colour::Rgb,
            resize: Resize::Antialias,
        });
        let mut planes = vec![0; preparer.levels()];
        preparer.write(frame.picture(), &mut planes);
        let (red, rest) = planes.split_at(planes.len() / 3);
        let (green, blue) = rest.split_at(rest.len() / 2);
        let pixels = red.iter().zip(green).zip(blue);
        let rgb = pixels.flat_map(|((&red, &green), &blue)| [red, green, blue]);
        Self {
            side,
            rgb: rgb.collect(),
        }
    }
}

impl Walker {
    /// From when to when all of the face is in the picture, in seconds.
    pub fn is_in(&self, width: u32) -> (f64, f64) {
        let (speed, side) = (self.speed.abs(), f64::from(self.portrait.side));
        (
            self.enters + side / speed,
            self.enters + f64::from(width) / speed,
        )
    }

    /// Where its left side is; none while it is out of the picture.
    fn left(&self, time: f64, width: u32) -> Option<i64> {
        let gone = time - self.enters;
        let (width, side) = (f64::from(width), f64::from(self.portrait.side));
        let left = match self.speed > 0.0 {
            true => self.speed * gone - side,
            false => self.speed * gone + width,
        };
        (gone >= 0.0 && left > -side && left < width).then_some(left as i64)
    }
}

impl Film {
    /// Draws each picture: rows from the top, 3 bytes a pixel. The first error ends it.
    pub fn show<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let ground = Canvas::new(self.size);
        let mut canvas = Canvas::new(self.size);
        for number in 0..self.fps * self.seconds {
            let time = f64::from(number) / f64::from(self.fps);
            canvas.rgb.copy_from_slice(&ground.rgb);
            for walker in &self.walkers {
                if let Some(left) = walker.left(time, self.size.0) {
                    canvas.paste(&walker.portrait, (left, walker.top.into()));
                }
            }
            take(&canvas.rgb)?;
        }
        Ok(())
    }
}

impl Canvas {
    /// An uneven ground.
    pub fn new(size: (u32, u32)) -> Self {
        let (width, height) = size;
        let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = at.flat_map(|(x, y)| {
            let level = 90 + (x / 9 % 40) + (y / 7 % 30);
            [level as u8, (level + 10) as u8, (level / 2 + 60) as u8]
        });
        Self {
            size,
            rgb: rgb.collect(),
        }
    }

    /// Rows from the top, 3 bytes a pixel.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// As a frame.
    pub fn frame(&self) -> Frame {
        Frame::of_rgb(self.size, &self.rgb)
    }

    /// A face, its left upper corner here. What lies beyond the border is cut off.
    pub fn paste(&mut self, portrait: &Portrait, (x, y): (i64, i64)) {
        let (width, height) = (i64::from(self.size.0), i64::from(self.size.1));
        let side = i64::from(portrait.side);
        let (from, to) = (x.clamp(0, width), (x + side).clamp(0, width));
        for row in y.clamp(0, height)..(y + side).clamp(0, height) {
            let bytes = |row: i64, column: i64, width: i64| (3 * (row * width + column)) as usize;
            let place = bytes(row, from, width)..bytes(row, to, width);
            let source = bytes(row - y, from - x, side)..bytes(row - y, to - x, side);
            self.rgb[place].copy_from_slice(&portrait.rgb[source]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White, 4 pixels wide.
    fn white() -> Portrait {
        Portrait::of(&Frame::of_rgb((8, 8), &[255; 192]), 4)
    }

    /// The columns in which the picture is white, at each time.
    fn columns(film: &Film) -> Vec<Vec<u32>> {
        let mut shown = Vec::new();
        let width = film.size.0;
        let taken: Result<(), ()> = film.show(|rgb| {
            let is_white = |x: &u32| {
                let rows = rgb.chunks(3 * width as usize);
                rows.map(|row| &row[3 * *x as usize..][..3])
                    .any(|pixel| pixel == [255; 3])
            };
            shown.push((0..width).filter(is_white).collect());
            Ok(())
        });
        taken.unwrap();
        shown
    }

    #[test]
    fn a_walker_comes_in_on_one_side_and_leaves_on_the_other() {
        let film = |speed| Film {
            size: (12, 9),
            fps: 1,
            seconds: 10,
            walkers: vec![Walker {
                portrait: white(),
                enters: 1.0,
                speed,
                top: 7,
            }],
        };
        let shown = columns(&film(2.0));
        assert_eq!(shown[0], Vec::<u32>::new());
        assert_eq!(shown[2], [0, 1]);
        assert_eq!(shown[4], [2, 3, 4, 5]);
        assert_eq!(shown[8], [10, 11]);
        assert_eq!(shown[9], Vec::<u32>::new());
        // The other way round.
        let back = columns(&film(-2.0));
        for (there, back) in shown.iter().zip(back) {
            let mirrored: Vec<u32> = back.iter().rev().map(|x| 11 - x).collect();
            assert_eq!(*there, mirrored);
        }
        // All of it is in the picture from the third second to the seventh.
        assert_eq!(film(2.0).walkers[0].is_in(12), (3.0, 7.0));
    }
}
