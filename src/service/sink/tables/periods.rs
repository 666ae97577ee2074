//! The tables `hourly` and `daily`: what may be shown of the released windows that began in an hour or a day of their source.

use arrow_array::ArrayRef;
use arrow_schema::Field;
use demograph_core::{
    estimate::{Estimator, calibration_fits},
    periods::{PeriodKind, ReleasedPeriod},
    privacy::{ShownShare, show_summed_shares},
    record::Attribute,
};

use super::{
    LOCAL_DATE, PERIOD_START,
    columns::{
        date, dates, flag, flags, integer, integers, known_counts, known_flag, known_flags,
        known_numbers, known_texts, number, partition, partitions, signed, small, smalls, text,
        texts, time, times,
    },
    provenance::Provenance,
};

pub(super) fn fields(kind: PeriodKind) -> Vec<Field> {
    let mut fields = vec![
        text("source"),
        time(PERIOD_START),
        time("period_end"),
        date(LOCAL_DATE),
    ];
    // A day has no hour.
    fields.extend((kind == PeriodKind::Hour).then(|| small("local_hour")));
    fields.extend([
        text("time_zone"),
        text("attribute"),
        text("category").with_nullable(true),
        integer("people").with_nullable(true),
        integer("total").with_nullable(true),
        number("shown_ratio"),
        number("share_naive"),
        number("share"),
        number("share_low"),
        number("share_high"),
        number("effective_n"),
        number("shift_p"),
        known_flag("calibration_fits"),
        number("design_effect"),
        text("method").with_nullable(true),
        text("calibration").with_nullable(true),
        text("unit"),
        flag("suppressed"),
        integer("tracks"),
        integer("stayed"),
        integer("windows"),
        time("covers_from"),
        time("covers_until"),
        integer("carried"),
        text("closed_by"),
        text("model"),
        text("policy"),
        partition(),
    ]);
    fields
}

/// One row of the table.
#[derive(Clone, Copy)]
struct Row<'a> {
    period: &'a ReleasedPeriod,
    attribute: Attribute,
    category: Option<&'a str>,
    people: Option<u64>,
    total: Option<u64>,
    shown_ratio: Option<f64>,
    naive: Option<f64>,
    estimated: ShownShare,
    shift_p: Option<f64>,
    design_effect: Option<f64>,
    estimator: Option<Estimator<'a>>,
}

/// One row a period, attribute and category, in the order of [`fields`]; a single row without a category where no window
/// showed anything.
pub(super) fn columns(
    periods: &[ReleasedPeriod],
    kind: PeriodKind,
    provenance: &Provenance,
) -> Vec<ArrayRef> {
    let mut periods: Vec<&ReleasedPeriod> = periods.iter().filter(|one| one.kind == kind).collect();
    periods.sort_by(|a, b| (&a.source, a.period.start).cmp(&(&b.source, b.period.start)));
    let rows = periods
        .into_iter()
        .flat_map(|period| rows_of(period, provenance));
    let rows: Vec<Row<'_>> = rows.collect();
    let mut columns = vec![
        texts(&rows, |row| row.period.source.as_str()),
        times(&rows, |row| row.period.period.start),
        times(&rows, |row| row.period.period.end),
        dates(&rows, |row| row.period.date()),
    ];
    columns
        .extend((kind == PeriodKind::Hour).then(|| smalls(&rows, |row| row.period.hour().into())));
    columns.extend([
        texts(&rows, |row| &row.period.zone),
        texts(&rows, |row| row.attribute.name()),
        known_texts(&rows, |row| row.category),
        known_counts(&rows, |row| row.people),
        known_counts(&rows, |row| row.total),
        known_numbers(&rows, |row| row.shown_ratio),
        known_numbers(&rows, |row| row.naive),
        known_numbers(&rows, |row| row.estimated.share),
        known_numbers(&rows, |row| row.estimated.low),
        known_numbers(&rows, |row| row.estimated.high),
        known_numbers(&rows, |row| row.estimated.effective_n),
        known_numbers(&rows, |row| row.shift_p),
        known_flags(&rows, |row| row.shift_p.map(calibration_fits)),
        known_numbers(&rows, |row| row.design_effect),
        known_texts(&rows, |row| Some(row.estimator?.method.name())),
        known_texts(&rows, |row| Some(row.estimator?.id)),
        texts(&rows, |row| row.period.content.sums.unit().name()),
        flags(&rows, |row| row.people.is_none()),
        integers(&rows, |row| signed(row.period.content.tracks)),
        integers(&rows, |row| signed(row.period.content.stayed)),
        integers(
            &rows,
            |row| signed(row.period.content.sums.windows() as u64),
        ),
        times(&rows, |row| row.period.content.from),
        times(&rows, |row| row.period.content.until),
        integers(&rows, |row| signed(row.period.content.carried)),
        texts(&rows, |row| row.period.by.name()),
        texts(&rows, |_| &provenance.terms.model),
        texts(&rows, |_| &provenance.terms.policy),
        partitions(&rows, |row| row.period.partition),
    ]);
    columns
}

fn rows_of<'a>(period: &'a ReleasedPeriod, provenance: &'a Provenance) -> Vec<Row<'a>> {
    let sums = &period.content.sums;
    let k_cell = provenance.terms.thresholds(sums.unit()).k_cell;
    let mut rows = Vec::new();
    for (attribute, votes) in sums.attributes() {
        let estimator = provenance.calibrations.estimator(&period.source, attribute);
        let nothing = Row {
            period,
            attribute,
            category: None,
            people: None,
            total: None,
            shown_ratio: votes.shown_ratio(),
            naive: None,
            estimated: ShownShare::default(),
            shift_p: None,
            design_effect: None,
            estimator,
        };
        if votes.counts.is_empty() {
            rows.push(nothing);
            continue;
        }
        let estimated = show_summed_shares(&votes.cells(), &votes.evidence, estimator, k_cell);
        let labels = provenance.terms.categories.labels(attribute);
        rows.extend(labels.iter().enumerate().map(|(place, label)| Row {
            category: Some(label),
            people: votes.count(place),
            total: Some(votes.total),
            naive: votes.share(place),
            estimated: estimated.shares.get(place).copied().unwrap_or_default(),
            shift_p: estimated.shift_p,
            design_effect: estimated.design_effect,
            ..nothing
        }));
    }
    rows
}
