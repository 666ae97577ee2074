//! All that leaves the program of a run, as its readers get it: Parquet files, files of a day, scrapes of /metrics. Apart
//! from these lie the truth, the exact cells, and what an earlier version would have said in its views.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use demograph_core::{
    estimate::CalibrationFile,
    privacy::{Cells, ReleasedWindow, show_shares},
    record::{Attribute, SourceId},
    state::Publication,
    views::View,
    window::Weighting,
};
use demograph_service::{
    metrics::Metrics,
    pipeline::{Meaning, show_people, show_view},
    sink::{Provenance, Table, catalog::name, day, encode, part_name, part_path},
    snapshot::{Audience, PeopleBySource, Snapshot},
};
use serde_json::{Value, json};

use super::{
    run::{Step, run},
    streams::Stream,
};

/// Where things of a run lie.
pub struct Places {
    /// What leaves the program.
    pub published: PathBuf,
    /// The table `cells`, which is opted into.
    pub cells: PathBuf,
    /// What only the judge of the attacker may read.
    pub judge: PathBuf,
}

impl Places {
    pub fn under(folder: &Path) -> Self {
        Self {
            published: folder.join("published"),
            cells: folder.join("cells"),
            judge: folder.join("judge"),
        }
    }
}

/// Runs the program over the stream, and writes everything down. `calibration` is where the file lies.
pub fn publish(stream: &Stream, file: &CalibrationFile, calibration: &str, to: &Places) {
    let steps = run(stream, file, true);
    let exact = run(stream, file, false);
    tables(&steps, to);
    write(&to.published.join("metrics.txt"), scrapes(&steps));
    let settings = settings(stream, &steps, calibration);
    write(&to.published.join("settings.json"), settings.to_string());
    write(&to.judge.join("truth.json"), truth(&exact).to_string());
}

/// Writes down what an earlier version said in its views.
pub fn publish_before(stream: &Stream, file: &CalibrationFile, to: &Places) {
    let steps = run(stream, file, true);
    let exact = run(stream, file, false);
    write(&to.judge.join("before.txt"), before(&steps, &exact));
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("it lies in a folder")).unwrap();
    fs::write(path, content).unwrap();
}

/// What the attacker knows of the settings, by the policy that rows name.
fn settings(stream: &Stream, steps: &[Step], calibration: &str) -> Value {
    let policies: BTreeMap<&str, Value> = steps
        .iter()
        .map(|step| {
            let rules = step.meaning.policy.rules();
            let thresholds = json!({
                "k_total": rules.k_total, "k_cell": rules.k_cell, "factor": rules.detections_factor,
            });
            (step.meaning.terms.policy.as_str(), thresholds)
        })
        .collect();
    json!({
        "method": stream.chosen.method.name(),
        "dwell": stream.chosen.weighting == Weighting::Dwell,
        "calibration": calibration,
        "policies": policies,
    })
}

/// A small file.
struct Part {
    table: Table,
    date: String,
    path: String,
    bytes: Vec<u8>,
}

/// The small files, and the files of the days that they make.
fn tables(steps: &[Step], to: &Places) {
    let mut parts: Vec<Part> = Vec::new();
    let published = |step: &&Step| step.publication != Publication::default();
    for (seq, step) in (1..).zip(steps.iter().filter(published)) {
        parts.extend(files(&step.publication, &step.meaning, seq));
    }
    let mut days: BTreeMap<(&str, String), Vec<Part>> = BTreeMap::new();
    for part in parts {
        let root = match part.table {
            Table::Cells => &to.cells,
            _ => &to.published,
        };
        write(&root.join(&part.path), &part.bytes);
        let day = days
            .entry((part.table.name(), part.date.clone()))
            .or_default();
        day.push(part);
    }
    for ((_, date), parts) in days {
        let table = parts[0].table;
        if table != Table::Cells {
            let path = format!("compacted/{}", part_path(table, &date, "day.parquet"));
            let parts = parts
                .into_iter()
                .map(|part| (name(&part.path).to_owned(), part.bytes));
            let merged = day::merge(table, parts.collect()).unwrap();
            write(&to.published.join(path), merged.bytes);
        }
    }
}

/// As the pipeline writes them.
fn files(publication: &Publication, meaning: &Meaning, seq: u64) -> Vec<Part> {
    let provenance = Provenance {
        terms: meaning.terms.clone(),
        calibrations: meaning.calibrations.clone(),
    };
    let mut by_date: BTreeMap<String, Publication> = BTreeMap::new();
    for window in &publication.windows {
        let of_date = by_date.entry(window.date()).or_default();
        of_date.windows.push(window.clone());
    }
    for period in &publication.periods {
        let of_date = by_date.entry(period.date().to_string()).or_default();
        of_date.periods.push(period.clone());
    }
    let mut parts = Vec::new();
    for (date, of_date) in by_date {
        for table in Table::ALL {
            let rows = table.rows(&of_date, &provenance);
            if rows.num_rows() > 0 {
                parts.push(Part {
                    table,
                    path: part_path(table, &date, &part_name("g", "faces", 0, seq)),
                    date: date.clone(),
                    bytes: encode(&rows, &[]).unwrap(),
                });
            }
        }
    }
    parts
}

/// /metrics after each step. A new start has new metrics.
fn scrapes(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut metrics = Metrics::new();
    let mut audience = Arc::new(Audience::new());
    let mut people = Arc::new(PeopleBySource::new());
    let mut released: Vec<(&SourceId, &ReleasedWindow)> = Vec::new();
    let mut meaning: Option<&Meaning> = None;
    for step in steps {
        if meaning.is_some_and(|last| !Arc::ptr_eq(&last.terms, &step.meaning.terms)) {
            metrics = Metrics::new();
            audience = Arc::default();
            people = Arc::default();
            released.clear();
            writeln!(text, "# start").unwrap();
        }
        meaning = Some(&step.meaning);
        for window in &step.released {
            let by = metrics
                .released_windows
                .with_label_values(&[window.by.name()]);
            by.inc();
        }
        for view in &step.views {
            show_view(view, &step.meaning, &metrics, &mut audience);
        }
        show_people(step.people.clone(), &mut people);
        released.retain(|(series, _)| !step.given_up.contains(series));
        released.extend(step.series.iter().zip(&step.released));
        let names: Vec<String> = metrics
            .names()
            .iter()
            .filter(|name| is_moving(name))
            .cloned()
            .collect();
        let scrape = metrics.render(&names);
        #[cfg(feature = "page")]
        {
            let snapshot = Snapshot {
                at: step.now,
                audience: audience.clone(),
                people: people.clone(),
                ..Snapshot::default()
            };
            let live = demograph_page::live(&snapshot);
            super::api::live_is_what_metrics_say(&live, &scrape);
            let zone = &step.meaning.terms.zones.default;
            super::api::people_are_what_windows_say(&live, &released, zone, step.now);
        }
        writeln!(text, "# scrape\n{scrape}").unwrap();
    }
    text
}

/// What changes here; the rest of /metrics says nothing of people.
fn is_moving(name: &str) -> bool {
    name.contains("audience") || name.contains("released_windows")
}

/// By window, in the order of release: its source, bounds, and the votes of each category.
fn truth(exact: &[Step]) -> Value {
    let windows = exact.iter().flat_map(|step| &step.released);
    let one = |window: &ReleasedWindow| {
        let attributes = window.content.iter().map(|released| {
            let counts = match &released.cells {
                Cells::Shown { counts, .. } => Some(counts),
                Cells::Suppressed => None,
            };
            (released.attribute.name(), json!(counts))
        });
        let attributes: BTreeMap<&str, Value> = attributes.collect();
        json!({
            "source": window.source.as_str(), "start": window.start.0, "end": window.end.0,
            "offset": window.accounting.first_offset, "counts": attributes,
        })
    };
    windows.map(one).collect()
}

/// The estimated shares of the views, as a version before said them: from sums of exact cells, rounded where any of the
/// sum is hidden.
fn before(steps: &[Step], exact: &[Step]) -> String {
    let mut text = String::new();
    for (step, exact) in steps.iter().zip(exact) {
        writeln!(text, "# scrape").unwrap();
        for (view, exact) in step.views.iter().zip(&exact.views) {
            assert_eq!((&view.source, view.window), (&exact.source, exact.window));
            for attribute in Attribute::ALL {
                said_before((view, exact), attribute, &step.meaning, &mut text);
            }
        }
    }
    text
}

fn said_before(
    (view, exact): (&View, &View),
    attribute: Attribute,
    meaning: &Meaning,
    text: &mut String,
) {
    let cells = view.attribute(attribute).cells();
    let Cells::Shown { total, counts } = &cells else {
        return;
    };
    let evidence = exact.attribute(attribute).evidence;
    let estimator = meaning.calibrations.estimator(&view.source, attribute);
    let k_cell = meaning.terms.thresholds(view.unit).k_cell;
    let said = show_shares(&cells, evidence.shown(), estimator, k_cell);
    let is_whole = counts.iter().flatten().sum::<u64>() == *total;
    let step = k_cell as f64 / *total as f64;
    let labels = meaning.terms.categories.labels(attribute);
    for (label, share) in labels.iter().zip(said.shares) {
        let labels = format!(
            "attribute=\"{attribute}\",category=\"{label}\",source=\"{}\",window=\"{}\"",
            view.source, view.window
        );
        if let Some(share) = share.share {
            let share = match is_whole {
                true => share,
                false => (share / step).round() * step,
            };
            writeln!(text, "demograph_audience_share_ratio{{{labels}}} {share}").unwrap();
        }
    }
}
