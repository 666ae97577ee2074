//! Films of people who walk through a picture: composites (averages of many faces, nobody's own) on an uneven ground, so that
//! it is known who was there.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use image::{RgbImage, imageops, imageops::FilterType};

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
        let (width, height) = self.size;
        let mut encoder = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &format!("{width}x{height}")])
            .args(["-r", &self.fps.to_string(), "-i", "-"])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"])
            // A key frame a second, as cameras send them.
            .args(["-g", &self.fps.to_string(), "-pix_fmt", "yuv420p"])
            .arg(file)
            .stdin(Stdio::piped())
            .spawn()
            .expect("ffmpeg is installed: run setup/system-packages");
        let mut frames = encoder.stdin.take().unwrap();
        let ground = ground(self.size);
        let faces: Vec<RgbImage> = self.walkers.iter().map(face).collect();
        for number in 0..self.fps * self.seconds {
            let time = f64::from(number) / f64::from(self.fps);
            let mut picture = ground.clone();
            for (walker, face) in self.walkers.iter().zip(&faces) {
                if let Some(left) = walker.left(time, width) {
                    imageops::replace(&mut picture, face, left, walker.height.into());
                }
            }
            frames.write_all(&picture).unwrap();
        }
        drop(frames);
        assert!(encoder.wait().unwrap().success());
    }
}

impl Film {
    /// All of them at once, in the middle.
    pub fn picture_at_middle(&self) -> RgbImage {
        let mut picture = ground(self.size);
        for walker in &self.walkers {
            let left = (self.size.0 - walker.side) / 2;
            let top = (self.size.1 - walker.side) / 2;
            imageops::replace(&mut picture, &face(walker), left.into(), top.into());
        }
        picture
    }
}

impl Walker {
    /// Where its left side is; none while it is out of the picture.
    fn left(&self, time: f64, width: u32) -> Option<i64> {
        let gone = time - self.enters;
        let (width, side) = (f64::from(width), f64::from(self.side));
        let left = match self.speed > 0.0 {
            true => self.speed * gone - side,
            false => self.speed * gone + width,
        };
        (gone >= 0.0 && left > -side && left < width).then_some(left as i64)
    }
}

fn ground((width, height): (u32, u32)) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let level = 90 + (x / 9 % 40) + (y / 7 % 30);
        image::Rgb([level as u8, (level + 10) as u8, (level / 2 + 60) as u8])
    })
}

fn face(walker: &Walker) -> RgbImage {
    let bytes = std::fs::read(&walker.composite).unwrap();
    let picture: turbojpeg::Image<Vec<u8>> =
        turbojpeg::decompress(&bytes, turbojpeg::PixelFormat::RGB).unwrap();
    let (width, height) = (picture.width as u32, picture.height as u32);
    let picture = RgbImage::from_raw(width, height, picture.pixels).unwrap();
    imageops::resize(&picture, walker.side, walker.side, FilterType::Triangle)
}
