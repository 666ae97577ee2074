//! Rolling views as series of /metrics.

use demograph_core::{
    privacy::{ShownShare, ShownShares, show_shares},
    record::{Attribute, EventTime},
    views::{Shares, View},
};

use super::Meaning;
use crate::metrics::{Metrics, put};

/// Sets the series of one view. What is hidden has no series, rather than a zero.
pub(super) fn show(view: &View, meaning: &Meaning, metrics: &Metrics) {
    // Before the lock: no scrape waits for an estimate.
    let attributes = Attribute::ALL.map(|attribute| {
        let shares = view.shares(attribute);
        let estimated = estimate(view, &shares, (meaning, attribute));
        (attribute, shares, estimated)
    });
    let _whole = metrics.change_together();
    let audience = &metrics.audience;
    let source = view.source.as_str();
    let window = view.window.to_string();
    let faces = (view.panes > 0).then_some(view.faces as f64);
    put(&audience.faces, &[source, &window], faces);
    let seconds = |time: EventTime| time.0 as f64 / 1_000.0;
    let (from, until) = view.covers.unzip();
    put(&audience.from, &[source, &window], from.map(seconds));
    put(&audience.until, &[source, &window], until.map(seconds));
    for (attribute, shares, estimated) in attributes {
        let labels = [source, attribute.name(), &window];
        put(&audience.coverage, &labels, shares.coverage());
        put(&audience.shift_p, &labels, estimated.shift_p);
        let categories = meaning
            .terms
            .categories
            .labels(attribute)
            .iter()
            .enumerate();
        for (category, label) in categories {
            let labels = [source, attribute.name(), label, &window];
            let votes = shares.count(category).map(|votes| votes as f64);
            put(&audience.votes, &labels, votes);
            put(&audience.share_naive, &labels, shares.share(category));
            let ShownShare {
                share,
                low,
                high,
                effective_n,
            } = estimated.shares.get(category).copied().unwrap_or_default();
            put(&audience.share, &labels, share);
            put(&audience.share_low, &labels, low);
            put(&audience.share_high, &labels, high);
            put(&audience.effective_n, &labels, effective_n);
        }
    }
}

fn estimate(
    view: &View,
    shares: &Shares,
    (meaning, attribute): (&Meaning, Attribute),
) -> ShownShares {
    let estimator = meaning.calibrations.estimator(&view.source, attribute);
    let k_cell = meaning.terms.thresholds(view.unit).k_cell;
    show_shares(&shares.cells(), &shares.evidence, estimator, k_cell)
}
