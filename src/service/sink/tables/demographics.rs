//! The table `demographics`: what may be shown of each window, by attribute and category.

use arrow_array::ArrayRef;
use arrow_schema::Field;
use demograph_core::{
    estimate::{Estimator, calibration_fits},
    privacy::{Cells, ReleasedWindow, ShownShare},
    record::Attribute,
};

use super::{
    columns::{
        flag, flags, integer, known_counts, known_flag, known_flags, known_numbers, known_texts,
        number, partition, partitions, sorted, text, texts, time, times,
    },
    provenance::Provenance,
};

pub(super) fn fields() -> Vec<Field> {
    vec![
        text("source"),
        time("window_start"),
        time("window_end"),
        text("attribute"),
        text("category").with_nullable(true),
        integer("count").with_nullable(true),
        integer("total").with_nullable(true),
        number("share_naive"),
        number("share"),
        number("share_low"),
        number("share_high"),
        number("effective_n"),
        number("shift_p"),
        known_flag("calibration_fits"),
        text("method").with_nullable(true),
        text("calibration").with_nullable(true),
        text("unit"),
        flag("suppressed"),
        text("model"),
        text("policy"),
        partition(),
        number("design_effect"),
    ]
}

/// One row of the table.
#[derive(Clone, Copy)]
struct Row<'a> {
    window: &'a ReleasedWindow,
    attribute: Attribute,
    category: Option<&'a str>,
    count: Option<u64>,
    total: Option<u64>,
    estimated: ShownShare,
    shift_p: Option<f64>,
    design_effect: Option<f64>,
    estimator: Option<Estimator<'a>>,
}

/// One row a window, attribute and category, in the order of [`fields`]; a single row without a category where all is
/// suppressed.
pub(super) fn columns(windows: &[ReleasedWindow], provenance: &Provenance) -> Vec<ArrayRef> {
    let rows: Vec<Row<'_>> = sorted(windows)
        .into_iter()
        .filter(|window| window.accounting.faces > 0)
        .flat_map(|window| rows_of(window, provenance))
        .collect();
    let naive = |row: &Row<'_>| Some(row.count? as f64 / row.total? as f64);
    vec![
        texts(&rows, |row| row.window.source.as_str()),
        times(&rows, |row| row.window.start),
        times(&rows, |row| row.window.end),
        texts(&rows, |row| row.attribute.name()),
        known_texts(&rows, |row| row.category),
        known_counts(&rows, |row| row.count),
        known_counts(&rows, |row| row.total),
        known_numbers(&rows, naive),
        known_numbers(&rows, |row| row.estimated.share),
        known_numbers(&rows, |row| row.estimated.low),
        known_numbers(&rows, |row| row.estimated.high),
        known_numbers(&rows, |row| row.estimated.effective_n),
        known_numbers(&rows, |row| row.shift_p),
        known_flags(&rows, |row| row.shift_p.map(calibration_fits)),
        known_texts(&rows, |row| Some(row.estimator?.method.name())),
        known_texts(&rows, |row| Some(row.estimator?.id)),
        texts(&rows, |row| row.window.unit.name()),
        flags(&rows, |row| row.count.is_none()),
        texts(&rows, |_| &provenance.terms.model),
        texts(&rows, |_| &provenance.terms.policy),
        partitions(&rows, |row| row.window.partition),
        known_numbers(&rows, |row| row.design_effect),
    ]
}

fn rows_of<'a>(window: &'a ReleasedWindow, provenance: &'a Provenance) -> Vec<Row<'a>> {
    let k_cell = provenance.terms.thresholds(window.unit).k_cell;
    let mut rows = Vec::new();
    for released in &window.content {
        let attribute = released.attribute;
        let estimator = provenance.calibrations.estimator(&window.source, attribute);
        let nothing = Row {
            window,
            attribute,
            category: None,
            count: None,
            total: None,
            estimated: ShownShare::default(),
            shift_p: None,
            design_effect: None,
            estimator,
        };
        let Cells::Shown { total, counts } = &released.cells else {
            rows.push(nothing);
            continue;
        };
        let estimated = released.evidence.shares(&released.cells, estimator, k_cell);
        let labels = provenance.terms.categories.labels(attribute);
        let categories = labels.iter().zip(counts).enumerate();
        rows.extend(categories.map(|(place, (label, &count))| Row {
            category: Some(label),
            count,
            total: Some(*total),
            estimated: estimated.shares.get(place).copied().unwrap_or_default(),
            shift_p: estimated.shift_p,
            design_effect: estimated.design_effect,
            ..nothing
        }));
    }
    rows
}
