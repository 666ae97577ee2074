//! The films of the demo (src/camera/film.rs) as tests need them: composites by their files.

use std::path::{Path, PathBuf};

use demograph_camera::{
    ffmpeg, film,
    film::{Canvas, Portrait},
    frame::Frame,
};
use image::RgbImage;

/// Somebody who walks through the picture from side to side.
pub struct Walker {
    /// The picture of the face.
    pub composite: PathBuf,
    /// Its width and height in pixels.
    pub side: u32,
    /// When the face begins to enter the picture, in seconds.
    pub enters: f64,
    /// In pixels a second. Negative: from the right to the left.
    pub speed: f64,
    /// Of the upper side.
    pub height: u32,
}

/// What a camera shows.
pub struct Film {
    pub size: (u32, u32),
    pub fps: u32,
    pub seconds: u32,
    pub walkers: Vec<Walker>,
}

impl Film {
    /// Writes it as a video, by ffmpeg.
    pub fn write(&self, file: &Path) {
        let walkers = self.walkers.iter().map(|walker| film::Walker {
            portrait: portrait(walker),
            enters: walker.enters,
            speed: walker.speed,
            top: walker.height,
        });
        let film = film::Film {
            size: self.size,
            fps: self.fps,
            seconds: self.seconds,
            walkers: walkers.collect(),
        };
        ffmpeg::write(&film, file).unwrap();
    }

    /// All of them at once, in the middle.
    pub fn picture_at_middle(&self) -> RgbImage {
        let (width, height) = self.size;
        let mut canvas = Canvas::new(self.size);
        for walker in &self.walkers {
            let left = (width - walker.side) / 2;
            let top = (height - walker.side) / 2;
            canvas.paste(&portrait(walker), (left.into(), top.into()));
        }
        RgbImage::from_raw(width, height, canvas.rgb().to_vec()).unwrap()
    }
}

fn portrait(walker: &Walker) -> Portrait {
    let bytes = std::fs::read(&walker.composite).unwrap();
    Portrait::of(&Frame::of_image(&bytes).unwrap(), walker.side)
}
