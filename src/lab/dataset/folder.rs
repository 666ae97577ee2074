//! The images of a folder.

use std::path::{Path, PathBuf};

use anyhow::Context;
use demograph_core::event::content_type;

/// The JPEG, PNG and WebP files of a folder, in the order of their names.
pub fn images(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("read the folder {}", folder.display()))?;
    let mut images = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    images.retain(|image| content_type(&image.to_string_lossy()).is_some());
    images.sort();
    Ok(images)
}

/// Files as they are named, and the images of folders.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(images(path)?),
            false => files.push(path.clone()),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_images_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b.png", "notes.txt", "a.jpg", "c.webp"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let files = expand(&[path("notes.txt"), folder.path().to_owned()]).unwrap();
        assert_eq!(files, ["notes.txt", "a.jpg", "b.png", "c.webp"].map(path));
        let error = images(&path("nowhere")).unwrap_err().to_string();
        assert!(error.contains("read the folder"), "{error}");
    }
}
