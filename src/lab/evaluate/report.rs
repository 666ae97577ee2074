//! Faces -> every figure. The field names are the keys of `evaluation.json`. Pure.

use serde::Serialize;

use super::{AgeFigures, Classification, Face, Rate, Reliability, Scores, Shares, Truth, winner};

/// What is counted, in the order in which faces and answers number it.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    /// The first age of every band.
    pub age_starts: Vec<u32>,
    pub age_bands: Vec<String>,
    pub gender: Vec<String>,
    pub ethnicity: Vec<String>,
    /// How often age intervals should hold the age, where the model gives them.
    pub interval_level: Option<f64>,
}

impl Names {
    /// The band of an age.
    pub fn band(&self, age: f64) -> usize {
        self.age_starts
            .partition_point(|&start| f64::from(start) <= age)
            .saturating_sub(1)
    }
}

/// Every figure about a set of faces; a part is left out where labels or model say nothing of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Faces with an answer.
    pub n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ethnicity: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_band: Option<Head>,
    /// Groups of ethnicity and gender.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Cell>,
}

/// Everything about one head that chooses a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    #[serde(flatten)]
    pub report: Classification,
    pub calibration: Calibration,
    pub shares: Shares,
}

/// Reliability with the manifest's temperature and without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub uncalibrated: Reliability,
    pub calibrated: Reliability,
}

/// How a group fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    pub ethnicity: String,
    pub gender: String,
    pub n: usize,
    pub gender_accuracy: Option<Rate>,
    pub ethnicity_accuracy: Option<Rate>,
    pub age_band_accuracy: Option<Rate>,
}

impl Figures {
    pub fn new(faces: &[&Face], names: &Names) -> Self {
        Self {
            n: faces.len(),
            gender: Head::new(&names.gender, pairs(faces, GENDER)),
            ethnicity: Head::new(&names.ethnicity, pairs(faces, ETHNICITY)),
            age: AgeFigures::new(faces, names),
            age_band: Head::new(&names.age_bands, pairs(faces, AGE_BAND)),
            cells: cells(faces, names),
        }
    }

    /// The heads that choose a label, by name.
    pub fn heads(&self) -> impl Iterator<Item = (&'static str, &Head)> {
        [
            ("gender", &self.gender),
            ("ethnicity", &self.ethnicity),
            ("age band", &self.age_band),
        ]
        .into_iter()
        .filter_map(|(name, head)| Some((name, head.as_ref()?)))
    }
}

/// A true label and the scores that it is compared with.
type Compare = fn(&Face) -> Option<(usize, &Scores)>;

const GENDER: Compare = |face| Some((face.truth.gender?, face.answer.gender.as_ref()?));
const ETHNICITY: Compare = |face| Some((face.truth.ethnicity?, face.answer.ethnicity.as_ref()?));
/// The predicted band is the one of the largest probability, as a window counts it; not the band of the mean.
const AGE_BAND: Compare = |face| Some((face.truth.age_band?, &face.answer.age.as_ref()?.bands));

fn pairs<'a>(faces: &[&'a Face], compare: Compare) -> Vec<(usize, &'a Scores)> {
    faces.iter().filter_map(|face| compare(face)).collect()
}

impl Head {
    fn new(labels: &[String], pairs: Vec<(usize, &Scores)>) -> Option<Self> {
        let predicted: Vec<_> = pairs
            .iter()
            .map(|(truth, scores)| (*truth, winner(&scores.calibrated)))
            .collect();
        let report = Classification::new(labels, &predicted)?;
        Some(Self {
            calibration: Calibration {
                uncalibrated: reliability(&pairs, |scores| &scores.uncalibrated)?,
                calibrated: reliability(&pairs, |scores| &scores.calibrated)?,
            },
            shares: Shares::new(&report.confusion),
            report,
        })
    }
}

fn reliability(
    pairs: &[(usize, &Scores)],
    which: impl Fn(&Scores) -> &Vec<f32>,
) -> Option<Reliability> {
    let answers = pairs.iter().map(|(truth, scores)| {
        let probabilities = which(scores);
        let label = winner(probabilities);
        (probabilities[label], label == *truth)
    });
    Reliability::new(answers.collect())
}

/// One for each group that has a face.
fn cells(faces: &[&Face], names: &Names) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (e, ethnicity) in names.ethnicity.iter().enumerate() {
        for (g, gender) in names.gender.iter().enumerate() {
            let is_in = |truth: &Truth| (truth.ethnicity, truth.gender) == (Some(e), Some(g));
            let group: Vec<&Face> = faces
                .iter()
                .copied()
                .filter(|face| is_in(&face.truth))
                .collect();
            if group.is_empty() {
                continue;
            }
            let accuracy = |compare: Compare| {
                let pairs = pairs(&group, compare);
                Rate::where_(
                    pairs
                        .iter()
                        .map(|(truth, scores)| *truth == winner(&scores.calibrated)),
                )
            };
            cells.push(Cell {
                ethnicity: ethnicity.clone(),
                gender: gender.clone(),
                n: group.len(),
                gender_accuracy: accuracy(GENDER),
                ethnicity_accuracy: accuracy(ETHNICITY),
                age_band_accuracy: accuracy(AGE_BAND),
            });
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::{super::Answer, *};

    fn names() -> Names {
        Names {
            age_starts: vec![0],
            age_bands: vec!["0+".into()],
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec!["x".into(), "y".into()],
            interval_level: None,
        }
    }

    fn scores(first: f32) -> Option<Scores> {
        Some(Scores {
            calibrated: vec![first, 1.0 - first],
            uncalibrated: vec![first, 1.0 - first],
        })
    }

    fn face(gender: (usize, f32), ethnicity: (usize, f32)) -> Face {
        Face {
            truth: Truth {
                gender: Some(gender.0),
                ethnicity: Some(ethnicity.0),
                ..Default::default()
            },
            answer: Answer {
                age: None,
                gender: scores(gender.1),
                ethnicity: scores(ethnicity.1),
            },
        }
    }

    #[test]
    fn cells_tell_how_each_group_fares() {
        let faces = [
            face((0, 0.9), (0, 0.9)),
            face((0, 0.2), (0, 0.9)),
            face((1, 0.1), (1, 0.9)),
        ];
        let figures = Figures::new(&faces.iter().collect::<Vec<_>>(), &names());
        assert_eq!(figures.cells.len(), 2);
        let first = &figures.cells[0];
        assert_eq!(
            (first.ethnicity.as_str(), first.gender.as_str()),
            ("x", "female")
        );
        assert_eq!(first.gender_accuracy.unwrap().share, 0.5);
        assert_eq!(first.ethnicity_accuracy.unwrap().share, 1.0);
        assert_eq!(first.age_band_accuracy, None);
        assert_eq!(figures.cells[1].ethnicity_accuracy.unwrap().share, 0.0);
    }

    #[test]
    fn the_json_has_the_keys_that_the_card_reads() {
        let faces = [face((0, 0.9), (0, 0.9)), face((1, 0.2), (1, 0.9))];
        let figures = Figures::new(&faces.iter().collect::<Vec<_>>(), &names());
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["gender"]["accuracy"], 1.0);
        assert_eq!(json["ethnicity"]["recall"]["y"], 0.0);
        assert_eq!(json["ethnicity"]["shares"]["tvd"], 0.5);
        assert!(json["gender"]["calibration"]["calibrated"]["ece"].is_number());
        assert!(json.get("age").is_none(), "nothing is said of ages");
    }

    #[test]
    fn equal_probabilities_go_to_the_first_label_as_in_a_window() {
        assert_eq!(winner(&[0.5, 0.5]), 0);
        assert_eq!(winner(&[0.2, 0.4, 0.4]), 1);
    }
}
