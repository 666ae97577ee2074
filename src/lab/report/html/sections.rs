//! The sections of the report: one for each head, one for ages, one for groups.

use super::plots;
use crate::{
    evaluate::{AgeFigures, Cell, Head, Rate},
    report::text::Text,
};

pub(super) fn head_section(name: &str, head: &Head) -> String {
    let confusion = plots::confusion(&format!("Confusion of {name}"), &head.report.confusion);
    let reliability = plots::reliability(&format!("Reliability of {name}"), &head.calibration);
    let shares = plots::shares(
        &format!("Error of counted shares: {:.1} %", head.shares.tvd * 100.0),
        &head.shares,
    );
    let recalls: Vec<(String, Rate)> = (0..head.report.confusion.labels.len())
        .filter_map(|label| {
            let confusion = &head.report.confusion;
            let rate = Rate::of(confusion.counts[label][label], confusion.support(label))?;
            Some((confusion.labels[label].clone(), rate))
        })
        .collect();
    let recall = plots::rates(&format!("Recall of {name}"), &recalls, None);
    format!(
        r#"<section>
<h2>{title}</h2>
<div class="plots">
{confusion}{reliability}<figure><figcaption>Classification report</figcaption>
<pre>{report}</pre>
<p><small>balanced accuracy {balanced:.3}</small></p></figure>
<div>{recall}{shares}</div>
</div>
</section>
"#,
        title = capital(name),
        report = Text(&head.report.text()),
        balanced = head.report.balanced_accuracy,
    )
}

pub(super) fn age_section(age: &AgeFigures) -> String {
    let mut plots = format!(
        "<div class=\"wide\">{}</div>\n",
        plots::distribution("Labelled and expected age", &age.distribution)
    );
    plots += &plots::errors("Years of error (and bias) by labelled age", &age.by_band);
    plots += "<div>";
    for (title, groups) in [
        ("Years of error (and bias) by gender", &age.by_gender),
        ("Years of error (and bias) by ethnicity", &age.by_ethnicity),
    ] {
        if groups.0.iter().any(|(_, error)| error.is_some()) {
            plots += &plots::errors(title, groups);
        }
    }
    plots += "</div>\n";
    if let Some(intervals) = &age.intervals {
        for (title, groups) in [
            (
                "Interval coverage by labelled age",
                &intervals.interval_coverage_by_band,
            ),
            (
                "Interval coverage by expected age",
                &intervals.interval_coverage_by_estimated_band,
            ),
        ] {
            let rows: Vec<_> = groups
                .0
                .iter()
                .filter_map(|(band, rate)| Some((band.clone(), (*rate)?)))
                .collect();
            plots += &plots::rates(title, &rows, Some(intervals.interval_level));
        }
    }
    format!("<section>\n<h2>Age</h2>\n<div class=\"plots\">\n{plots}</div>\n</section>\n")
}

pub(super) fn cells_section(cells: &[Cell]) -> String {
    if cells.is_empty() {
        return String::new();
    }
    let rows = |rate: fn(&Cell) -> Option<Rate>| -> Vec<(String, Rate)> {
        cells
            .iter()
            .filter_map(|cell| Some((format!("{}, {}", cell.ethnicity, cell.gender), rate(cell)?)))
            .collect()
    };
    let plots: String = [
        ("Accuracy of gender", rows(|cell| cell.gender_accuracy)),
        (
            "Accuracy of ethnicity",
            rows(|cell| cell.ethnicity_accuracy),
        ),
        ("Accuracy of age band", rows(|cell| cell.age_band_accuracy)),
    ]
    .into_iter()
    .filter(|(_, rows)| !rows.is_empty())
    .map(|(title, rows)| plots::rates(title, &rows, None))
    .collect();
    format!("<section>\n<h2>By group</h2>\n<div class=\"plots\">\n{plots}</div>\n</section>\n")
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
