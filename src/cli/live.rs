//! What the demo shows while it runs: the same values that a scrape of /metrics would see.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use demograph_service::metrics::{Metrics, Sample, outcome};

/// Shares by source and attribute, as text by category; hidden categories are left out.
type Shares = BTreeMap<String, BTreeMap<String, Vec<(String, String)>>>;

/// One line of totals, and a table of the shares in the rolling window.
pub(super) fn picture(metrics: &Metrics, window: &str, seconds: f64) -> String {
    let mut shares: Shares = BTreeMap::new();
    let estimates = [
        "audience_share_ratio",
        "audience_share_low_ratio",
        "audience_share_high_ratio",
    ]
    .map(|name| metrics.samples(name));
    let samples = metrics.samples("audience_share_naive_ratio");
    for sample in samples
        .iter()
        .filter(|sample| sample.label("window") == window)
    {
        shares
            .entry(sample.label("source").to_owned())
            .or_default()
            .entry(sample.label("attribute").to_owned())
            .or_default()
            .push((
                sample.label("category").to_owned(),
                in_words(sample, &estimates),
            ));
    }
    if shares.is_empty() {
        return format!(
            "{}   (no window was released yet)",
            totals(metrics, seconds)
        );
    }
    format!("\n{}\n{}", totals(metrics, seconds), table(shares, window))
}

/// The estimated share with its interval; where there is none, the counted one with a tilde.
fn in_words(naive: &Sample, estimates: &[Vec<Sample>; 3]) -> String {
    let [share, low, high] = estimates.each_ref().map(|samples| {
        let same = samples.iter().find(|sample| sample.labels == naive.labels);
        same.map(|sample| sample.value * 100.0)
    });
    match (share, low, high) {
        (Some(share), Some(low), Some(high)) => format!("{share:.0} [{low:.0}-{high:.0}]"),
        _ => format!("~{:.0}", naive.value * 100.0),
    }
}

fn totals(metrics: &Metrics, seconds: f64) -> String {
    let records = metrics.samples("records_total");
    let count = |name: &str| {
        let found = records
            .iter()
            .find(|sample| sample.label("outcome") == name);
        found.map_or(0.0, |sample| sample.value)
    };
    let read: f64 = records.iter().map(|sample| sample.value).sum();
    format!(
        "{seconds:>4.0} s   {read} crops read ({:.0}/s)   {} faces   {} late   {} rejected   lag {}   {} files",
        read / seconds.max(1.0),
        count(outcome::FACE),
        count(outcome::LATE),
        count(outcome::REJECTED),
        metrics.sum("partition_lag_records"),
        metrics.sum("files_written_total"),
    )
}

fn table(shares: Shares, window: &str) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        format!("last {window}"),
        "gender %".into(),
        "age %".into(),
        "ethnicity %".into(),
    ]);
    for (source, mut attributes) in shares {
        let mut cell = |name: &str| attributes.remove(name).map_or("-".into(), percentages);
        let row = [source, cell("gender"), cell("age"), cell("ethnicity")];
        table.add_row(row);
    }
    table
}

fn percentages(mut categories: Vec<(String, String)>) -> String {
    // Bands of age in their order; anything else keeps the order of its names.
    categories.sort_by_key(|(name, _)| {
        name.split(['-', '+'])
            .next()
            .and_then(|age| age.parse::<u32>().ok())
    });
    let shown = categories
        .iter()
        .map(|(name, share)| format!("{name} {share}"));
    shown.collect::<Vec<_>>().join("  ")
}

/// The rejected records by reason, most frequent first.
pub(super) fn rejects(metrics: &Metrics) -> String {
    let mut reasons: Vec<Sample> = metrics.samples("rejected_records_total");
    reasons.retain(|sample| sample.value > 0.0);
    reasons.sort_by(|a, b| b.value.total_cmp(&a.value));
    let shown = reasons
        .iter()
        .map(|sample| format!("{} {}", sample.label("reason"), sample.value));
    shown.collect::<Vec<_>>().join(", ")
}
