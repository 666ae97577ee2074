//! `report.html`: one file that a browser shows without a network. Plots are inline SVG, there is no script.

mod plots;
mod sections;
mod svg;

use sections::{age_section, cells_section, head_section};

use super::{document::Document, text::Text};
use crate::evaluate::Figures;

const STYLE: &str = include_str!("style.css");

/// The whole page; `sheet` is the contact sheet, or empty.
pub fn page(document: &Document, sheet: &str) -> String {
    let figures = &document.figures;
    let heads: String = figures
        .heads()
        .map(|(name, head)| head_section(name, head))
        .collect();
    let age = figures.age.as_ref().map(age_section).unwrap_or_default();
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{model}: evaluation</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{head}{tiles}{conflict}{heads}{age}{cells}{sheet}{notes}</main>
</body>
</html>
"#,
        model = Text(&document.model),
        head = heading(document),
        tiles = tiles(document),
        conflict = conflict_section(document),
        cells = cells_section(&figures.cells),
        notes = notes(),
    )
}

fn heading(document: &Document) -> String {
    let split = document
        .split
        .as_ref()
        .map_or_else(String::new, |split| format!(", split {split}"));
    let rejected: Vec<String> = document
        .rejected_by_reason
        .iter()
        .map(|(reason, n)| format!("{n} {reason}"))
        .collect();
    let rejected = if rejected.is_empty() {
        "none".into()
    } else {
        rejected.join(", ")
    };
    let facts = [
        (
            "faces",
            format!(
                "{} of {}{split}; rejected: {rejected}",
                document.figures.n, document.data
            ),
        ),
        ("labels", document.labels.clone()),
        (
            "ran as",
            format!(
                "{}, {}, on {}",
                document.engine.precision.name(),
                document.engine.library,
                document.processor
            ),
        ),
        ("self-test", document.self_test.facts.to_string()),
    ];
    let rows: String = facts
        .iter()
        .map(|(name, fact)| {
            format!(
                "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>\n",
                Text(fact)
            )
        })
        .collect();
    format!(
        "<small>demograph {} evaluation</small>\n<h1>{}</h1>\n<table>\n{rows}</table>\n",
        document.demograph,
        Text(&document.model)
    )
}

/// The figures that are asked for first.
fn tiles(document: &Document) -> String {
    let figures = &document.figures;
    let mut tiles = String::new();
    let mut tile = |name: &str, value: String, note: String| {
        tiles.push_str(&format!(
            "<div class=\"tile\">{name}<b>{value}</b><small>{note}</small></div>\n"
        ));
    };
    for (name, head) in figures.heads() {
        let [low, high] = head.report.accuracy_interval;
        tile(
            &format!("{name} accuracy"),
            format!("{:.1} %", head.report.accuracy * 100.0),
            format!(
                "{:.1} to {:.1} %, n {}",
                low * 100.0,
                high * 100.0,
                head.report.n
            ),
        );
    }
    if let Some(age) = &figures.age {
        tile(
            "age error",
            format!("{:.2} years", age.all.mae),
            format!("bias {:+.2}, RMSE {:.2}", age.all.bias, age.all.rmse),
        );
        if let Some(intervals) = &age.intervals {
            tile(
                "age interval holds",
                format!("{:.1} %", intervals.interval_coverage * 100.0),
                format!("median width {:.1} years", intervals.interval_width_median),
            );
        }
    }
    let speed = &document.throughput;
    tile(
        "crops per CPU-second",
        format!("{:.0}", speed.crops_per_cpu_second),
        format!(
            "{:.0} a second, {} sessions, {} build",
            speed.crops_per_second, speed.sessions, speed.build
        ),
    );
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

/// The main figures again, without faces whose copies carry other labels.
fn conflict_section(document: &Document) -> String {
    let Some(without) = &document.without_label_conflict else {
        return String::new();
    };
    let both = [&document.figures, without];
    let mut rows = String::new();
    for (title, figure) in MAIN_FIGURES {
        let [all, clean] = both.map(|figures| figure(figures).unwrap_or_else(|| "-".into()));
        rows += &format!("<tr><th scope=\"row\">{title}</th><td>{all}</td><td>{clean}</td></tr>\n");
    }
    format!(
        "<section>\n<h2>Disputed labels</h2>\n<p>Copies of some pictures carry different labels. \
         Without these faces:</p>\n<table>\n<tr><th></th><th scope=\"col\">all faces</th>\
         <th scope=\"col\">without them</th></tr>\n{rows}</table>\n</section>\n"
    )
}

type Figure = fn(&Figures) -> Option<String>;

const MAIN_FIGURES: [(&str, Figure); 5] = [
    ("faces", |figures| Some(figures.n.to_string())),
    ("gender accuracy", |figures| {
        Some(format!(
            "{:.1} %",
            figures.gender.as_ref()?.report.accuracy * 100.0
        ))
    }),
    ("ethnicity accuracy", |figures| {
        Some(format!(
            "{:.1} %",
            figures.ethnicity.as_ref()?.report.accuracy * 100.0
        ))
    }),
    ("age error", |figures| {
        Some(format!("{:.2} years", figures.age.as_ref()?.all.mae))
    }),
    ("age band accuracy", |figures| {
        Some(format!(
            "{:.1} %",
            figures.age_band.as_ref()?.report.accuracy * 100.0
        ))
    }),
];

fn notes() -> &'static str {
    "<section>\n<h2>How to read this</h2>\n\
     <p>Labels are what annotators thought they saw, not what people say of themselves. A difference between groups is a \
     difference only where the intervals (Wilson 1927, 95 %) do not overlap.</p>\n\
     <p>The predicted age band is the most probable one, as windows count it; the expected age is the mean of the \
     posterior. Balanced accuracy is the mean recall of the labels that occur. ECE, the expected calibration error, is \
     the mean distance of accuracy from confidence over 15 bins of equal mass; grey is the model without the manifest's \
     temperature. The error of counted shares is the total variation distance between the shares of the labels and those \
     of the answers: the part of the people that naive counting puts under a wrong label on balance.</p>\n</section>\n"
}
