//! The few figures that a person wants to see first, in the terminal.

use comfy_table::{Table, presets};
use demograph_lab::{evaluate::Figures, report::Document};

pub(super) fn table(document: &Document) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let columns: Vec<&Figures> = std::iter::once(&document.figures)
        .chain(&document.without_label_conflict)
        .collect();
    let titles = ["all", "without label conflict"];
    table.set_header(
        std::iter::once(document.model.as_str()).chain(titles.into_iter().take(columns.len())),
    );
    for (name, figure) in FIGURES {
        let cells: Vec<String> = columns
            .iter()
            .map(|figures| figure(figures).unwrap_or_else(|| "-".into()))
            .collect();
        if cells.iter().any(|cell| cell != "-") {
            table.add_row(std::iter::once(name.to_owned()).chain(cells));
        }
    }
    let speed = &document.throughput;
    table.add_row([
        "crops per CPU-second",
        &format!("{:.0} ({} build)", speed.crops_per_cpu_second, speed.build),
    ]);
    table.add_row([
        "crops per second",
        &format!("{:.0}", speed.crops_per_second),
    ]);
    let rejected: Vec<String> = document
        .rejected_by_reason
        .iter()
        .map(|(reason, n)| format!("{n} {reason}"))
        .collect();
    if !rejected.is_empty() {
        table.add_row(["rejected", &rejected.join(", ")]);
    }
    table.add_row([
        "precision, library",
        &format!(
            "{}, {}",
            document.engine.precision.name(),
            document.engine.library
        ),
    ]);
    table.add_row(["self-test", &document.self_test.facts.to_string()]);
    table
}

type Figure = fn(&Figures) -> Option<String>;

const FIGURES: [(&str, Figure); 11] = [
    ("faces", |figures| Some(figures.n.to_string())),
    ("gender accuracy", |figures| {
        percent(figures.gender.as_ref()?.report.accuracy)
    }),
    ("ethnicity accuracy", |figures| {
        percent(figures.ethnicity.as_ref()?.report.accuracy)
    }),
    ("ethnicity balanced accuracy", |figures| {
        percent(figures.ethnicity.as_ref()?.report.balanced_accuracy)
    }),
    ("age: mean absolute error", |figures| {
        Some(format!("{:.2} years", figures.age.as_ref()?.all.mae))
    }),
    ("age: bias", |figures| {
        Some(format!("{:+.2} years", figures.age.as_ref()?.all.bias))
    }),
    ("age band accuracy", |figures| {
        percent(figures.age_band.as_ref()?.report.accuracy)
    }),
    ("age interval: coverage", |figures| {
        percent(figures.age.as_ref()?.intervals.as_ref()?.interval_coverage)
    }),
    ("age interval: median width", |figures| {
        let intervals = figures.age.as_ref()?.intervals.as_ref()?;
        Some(format!("{:.1} years", intervals.interval_width_median))
    }),
    ("calibration error", |figures| {
        let errors: Vec<String> = figures
            .heads()
            .map(|(name, head)| format!("{name} {:.3}", head.calibration.calibrated.ece))
            .collect();
        (!errors.is_empty()).then(|| errors.join(", "))
    }),
    ("error of counted shares", |figures| {
        let errors: Vec<String> = figures
            .heads()
            .map(|(name, head)| format!("{name} {:.1} %", head.shares.tvd * 100.0))
            .collect();
        (!errors.is_empty()).then(|| errors.join(", "))
    }),
];

fn percent(share: f64) -> Option<String> {
    Some(format!("{:.1} %", share * 100.0))
}
