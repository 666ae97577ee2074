//! Pictures for tests: composites (tests/data/composites) pasted on an uneven ground.

use demograph_core::golden::repository;
use demograph_model::prepare::pixels;

use crate::{
    face::Point,
    film::{Canvas, Portrait},
    frame::Frame,
};

pub(crate) struct Stage {
    size: (u32, u32),
    canvas: Canvas,
}

impl Stage {
    pub fn new(size: (u32, u32)) -> Self {
        Self {
            size,
            canvas: Canvas::new(size),
        }
    }

    pub fn frame(&self) -> Frame {
        self.canvas.frame()
    }

    /// A composite of this side, its corner here.
    pub fn paste(&mut self, name: &str, side: u32, (x, y): (u32, u32)) {
        let portrait = Portrait::of(&composite(name), side);
        self.canvas.paste(&portrait, (x.into(), y.into()));
    }

    /// A composite of this side, its middle here, turned by the angle.
    pub fn paste_turned(&mut self, name: &str, side: f32, middle: Point, angle: f32) {
        let face = composite(name);
        let face = face.picture();
        let rgb = pixels(face);
        let scale = face.width as f32 / side;
        for (at, place) in self
            .canvas
            .rgb
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .enumerate()
        {
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

fn composite(name: &str) -> Frame {
    let file = repository("tests/data/composites").join(format!("{name}.jpg"));
    Frame::of_image(&std::fs::read(file).unwrap()).unwrap()
}
