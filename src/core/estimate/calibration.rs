//! How faces of each true class fall into cells: integer counts from labelled faces, and what follows from them.

use serde::{Deserialize, Serialize};

use super::{Grid, counts::quantise, linear::Matrix};

/// Prior strength: the model's posterior counts as this many labelled faces of a cell. Chosen on a validation
/// split among 3, 10, 30 and 100 (docs/adr/0007).
const PRIOR_STRENGTH: f64 = 30.0;
/// The least faces a class: fewer do not tell how it varies.
const FACES_MIN: u64 = 10;
/// The least faces a class that an adapted calibration stands for: how it varies is known from its base.
pub(super) const ADAPTED_MIN: u64 = 2;

/// One cell that calibration faces fell into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellRow {
    /// The cell (see [`Grid`]).
    pub cell: usize,
    /// Faces by true class.
    pub faces: Vec<u64>,
    /// The sum of their posteriors, in steps of 1/65535.
    pub evidence: Vec<u64>,
}

/// The calibration of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The classes, in the order of the model.
    pub labels: Vec<String>,
    /// In ascending order of cells.
    pub cells: Vec<CellRow>,
    /// By true class: the sum of its faces' posteriors, in steps of 1/65535.
    #[serde(default)]
    pub posteriors: Vec<Vec<u64>>,
    /// A face counts as so many, and so do its posteriors: 1, but for a calibration that was adapted to a camera, where
    /// a face of the base counts for less than one.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub parts: u64,
    /// Faces of the camera by true class, which adapted a base; empty where there was no base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local: Vec<u64>,
}

fn whole() -> u64 {
    1
}

fn is_whole(parts: &u64) -> bool {
    *parts == 1
}

/// Why a calibration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// So many labels are too few.
    #[error("{0} labels: an attribute has at least 2")]
    Labels(usize),
    /// The numbers of this cell do not fit.
    #[error(
        "cell {0} is beyond the grid, out of order, or has not one number a label: the file is damaged, calibrate again"
    )]
    Cell(usize),
    /// The sums of the posteriors do not fit.
    #[error(
        "posteriors: not one sum a true class and answer, or not those of the cells: the file is damaged or of an \
         older version, calibrate again"
    )]
    Posteriors,
    /// A face has no parts, or there are faces of a camera without parts.
    #[error("parts: {0}, which does not fit `local`: the file is damaged, calibrate again")]
    Parts(u64),
    /// The base was adapted before.
    #[error(
        "the base is adapted to a camera already: name the file that it was adapted from, and label all the camera's \
         faces together"
    )]
    Adapted,
    /// The base has other classes.
    #[error(
        "the base has the labels {base:?}, the faces have {faces:?}: name a base with the same"
    )]
    OtherLabels {
        /// The classes of the base.
        base: Vec<String>,
        /// The classes of the faces.
        faces: Vec<String>,
    },
    /// A class has too few faces to tell how the model errs on it.
    #[error(
        "{label:?} has {faces} calibration faces: label at least 10 of them, or leave the attribute out"
    )]
    TooFew {
        /// The class.
        label: String,
        /// How many faces it has.
        faces: u64,
    },
}

impl Calibration {
    /// From labelled faces: the place of the true label, and the model's posterior.
    pub fn new<'a>(
        labels: &[String],
        faces: impl Iterator<Item = (usize, &'a [f32])>,
    ) -> Result<Self, CalibrationError> {
        let calibration = Self::counted(labels, faces)?;
        calibration.check()?;
        Ok(calibration)
    }

    /// The same of any number of faces: a part of a calibration.
    pub(super) fn counted<'a>(
        labels: &[String],
        faces: impl Iterator<Item = (usize, &'a [f32])>,
    ) -> Result<Self, CalibrationError> {
        let grid = Grid::new(labels.len()).ok_or(CalibrationError::Labels(labels.len()))?;
        let empty = |cell| CellRow {
            cell,
            faces: vec![0; labels.len()],
            evidence: vec![0; labels.len()],
        };
        let mut cells: Vec<CellRow> = (0..grid.cells()).map(empty).collect();
        let mut posteriors = vec![vec![0; labels.len()]; labels.len()];
        for (truth, posterior) in faces {
            let row = &mut cells[grid.cell(posterior)];
            row.faces[truth] += 1;
            let sums = row.evidence.iter_mut().zip(&mut posteriors[truth]);
            for ((in_cell, in_class), p) in sums.zip(quantise(posterior)) {
                *in_cell += u64::from(p);
                *in_class += u64::from(p);
            }
        }
        cells.retain(|row| row.faces.iter().any(|&n| n > 0));
        Ok(Self {
            labels: labels.to_vec(),
            cells,
            posteriors,
            parts: whole(),
            local: Vec::new(),
        })
    }

    /// Whether the numbers fit each other; a file may hold anything.
    pub fn check(&self) -> Result<(), CalibrationError> {
        let classes = self.labels.len();
        let grid = Grid::new(classes).ok_or(CalibrationError::Labels(classes))?;
        for (place, row) in self.cells.iter().enumerate() {
            let ascending = place == 0 || self.cells[place - 1].cell < row.cell;
            let shape = row.faces.len() == classes && row.evidence.len() == classes;
            if !ascending || !shape || row.cell >= grid.cells() {
                return Err(CalibrationError::Cell(row.cell));
            }
        }
        if self.parts == 0 || self.is_adapted() != (self.local.len() == classes) {
            return Err(CalibrationError::Parts(self.parts));
        }
        if !self.posteriors_fit_the_cells() {
            return Err(CalibrationError::Posteriors);
        }
        let least = if self.is_adapted() {
            ADAPTED_MIN
        } else {
            FACES_MIN
        };
        for (label, faces) in self.labels.iter().zip(self.faces()) {
            if faces < least.saturating_mul(self.parts) {
                let label = label.clone();
                let faces = faces / self.parts;
                return Err(CalibrationError::TooFew { label, faces });
            }
        }
        Ok(())
    }

    /// Whether faces of a camera adapted a base.
    pub fn is_adapted(&self) -> bool {
        self.parts > 1
    }

    fn posteriors_fit_the_cells(&self) -> bool {
        let classes = self.labels.len();
        let by_class: Vec<&[u64]> = self.posteriors.iter().map(Vec::as_slice).collect();
        let by_cell: Vec<&[u64]> = self.cells.iter().map(|row| &row.evidence[..]).collect();
        let shape = by_class.len() == classes && by_class.iter().all(|sums| sums.len() == classes);
        // Of an adapted one each was rounded.
        shape
            && (self.is_adapted()
                || (0..classes).all(|answer| summed(&by_class, answer) == summed(&by_cell, answer)))
    }

    /// The cells of its classes.
    pub fn grid(&self) -> Grid {
        Grid::new(self.labels.len()).expect("check() saw at least 2 labels")
    }

    /// By true class: this many labelled faces would tell as much of how the model errs on it. Where no base was adapted
    /// these are the faces.
    pub fn effective_faces(&self) -> Vec<f64> {
        let parts = self.parts as f64;
        self.faces().iter().map(|&n| n as f64 / parts).collect()
    }

    /// Calibration faces by true class, in parts.
    pub fn faces(&self) -> Vec<u64> {
        let mut faces = vec![0; self.labels.len()];
        for row in &self.cells {
            faces
                .iter_mut()
                .zip(&row.faces)
                .for_each(|(sum, n)| *sum += n);
        }
        faces
    }

    /// The shares of the calibration faces.
    pub fn prior(&self) -> Vec<f64> {
        let faces = self.faces();
        let total: u64 = faces.iter().sum();
        faces.iter().map(|&n| n as f64 / total as f64).collect()
    }

    /// What the model says of faces of each true class, on average: a column a class. `None` where it said nothing.
    pub(super) fn mean_posteriors(&self) -> Option<Matrix> {
        let totals: Vec<u64> = self
            .posteriors
            .iter()
            .map(|sums| sums.iter().sum())
            .collect();
        let row = |answer: usize| -> Vec<f64> {
            let columns = self.posteriors.iter().zip(&totals);
            columns
                .map(|(sums, &total)| sums[answer] as f64 / total as f64)
                .collect()
        };
        let is_known = totals.iter().all(|&total| total > 0);
        is_known.then(|| (0..self.labels.len()).map(row).collect())
    }

    /// What the model says of faces in a cell, on average.
    pub(super) fn mean_posterior(&self, cell: usize) -> Vec<f64> {
        let Some(row) = self.row(cell) else {
            return self.grid().centre(cell);
        };
        let sum: u64 = row.evidence.iter().sum();
        if sum == 0 {
            return self.grid().centre(cell);
        }
        // A posterior may round to 0, and no face is impossible.
        let floor = 1e-6;
        let mean = row.evidence.iter().map(|&e| e as f64 / sum as f64);
        mean.map(|p| (p + floor) / (1.0 + floor * row.evidence.len() as f64))
            .collect()
    }

    /// The posterior of a cell at the calibration's shares: the labels of its faces, drawn towards the model's word.
    pub(super) fn posterior(&self, cell: usize) -> Vec<f64> {
        let own = self.mean_posterior(cell);
        let Some(row) = self.row(cell) else {
            return own;
        };
        let total: u64 = row.faces.iter().sum();
        let strength = PRIOR_STRENGTH * self.parts as f64;
        let blend =
            |(&n, own): (&u64, f64)| (n as f64 + strength * own) / (total as f64 + strength);
        row.faces.iter().zip(own).map(blend).collect()
    }

    /// Faces of a class in a cell, in parts.
    pub(super) fn faces_in(&self, cell: usize, class: usize) -> u64 {
        self.row(cell).map_or(0, |row| row.faces[class])
    }

    pub(super) fn row(&self, cell: usize) -> Option<&CellRow> {
        let place = self
            .cells
            .binary_search_by_key(&cell, |row| row.cell)
            .ok()?;
        Some(&self.cells[place])
    }
}

/// Wide, since a damaged file may hold anything.
fn summed(rows: &[&[u64]], answer: usize) -> u128 {
    rows.iter().map(|row| u128::from(row[answer])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    #[test]
    fn too_few_faces_of_a_class_are_refused_by_name() {
        let sure = [0.9f32, 0.1];
        let faces = (0..30).map(|n| (usize::from(n == 0), &sure[..]));
        let error = Calibration::new(&labels(), faces).unwrap_err();
        assert!(error.to_string().contains("\"b\" has 1"), "{error}");
    }

    #[test]
    fn the_order_of_the_faces_changes_nothing_and_the_file_is_read_back() {
        let faces: Vec<(usize, [f32; 2])> = (0..60)
            .map(|n| (n % 2, [n as f32 / 60.0, 1.0 - n as f32 / 60.0]))
            .collect();
        let made = |faces: &mut dyn Iterator<Item = &(usize, [f32; 2])>| {
            Calibration::new(&labels(), faces.map(|(k, p)| (*k, &p[..]))).unwrap()
        };
        let forth = made(&mut faces.iter());
        assert_eq!(forth, made(&mut faces.iter().rev()));
        let text = serde_json::to_string(&forth).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), forth);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let mut calibration = Calibration {
            labels: labels(),
            cells: vec![CellRow {
                cell: 3,
                faces: vec![20, 20],
                evidence: vec![1, 1],
            }],
            posteriors: vec![vec![1, 0], vec![0, 1]],
            parts: 1,
            local: vec![],
        };
        assert_eq!(calibration.check(), Ok(()));
        for posteriors in [vec![], vec![vec![1, 1]], vec![vec![1, 0], vec![1, 0]]] {
            let mut other = calibration.clone();
            other.posteriors = posteriors;
            assert_eq!(other.check(), Err(CalibrationError::Posteriors));
        }
        calibration.cells[0].cell = 54;
        assert_eq!(calibration.check(), Err(CalibrationError::Cell(54)));
    }
}
