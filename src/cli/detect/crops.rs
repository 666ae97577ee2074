//! A folder of crops, and the list of them that `publish` reads.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use demograph_camera::finder::{Found, FoundFace};

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
            "file", "image", "face", "x", "y", "width", "height", "score", "quality",
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
            let name = format!("{:05}-{}.jpg", self.images, number + 1);
            let path = self.path.join(&name);
            std::fs::write(&path, &shot.jpeg)
                .with_context(|| format!("write {}", path.display()))?;
            let whole = |pixels: f32| format!("{pixels:.0}");
            self.list.write_record([
                name.clone(),
                image.to_owned(),
                (number + 1).to_string(),
                whole(face.rect.corner.x),
                whole(face.rect.corner.y),
                whole(face.rect.width),
                whole(face.rect.height),
                thousandths(face.score).to_string(),
                thousandths(shot.quality.product()).to_string(),
            ])?;
            names.push(name);
        }
        Ok(names)
    }

    /// Writes the rest of the list.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.list.flush().context("write crops.csv")
    }
}
