//! The label file: CSV -> rows with labels in the model's own terms, or an error that lists all that is unknown.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, bail, ensure};
use csv::StringRecord;

use super::{spread, unknown::Unknown};
use crate::evaluate::{Names, Truth};

/// A face to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    pub file: String,
    pub truth: Truth,
}

/// Which rows count, and what their labels are called.
pub struct LabelOptions<'a> {
    pub split: Option<&'a str>,
    /// A label of the file and the model's.
    pub maps: &'a [(String, String)],
    /// An attribute and its column, where that has another name.
    pub columns: &'a [(String, String)],
    pub names: &'a Names,
    pub limit: Option<usize>,
}

/// Reads the rows that count.
pub fn read_labels(path: &Path, options: &LabelOptions<'_>) -> anyhow::Result<Vec<Labelled>> {
    let reader = csv::Reader::from_path(path);
    let reader = reader.with_context(|| format!("read the labels {}", path.display()))?;
    parse(reader, options).with_context(|| path.display().to_string())
}

fn parse<R: std::io::Read>(
    mut reader: csv::Reader<R>,
    options: &LabelOptions<'_>,
) -> anyhow::Result<Vec<Labelled>> {
    let columns = Columns::new(reader.headers()?, options)?;
    let mut rows = Vec::new();
    let mut splits = BTreeSet::new();
    let mut unknown = Unknown::default();
    for (n, record) in reader.records().enumerate() {
        let record = record?;
        let split = columns.split.map(|column| record[column].trim().to_owned());
        if options.split.is_some() && split.as_deref() != options.split {
            splits.extend(split);
            continue;
        }
        let truth = columns
            .truth(&record, options, &mut unknown)
            // The header is the first line.
            .with_context(|| format!("line {}", n + 2))?;
        rows.push(Labelled {
            file: record[columns.file].trim().to_owned(),
            truth,
        });
    }
    unknown.check(options.names, &mut rows)?;
    if rows.is_empty() {
        bail!(
            "no row has split = {:?}; the file has {splits:?}",
            options.split.unwrap_or_default()
        );
    }
    Ok(match options.limit {
        Some(limit) => spread(rows, limit),
        None => rows,
    })
}

/// Columns that `--column` may look for under another name.
const ATTRIBUTES: [&str; 4] = ["age", "age_band", "gender", "ethnicity"];

/// Where the columns are.
struct Columns {
    file: usize,
    age: Option<usize>,
    age_band: Option<usize>,
    gender: Option<usize>,
    ethnicity: Option<usize>,
    split: Option<usize>,
    label_conflict: Option<usize>,
}

impl Columns {
    fn new(header: &StringRecord, options: &LabelOptions<'_>) -> anyhow::Result<Self> {
        let names: Vec<&str> = header.iter().map(str::trim).collect();
        let find = |name: &str| {
            let other = options.columns.iter().find(|(of, _)| of == name);
            let name = other.map_or(name, |(_, column)| column.as_str());
            names.iter().position(|column| *column == name)
        };
        for (of, column) in options.columns {
            ensure!(
                ATTRIBUTES.contains(&of.as_str()) && find(of).is_some(),
                "--column {of}={column}: write one of {ATTRIBUTES:?}, and one of the columns {names:?}"
            );
        }
        let columns = Self {
            file: find("file")
                .with_context(|| format!("there is no column `file`; the columns are {names:?}"))?,
            age: find("age"),
            age_band: find("age_band"),
            gender: find("gender"),
            ethnicity: find("ethnicity"),
            split: find("split"),
            label_conflict: find("label_conflict"),
        };
        let labels = [
            columns.age,
            columns.age_band,
            columns.gender,
            columns.ethnicity,
        ];
        ensure!(
            labels.iter().any(Option::is_some),
            "there is none of the columns age, age_band, gender, ethnicity; the columns are {names:?}"
        );
        ensure!(
            options.split.is_none() || columns.split.is_some(),
            "--split needs a column `split`; the columns are {names:?}"
        );
        Ok(columns)
    }

    fn truth(
        &self,
        record: &StringRecord,
        options: &LabelOptions<'_>,
        unknown: &mut Unknown,
    ) -> anyhow::Result<Truth> {
        let names = options.names;
        let value = |column: Option<usize>| {
            let value = column.map(|column| record[column].trim());
            value.filter(|value| !value.is_empty())
        };
        let age = value(self.age).map(years).transpose()?;
        let band = value(self.age_band).filter(|_| age.is_none());
        let mut place = |attribute, label: Option<&str>, known: &[String]| {
            let label = renamed(label?, options.maps);
            // A model without this head, or a label that is mapped to nothing, has nothing to compare.
            if known.is_empty() || label.is_empty() {
                return None;
            }
            let found = known.iter().position(|name| name == label);
            if found.is_none() {
                unknown.note(attribute, label);
            }
            found
        };
        Ok(Truth {
            age,
            age_band: match age {
                Some(age) => Some(names.band(age.into())),
                None => place("age_band", band, &names.age_bands),
            },
            gender: place("gender", value(self.gender), &names.gender),
            ethnicity: place("ethnicity", value(self.ethnicity), &names.ethnicity),
            label_conflict: is_true(value(self.label_conflict))?,
        })
    }
}

fn renamed<'a>(label: &'a str, maps: &'a [(String, String)]) -> &'a str {
    let map = maps.iter().find(|(other, _)| other == label);
    map.map_or(label, |(_, name)| name)
}

fn years(text: &str) -> anyhow::Result<f32> {
    let age: f32 = text
        .parse()
        .ok()
        .filter(|age| (0.0..=150.0).contains(age))
        .with_context(|| {
            format!("age = {text:?}: write years from 0 to 150, or nothing; bands go into age_band")
        })?;
    Ok(age)
}

fn is_true(text: Option<&str>) -> anyhow::Result<bool> {
    match text {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(other) => bail!("label_conflict = {other:?}: write 0 or 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            age_starts: vec![0, 10],
            age_bands: vec!["0-9".into(), "10+".into()],
            gender: vec!["female".into(), "male".into()],
            ethnicity: vec!["white".into(), "other".into()],
            interval_level: None,
        }
    }

    fn rows(text: &str, maps: &[(&str, &str)]) -> anyhow::Result<Vec<Labelled>> {
        let maps: Vec<_> = maps
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let columns = match text.starts_with("file,five") {
            true => vec![("ethnicity".to_owned(), "five".to_owned())],
            false => Vec::new(),
        };
        let options = LabelOptions {
            split: text.contains("split").then_some("test"),
            maps: &maps,
            columns: &columns,
            names: &names(),
            limit: None,
        };
        parse(csv::Reader::from_reader(text.as_bytes()), &options)
    }

    #[test]
    fn labels_become_places_and_rows_of_other_splits_are_passed_over() {
        let text = "file,age,gender,split,label_conflict\na.jpg,9.5,male,test,1\nb.jpg,3,male,train,0\nc.jpg,,,test,\n";
        let rows = rows(text, &[]).unwrap();
        assert_eq!(rows.len(), 2);
        let first = &rows[0].truth;
        assert_eq!(
            (first.age, first.age_band, first.gender),
            (Some(9.5), Some(0), Some(1))
        );
        assert!(first.label_conflict);
        assert_eq!(rows[1].truth, Truth::default());
    }

    #[test]
    fn all_unknown_labels_are_listed_with_their_count_and_a_hint() {
        let text = "file,gender,ethnicity\na,F,white\nb,F,martian\n";
        let error = format!("{:#}", rows(text, &[]).unwrap_err());
        for part in [
            "gender \"F\" (2 faces)",
            "ethnicity \"martian\" (1 faces)",
            "--map",
            "female",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_label_can_be_renamed_or_left_out() {
        let text = "file,gender,ethnicity\na,F,white\nb,F,martian\n";
        let rows = rows(text, &[("F", "female"), ("martian", "")]).unwrap();
        let truth: Vec<_> = rows
            .iter()
            .map(|row| (row.truth.gender, row.truth.ethnicity))
            .collect();
        assert_eq!(truth, [(Some(0), Some(0)), (Some(0), None)]);
    }

    #[test]
    fn a_column_can_have_another_name() {
        let found = rows("file,five,ethnicity\na,other,martian\n", &[]).unwrap();
        assert_eq!(found[0].truth.ethnicity, Some(1));
        let error = format!("{:#}", rows("file,fives\na,other\n", &[]).unwrap_err());
        assert!(
            error.contains("--column ethnicity=five: write one of"),
            "{error}"
        );
    }

    #[test]
    fn bands_stand_in_for_ages_and_bands_of_another_cut_are_left_out() {
        let band = |text| rows(text, &[]).unwrap()[0].truth.age_band;
        assert_eq!(band("file,age_band\na,10+\n"), Some(1));
        assert_eq!(band("file,age_band,gender\na,0-17,male\n"), None);
        let mixed = rows("file,age_band\na,10+\nb,9-\n", &[]);
        assert!(format!("{:#}", mixed.unwrap_err()).contains("age_band \"9-\""));
    }

    #[test]
    fn what_cannot_be_read_names_line_value_and_fix() {
        for (text, part) in [
            (
                "file,age\na,young\n",
                "line 2: age = \"young\": write years",
            ),
            (
                "name,age\na,1\n",
                "no column `file`; the columns are [\"name\", \"age\"]",
            ),
            ("file,size\na,1\n", "none of the columns age"),
            (
                "file,age,split\na,1,val\n",
                "no row has split = \"test\"; the file has {\"val\"}",
            ),
            ("file,age,label_conflict\na,1,maybe\n", "write 0 or 1"),
        ] {
            let error = format!("{:#}", rows(text, &[]).unwrap_err());
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
