//! A calibration file, version 1: the calibrations of a model's attributes, and for what they hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Calibration;
use crate::record::Attribute;

/// The version of the format that this program reads.
const VERSION: u32 = 1;

/// What a calibration file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    version: u32,
    /// Name and hash of the model whose answers were calibrated; with another one the cells mean something else.
    pub model: String,
    /// The first age of every band.
    pub age_bands: Vec<u32>,
    /// The id of the file that was adapted to a camera's faces, if any was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The calibration of each attribute.
    pub attributes: BTreeMap<Attribute, Calibration>,
}

impl CalibrationFile {
    /// A file of the version that this program writes.
    pub fn new(
        model: String,
        age_bands: Vec<u32>,
        attributes: BTreeMap<Attribute, Calibration>,
    ) -> Self {
        Self {
            version: VERSION,
            model,
            age_bands,
            base: None,
            attributes,
        }
    }

    /// Reads the text, and whether its numbers fit each other.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Self = serde_json::from_str(text)?;
        anyhow::ensure!(
            file.version == VERSION,
            "version = {}: this demograph reads version {VERSION}; calibrate again",
            file.version
        );
        for (attribute, calibration) in &file.attributes {
            let checked = calibration.check();
            checked.map_err(|fault| anyhow::anyhow!("attributes.{attribute}: {fault}"))?;
        }
        Ok(file)
    }

    /// The bytes of the file: one line of JSON.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers, names and lists are JSON") + "\n"
    }

    /// The first 12 digits of the text's SHA-256: what a row says of where its shares come from.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.text().as_bytes());
        crate::hex(&digest[..6])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> CalibrationFile {
        let labels = ["a".to_owned(), "b".to_owned()];
        let faces = (0..40).map(|n| {
            (
                n % 2,
                if n % 3 == 0 {
                    &[0.6f32, 0.4]
                } else {
                    &[0.2, 0.8]
                },
            )
        });
        let calibration = Calibration::new(&labels, faces.map(|(k, p)| (k, &p[..]))).unwrap();
        let attributes = BTreeMap::from([(Attribute::Gender, calibration)]);
        CalibrationFile::new("m@1".into(), vec![0, 18], attributes)
    }

    #[test]
    fn a_file_is_read_back_and_named_by_what_it_holds() {
        let read = CalibrationFile::parse(&file().text()).unwrap();
        assert_eq!(read, file());
        assert_eq!(read.id().len(), 12);
        let mut other = file();
        other.age_bands.push(65);
        assert_ne!(other.id(), read.id());
    }

    #[test]
    fn a_later_version_and_a_damaged_cell_are_refused_with_their_place() {
        let refused = |text: String| CalibrationFile::parse(&text).unwrap_err().to_string();
        let later = refused(file().text().replace("\"version\":1", "\"version\":2"));
        assert!(later.contains("version = 2"), "{later}");
        let damaged = refused(file().text().replace("\"cell\":", "\"cell\":9"));
        assert!(damaged.contains("attributes.gender"), "{damaged}");
    }
}
