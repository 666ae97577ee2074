//! Pictures for tests: composites (tests/data/composites) pasted on an uneven ground.

use demograph_core::{
    golden::repository,
    record::{Attributes, Crop},
};
use demograph_model::{
    decode::{self, Limits},
    manifest::{Colour, Resize},
    prepare::{Picture, Preparer, pixels},
};

use crate::{face::Point, frame::Frame};

pub(crate) struct Stage {
    size: (u32, u32),
    rgb: Vec<u8>,
}

impl Stage {
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

    pub fn frame(&self) -> Frame {
        Frame::of_rgb(self.size, &self.rgb)
    }

    /// A composite of this side, its corner here.
    pub fn paste(&mut self, name: &str, side: u32, (x, y): (u32, u32)) {
        let face = composite(name);
        let mut preparer = Preparer::new(Picture {
            width: side,
            height: side,
            colour: Colour::Rgb,
            resize: Resize::Antialias,
        });
        let mut planes = vec![0; preparer.levels()];
        preparer.write(&face, &mut planes);
        for (channel, plane) in planes.chunks((side * side) as usize).enumerate() {
            for (row, line) in plane.chunks(side as usize).enumerate() {
                let at = 3 * ((y as usize + row) * self.size.0 as usize + x as usize);
                let places = self.rgb[at + channel..].iter_mut().step_by(3);
                for (place, &level) in places.zip(line) {
                    *place = level;
                }
            }
        }
    }

    /// A composite of this side, its middle here, turned by the angle.
    pub fn paste_turned(&mut self, name: &str, side: f32, middle: Point, angle: f32) {
        let face = composite(name);
        let rgb = pixels(&face);
        let scale = face.width as f32 / side;
        for (at, place) in self.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (at as u32 % self.size.0, at as u32 / self.size.0);
            let [across, down] = middle.to(Point {
                x: x as f32 + 0.5,
                y: y as f32 + 0.5,
            });
            let u = (across * angle.cos() + down * angle.sin()) * scale + face.width as f32 / 2.0;
            let v = (down * angle.cos() - across * angle.sin()) * scale + face.height as f32 / 2.0;
            let inside = |place: f32, side: u32| (0.0..side as f32).contains(&place);
            if inside(u, face.width) && inside(v, face.height) {
                let from = 3 * (v as usize * face.width as usize + u as usize);
                place.copy_from_slice(&rgb[from..from + 3]);
            }
        }
    }
}

fn composite(name: &str) -> Crop {
    let file = repository("tests/data/composites").join(format!("{name}.jpg"));
    let bytes = std::fs::read(file).unwrap();
    decode::image(&bytes, &Limits::default(), Attributes::NONE).unwrap()
}
