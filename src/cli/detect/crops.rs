//! A folder of crops, and the list of them that `publish` reads.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use demograph_camera::{
    face::Face,
    finder::{Found, FoundFace},
    follow::Followed,
    shot::Shot,
};

use super::thousandths;

const LIST: &str = "crops.csv";

/// Where crops go.
pub(super) struct CropFolder {
    path: PathBuf,
    list: csv::Writer<File>,
    images: usize,
}

impl CropFolder {
    /// Makes the folder and begins the list. A list that is there already is left alone.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
        let list = path.join(LIST);
        ensure!(
            !list.exists(),
            "{} is there already: give --out another folder, or delete this one",
            list.display()
        );
        let mut list =
            csv::Writer::from_path(&list).with_context(|| format!("write {}", list.display()))?;
        list.write_record([
            "file", "image", "face", "x", "y", "width", "height", "score", "quality", "seconds",
            "trackid",
        ])?;
        Ok(Self {
            path: path.to_owned(),
            list,
            images: 0,
        })
    }

    /// Writes the crops of an image; returns their names.
    pub fn write(&mut self, image: &str, found: &Found) -> anyhow::Result<Vec<String>> {
        self.images += 1;
        let mut names = Vec::new();
        for (number, FoundFace { face, shot }) in found.faces.iter().enumerate() {
            names.push(self.write_face(image, number + 1, (face, shot), ["", ""])?);
        }
        Ok(names)
    }

    /// Writes the crops of a video's frame.
    pub fn write_frame(
        &mut self,
        video: &str,
        seconds: f64,
        faces: &[Followed],
    ) -> anyhow::Result<()> {
        self.images += 1;
        let seconds = format!("{seconds:.3}");
        for (number, followed) in faces.iter().enumerate() {
            let track = track_id(video, followed);
            let face = (&followed.face, &followed.shot);
            self.write_face(video, number + 1, face, [&seconds, &track])?;
        }
        Ok(())
    }

    fn write_face(
        &mut self,
        image: &str,
        number: usize,
        (face, shot): (&Face, &Shot),
        [seconds, track]: [&str; 2],
    ) -> anyhow::Result<String> {
        let name = format!("{:05}-{number}.jpg", self.images);
        let path = self.path.join(&name);
        std::fs::write(&path, &shot.jpeg).with_context(|| format!("write {}", path.display()))?;
        let whole = |pixels: f32| format!("{pixels:.0}");
        self.list.write_record([
            &name,
            image,
            &number.to_string(),
            &whole(face.rect.corner.x),
            &whole(face.rect.corner.y),
            &whole(face.rect.width),
            &whole(face.rect.height),
            &thousandths(face.score).to_string(),
            &thousandths(shot.quality.product()).to_string(),
            seconds,
            track,
        ])?;
        Ok(name)
    }

    /// Writes the rest of the list.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.list.flush().context("write crops.csv")
    }
}

/// Two videos may count from 0 each.
fn track_id(video: &str, followed: &Followed) -> String {
    format!("{video}#{}", followed.track.0)
}
