//! What the demo shows while it runs: the service's read model, whose values are those of /metrics.

use comfy_table::{Table, presets};
use demograph_core::{record::Attribute, span::Span};
use demograph_service::{
    metrics::outcome,
    snapshot::{ShownCategory, ShownView, Snapshot},
};

/// One line of totals, and a table of the shares in the rolling window.
pub(super) fn picture(now: &Snapshot, window: Span, seconds: f64) -> String {
    let views = now.audience.iter();
    let rows = views.filter_map(|(source, views)| {
        let view = views.get(&window)?;
        let columns = [Attribute::Gender, Attribute::Age, Attribute::Ethnicity];
        let cells = columns.map(|attribute| percentages(view, attribute));
        let is_shown = cells.iter().any(|cell| !cell.is_empty());
        is_shown.then(|| (source.as_str().to_owned(), cells))
    });
    let rows: Vec<(String, [String; 3])> = rows.collect();
    if rows.is_empty() {
        return format!("{}   (no window was released yet)", totals(now, seconds));
    }
    format!("\n{}\n{}", totals(now, seconds), table(rows, window))
}

fn totals(now: &Snapshot, seconds: f64) -> String {
    let (counts, read) = (&now.counts, now.counts.read());
    format!(
        "{seconds:>4.0} s   {read} crops read ({:.0}/s)   {} faces   {} spared   {} late   {} rejected   lag {}   {} files",
        read as f64 / seconds.max(1.0),
        counts.records(outcome::FACE),
        counts.records(outcome::SPARED),
        counts.records(outcome::LATE),
        counts.records(outcome::REJECTED),
        now.lag.values().sum::<i64>(),
        counts.files(),
    )
}

fn table(rows: Vec<(String, [String; 3])>, window: Span) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        format!("last {window}"),
        "gender %".into(),
        "age %".into(),
        "ethnicity %".into(),
    ]);
    for (source, cells) in rows {
        let cells = cells.map(|cell| if cell.is_empty() { "-".into() } else { cell });
        table.add_row(std::iter::once(source).chain(cells));
    }
    table
}

/// The categories that are shown, in the order of the model.
fn percentages(view: &ShownView, attribute: Attribute) -> String {
    let found = view
        .attributes
        .iter()
        .find(|one| one.attribute == attribute);
    let categories = found.map_or(&[][..], |found| &found.categories);
    let shown: Vec<String> = categories.iter().filter_map(in_words).collect();
    shown.join("  ")
}

/// The estimated share with its interval; where there is none, the counted one with a tilde.
fn in_words(category: &ShownCategory) -> Option<String> {
    let naive = category.share_naive?;
    let percent = |share: f64| share * 100.0;
    let shares = (
        category.share.share,
        category.share.low,
        category.share.high,
    );
    let share = match shares {
        (Some(share), Some(low), Some(high)) => {
            let [share, low, high] = [share, low, high].map(percent);
            format!("{share:.0} [{low:.0}-{high:.0}]")
        }
        _ => format!("~{:.0}", percent(naive)),
    };
    Some(format!("{} {share}", category.label))
}

/// The rejected records by reason, most frequent first.
pub(super) fn rejects(now: &Snapshot) -> String {
    let reasons = now.counts.rejected.iter();
    let mut reasons: Vec<_> = reasons.filter(|(_, n)| **n > 0).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let shown = reasons.iter().map(|(reason, n)| format!("{reason} {n}"));
    shown.collect::<Vec<_>>().join(", ")
}
