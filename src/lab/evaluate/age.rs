//! Errors of age in years, overall and by group; whether intervals hold the ages that they should. Pure.

use serde::{Serialize, Serializer};

use super::{ByLabel, Face, Rate, mean, report::Names};

/// Years in a column of the age distribution, and its columns; the last one is open.
const COLUMN_YEARS: usize = 5;
const COLUMNS: usize = 21;

/// Everything about age as a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgeFigures {
    #[serde(flatten)]
    pub all: AgeError,
    pub by_band: ByLabel<Option<AgeError>>,
    pub by_gender: ByLabel<Option<AgeError>>,
    pub by_ethnicity: ByLabel<Option<AgeError>>,
    #[serde(flatten)]
    pub intervals: Option<Intervals>,
    pub distribution: Distribution,
}

/// The expected age less the labelled one, in years.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgeError {
    pub n: usize,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean error: above 0 where people are taken for older.
    pub bias: f64,
    /// Root mean square error.
    pub rmse: f64,
}

/// How age intervals keep their promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// What the manifest promises.
    pub interval_level: f64,
    /// The share of faces whose age lies within.
    pub interval_coverage: f64,
    /// Its 95 % interval.
    pub interval_coverage_interval: [f64; 2],
    /// By the labelled age.
    #[serde(serialize_with = "share_only")]
    pub interval_coverage_by_band: ByLabel<Option<Rate>>,
    /// By the expected age: the promise is made band by band for these.
    #[serde(serialize_with = "share_only")]
    pub interval_coverage_by_estimated_band: ByLabel<Option<Rate>>,
    pub interval_width_median: f64,
    /// By the labelled age.
    pub interval_width_median_by_band: ByLabel<Option<f64>>,
}

/// A number a label, so that every coverage in the JSON is one.
fn share_only<S: Serializer>(
    rates: &ByLabel<Option<Rate>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let shares = rates.0.iter();
    serializer.collect_map(shares.map(|(label, rate)| (label, rate.map(|rate| rate.share))))
}

/// Faces by labelled and by expected age.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// The first age of every column; the last one is open.
    pub starts: Vec<usize>,
    pub actual: Vec<usize>,
    pub predicted: Vec<usize>,
}

/// A face with an age on both sides.
struct Pair<'a> {
    face: &'a Face,
    age: f64,
    expected: f64,
    interval: Option<(f64, f64)>,
}

impl AgeFigures {
    /// `None` where no face has both ages.
    pub(super) fn new(faces: &[&Face], names: &Names) -> Option<Self> {
        let pairs: Vec<Pair<'_>> = faces.iter().filter_map(|face| pair(face)).collect();
        let by = |labels: &[String], group: &dyn Fn(&Pair<'_>) -> Option<usize>| {
            ByLabel::new(labels, |label| {
                AgeError::of(pairs.iter().filter(|pair| group(pair) == Some(label)))
            })
        };
        Some(Self {
            all: AgeError::of(pairs.iter())?,
            by_band: by(&names.age_bands, &|pair| pair.face.truth.age_band),
            by_gender: by(&names.gender, &|pair| pair.face.truth.gender),
            by_ethnicity: by(&names.ethnicity, &|pair| pair.face.truth.ethnicity),
            intervals: Intervals::new(&pairs, names),
            distribution: Distribution::new(&pairs),
        })
    }
}

fn pair(face: &Face) -> Option<Pair<'_>> {
    let answer = face.answer.age.as_ref()?;
    Some(Pair {
        face,
        age: face.truth.age?.into(),
        expected: answer.mean.into(),
        interval: answer.interval.map(|(low, high)| (low.into(), high.into())),
    })
}

impl AgeError {
    fn of<'a, 'b: 'a>(pairs: impl Iterator<Item = &'a Pair<'b>>) -> Option<Self> {
        let errors: Vec<f64> = pairs.map(|pair| pair.expected - pair.age).collect();
        Some(Self {
            n: errors.len(),
            mae: mean(errors.iter().map(|error| error.abs()))?,
            bias: mean(errors.iter().copied())?,
            rmse: mean(errors.iter().map(|error| error * error))?.sqrt(),
        })
    }
}

impl Intervals {
    /// `None` where the model gives no intervals.
    fn new(pairs: &[Pair<'_>], names: &Names) -> Option<Self> {
        let coverage = |group: &dyn Fn(&Pair<'_>) -> bool| {
            Rate::where_(pairs.iter().filter(|pair| group(pair)).filter_map(holds))
        };
        let all = coverage(&|_| true)?;
        Some(Self {
            interval_level: names.interval_level?,
            interval_coverage: all.share,
            interval_coverage_interval: [all.low, all.high],
            interval_coverage_by_band: ByLabel::new(&names.age_bands, |band| {
                coverage(&|pair| pair.face.truth.age_band == Some(band))
            }),
            interval_coverage_by_estimated_band: ByLabel::new(&names.age_bands, |band| {
                coverage(&|pair| names.band(pair.expected) == band)
            }),
            interval_width_median: median_width(pairs.iter())?,
            interval_width_median_by_band: ByLabel::new(&names.age_bands, |band| {
                median_width(
                    pairs
                        .iter()
                        .filter(|pair| pair.face.truth.age_band == Some(band)),
                )
            }),
        })
    }
}

fn holds(pair: &Pair<'_>) -> Option<bool> {
    let (low, high) = pair.interval?;
    Some((low..=high).contains(&pair.age))
}

/// `None` of no interval.
fn median_width<'a, 'b: 'a>(pairs: impl Iterator<Item = &'a Pair<'b>>) -> Option<f64> {
    let mut widths: Vec<f64> = pairs
        .filter_map(|pair| pair.interval.map(|(low, high)| high - low))
        .collect();
    widths.sort_by(f64::total_cmp);
    (!widths.is_empty()).then(|| median(&widths))
}

/// Of sorted numbers, at least one.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

impl Distribution {
    fn new(pairs: &[Pair<'_>]) -> Self {
        let count = |age: &dyn Fn(&Pair<'_>) -> f64| {
            let mut counts = vec![0; COLUMNS];
            for pair in pairs {
                let column = (age(pair).max(0.0) as usize / COLUMN_YEARS).min(COLUMNS - 1);
                counts[column] += 1;
            }
            counts
        };
        Self {
            starts: (0..COLUMNS).map(|column| column * COLUMN_YEARS).collect(),
            actual: count(&|pair| pair.age),
            predicted: count(&|pair| pair.expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AgeAnswer, Answer, Scores, Truth},
        *,
    };

    fn names() -> Names {
        Names {
            age_starts: vec![0, 10],
            age_bands: vec!["0-9".into(), "10+".into()],
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec![],
            interval_level: Some(0.9),
        }
    }

    /// Labelled age, expected age, gender; intervals reach 2 years to both sides.
    fn face(age: f32, mean: f32, gender: Option<usize>) -> Face {
        let scores = Scores {
            calibrated: vec![1.0, 0.0],
            uncalibrated: vec![1.0, 0.0],
        };
        Face {
            truth: Truth {
                age: Some(age),
                age_band: Some(usize::from(age >= 10.0)),
                gender,
                ..Default::default()
            },
            answer: Answer {
                age: Some(AgeAnswer {
                    mean,
                    bands: scores,
                    interval: Some((mean - 2.0, mean + 2.0)),
                }),
                ..Default::default()
            },
        }
    }

    fn figures(faces: &[Face]) -> AgeFigures {
        AgeFigures::new(&faces.iter().collect::<Vec<_>>(), &names()).unwrap()
    }

    #[test]
    fn errors_are_those_of_the_hand_worked_example() {
        // Errors 1, -3 and 2: absolute 6/3, mean 0, squares (1 + 9 + 4)/3.
        let age = figures(&[
            face(4.0, 5.0, Some(0)),
            face(20.0, 17.0, Some(0)),
            face(30.0, 32.0, None),
        ]);
        assert_eq!((age.all.n, age.all.mae, age.all.bias), (3, 2.0, 0.0));
        assert!((age.all.rmse - (14.0f64 / 3.0).sqrt()).abs() < 1e-9);
        assert_eq!(age.by_band.get("10+").unwrap().unwrap().mae, 2.5);
        assert_eq!(age.by_gender.get("female").unwrap().unwrap().bias, -1.0);
        assert_eq!(age.by_gender.get("male"), Some(&None));
    }

    #[test]
    fn coverage_counts_ages_within_and_at_the_ends() {
        let age = figures(&[
            face(4.0, 5.0, None),
            face(20.0, 17.0, None),
            face(30.0, 32.0, None),
        ]);
        let intervals = age.intervals.unwrap();
        assert!((intervals.interval_coverage - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(intervals.interval_width_median, 4.0);
        let widths = &intervals.interval_width_median_by_band;
        assert_eq!(widths.get("10+"), Some(&Some(4.0)));
        let older = intervals
            .interval_coverage_by_band
            .get("10+")
            .unwrap()
            .unwrap();
        assert_eq!((older.n, older.share), (2, 0.5));
    }

    #[test]
    fn the_distribution_counts_both_sides_and_its_last_column_is_open() {
        let distribution = figures(&[face(3.0, 6.0, None), face(116.0, 99.0, None)]).distribution;
        assert_eq!(distribution.starts.last(), Some(&100));
        assert_eq!((distribution.actual[0], distribution.actual[20]), (1, 1));
        assert_eq!(
            (distribution.predicted[1], distribution.predicted[19]),
            (1, 1)
        );
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_ones() {
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }
}
