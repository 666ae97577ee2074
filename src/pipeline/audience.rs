//! Rolling views as series of /metrics.

use crate::{
    metrics::Metrics,
    window::{Categories, View},
};

/// Sets the series of one view. What is hidden has no series, rather than a zero.
pub(super) fn show(view: &View, categories: &Categories, metrics: &Metrics) {
    let _whole = metrics.change_together();
    let source = view.source.as_str();
    let window = view.window.to_string();
    metrics
        .audience_faces
        .with_label_values(&[source, &window])
        .set(view.faces as f64);
    for attribute in crate::record::Attribute::ALL {
        let shares = view.shares(attribute);
        let labels = [source, attribute.name(), &window];
        match shares.coverage() {
            Some(coverage) => metrics
                .audience_coverage
                .with_label_values(&labels)
                .set(coverage),
            // Removing what was never shown is an error of no interest.
            None => drop(metrics.audience_coverage.remove_label_values(&labels)),
        }
        for (category, label) in categories.labels(attribute).iter().enumerate() {
            let labels = [source, attribute.name(), label, &window];
            match (shares.count(category), shares.share(category)) {
                (Some(count), Some(share)) => {
                    metrics
                        .audience_votes
                        .with_label_values(&labels)
                        .set(count as f64);
                    metrics.audience_share.with_label_values(&labels).set(share);
                }
                _ => {
                    drop(metrics.audience_votes.remove_label_values(&labels));
                    drop(metrics.audience_share.remove_label_values(&labels));
                }
            }
        }
    }
}
