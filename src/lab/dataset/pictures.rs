//! The faces' files: in a folder, or in a ZIP by full name or by name without folders.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use zip::ZipArchive;

/// An open set of files. A ZIP is read through a handle of its own, so each thread opens one.
pub struct Pictures(Place);

enum Place {
    Folder(PathBuf),
    Zip {
        path: PathBuf,
        archive: ZipArchive<File>,
        index: Arc<Index>,
    },
}

/// Names in a ZIP -> places; `None` where a name without folders stands for several files.
type Index = HashMap<String, Option<usize>>;

impl Pictures {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Ok(Self(Place::Folder(path.to_owned())));
        }
        let archive = open_zip(path)?;
        let index = Arc::new(index(&archive));
        Ok(Self(Place::Zip {
            path: path.to_owned(),
            archive,
            index,
        }))
    }

    /// The same files for another thread.
    pub fn again(&self) -> anyhow::Result<Self> {
        Ok(Self(match &self.0 {
            Place::Folder(path) => Place::Folder(path.clone()),
            Place::Zip { path, index, .. } => Place::Zip {
                path: path.clone(),
                archive: open_zip(path)?,
                index: index.clone(),
            },
        }))
    }

    /// The file's bytes, at most one more than `max`; `None` where there is no such file.
    pub fn read(&mut self, file: &str, max: usize) -> anyhow::Result<Option<Vec<u8>>> {
        let most = max as u64 + 1;
        let mut bytes = Vec::new();
        match &mut self.0 {
            Place::Folder(folder) => {
                let path = folder.join(file);
                if !path.is_file() {
                    return Ok(None);
                }
                File::open(&path)
                    .and_then(|file| file.take(most).read_to_end(&mut bytes))
                    .with_context(|| format!("read {}", path.display()))?;
            }
            Place::Zip { archive, index, .. } => {
                let place = match index.get(file).or_else(|| index.get(base(file))) {
                    None => return Ok(None),
                    Some(Some(place)) => *place,
                    Some(None) => bail!(
                        "{file}: the ZIP has several files of this name: write their full names into the CSV"
                    ),
                };
                let entry = archive.by_index(place).with_context(|| file.to_owned())?;
                entry
                    .take(most)
                    .read_to_end(&mut bytes)
                    .with_context(|| format!("unpack {file}"))?;
            }
        }
        Ok(Some(bytes))
    }
}

fn open_zip(path: &Path) -> anyhow::Result<ZipArchive<File>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    ZipArchive::new(file).with_context(|| format!("{}: neither a folder nor a ZIP", path.display()))
}

fn index(archive: &ZipArchive<File>) -> Index {
    // An entry whose name cannot be read has no name to be found by, but it has its place.
    let names: Vec<String> = (0..archive.len())
        .map(|place| match archive.name_for_index(place) {
            Some(Ok(name)) => name.into_owned(),
            Some(Err(_)) | None => String::new(),
        })
        .collect();
    let mut index = Index::new();
    for (place, name) in names.iter().enumerate() {
        index
            .entry(base(name).to_owned())
            .and_modify(|known| *known = None)
            .or_insert(Some(place));
    }
    // Full names last: they are never ambiguous.
    for (place, name) in names.iter().enumerate() {
        index.insert(name.clone(), Some(place));
    }
    index
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn zipped(names: &[&str]) -> (tempfile::TempDir, Pictures) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let pictures = Pictures::open(&path).unwrap();
        (folder, pictures)
    }

    #[test]
    fn a_zip_is_searched_by_full_name_and_by_name() {
        let (_folder, mut pictures) = zipped(&["x/a.jpg", "x/b.jpg", "y/b.jpg"]);
        let mut read = |name| pictures.read(name, 99);
        assert_eq!(read("a.jpg").unwrap().unwrap(), b"x/a.jpg");
        assert_eq!(read("elsewhere/a.jpg").unwrap().unwrap(), b"x/a.jpg");
        assert_eq!(read("y/b.jpg").unwrap().unwrap(), b"y/b.jpg");
        assert!(
            read("b.jpg")
                .unwrap_err()
                .to_string()
                .contains("several files")
        );
        assert_eq!(read("c.jpg").unwrap(), None);
        assert_eq!(
            pictures
                .again()
                .unwrap()
                .read("x/a.jpg", 2)
                .unwrap()
                .unwrap(),
            b"x/a"
        );
    }

    #[test]
    fn what_is_no_zip_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.txt");
        std::fs::write(&path, "no").unwrap();
        let error = Pictures::open(&path).err().unwrap();
        assert!(format!("{error:#}").contains("neither a folder nor a ZIP"));
    }
}
