//! Rolling views as series of /metrics and as the read model: the same values in both.

use std::sync::Arc;

use demograph_core::{
    people::People,
    privacy::{ShownShare, ShownShares, show_summed_shares},
    record::{Attribute, EventTime, SourceId},
    span::Span,
    views::{AttributeView, View},
};

use super::Meaning;
use crate::{
    metrics::{Metrics, put},
    snapshot::{Audience, PeopleBySource, ShownAttribute, ShownCategory, ShownView},
};

/// Shows one view. What is hidden has no series, rather than a zero.
pub fn show(view: &View, meaning: &Meaning, metrics: &Metrics, audience: &mut Arc<Audience>) {
    // Before the lock: no scrape waits for an estimate.
    let attributes = Attribute::ALL.map(|attribute| shown(view, meaning, attribute));
    let shown = ShownView {
        covers: view.covers,
        faces: Some(view.faces),
        attributes: attributes.into(),
    };
    let is_there = view.windows > 0;
    set_series(&view.source, view.window, &shown, is_there, metrics);
    let audience = Arc::make_mut(audience);
    let views = audience.entry(view.source.clone()).or_default();
    match is_there {
        true => drop(views.insert(view.window, shown)),
        false => drop(views.remove(&view.window)),
    }
    if views.is_empty() {
        audience.remove(&view.source);
    }
}

/// Shows the people of sources where they have changed; nothing where nobody is left.
pub fn show_people(changed: Vec<(SourceId, Option<People>)>, shown: &mut Arc<PeopleBySource>) {
    if changed.is_empty() {
        return;
    }
    let shown = Arc::make_mut(shown);
    for (source, people) in changed {
        match people {
            Some(people) => drop(shown.insert(source, people)),
            None => drop(shown.remove(&source)),
        }
    }
}

/// What may be said of one attribute.
fn shown(view: &View, meaning: &Meaning, attribute: Attribute) -> ShownAttribute {
    let votes = view.attribute(attribute);
    let estimated = estimate(view, &votes, meaning, attribute);
    let labels = meaning.terms.categories.labels(attribute);
    let category = |(category, label): (usize, &String)| ShownCategory {
        label: label.clone(),
        votes: votes.count(category),
        share_naive: votes.share(category),
        share: estimated.shares.get(category).copied().unwrap_or_default(),
    };
    ShownAttribute {
        attribute,
        shown_ratio: votes.shown_ratio(),
        shift_p: estimated.shift_p,
        categories: labels.iter().enumerate().map(category).collect(),
    }
}

fn set_series(
    source: &SourceId,
    window: Span,
    shown: &ShownView,
    is_there: bool,
    metrics: &Metrics,
) {
    let _whole = metrics.change_together();
    let audience = &metrics.audience;
    let (source, window) = (source.as_str(), window.to_string());
    let faces = shown.faces.filter(|_| is_there);
    let faces = faces.map(|faces| faces as f64);
    put(&audience.faces, &[source, &window], faces);
    let seconds = |time: EventTime| time.0 as f64 / 1_000.0;
    let (from, until) = shown.covers.unzip();
    put(&audience.from, &[source, &window], from.map(seconds));
    put(&audience.until, &[source, &window], until.map(seconds));
    for attribute in &shown.attributes {
        let name = attribute.attribute.name();
        let labels = [source, name, &window];
        put(&audience.shown, &labels, attribute.shown_ratio);
        put(&audience.shift_p, &labels, attribute.shift_p);
        let fits = attribute.calibration_fits().map(f64::from);
        put(&audience.calibration_fits, &labels, fits);
        for category in &attribute.categories {
            let labels = [source, name, &category.label, &window];
            let votes = category.votes.map(|votes| votes as f64);
            put(&audience.votes, &labels, votes);
            put(&audience.share_naive, &labels, category.share_naive);
            let ShownShare {
                share,
                low,
                high,
                effective_n,
            } = category.share;
            put(&audience.share, &labels, share);
            put(&audience.share_low, &labels, low);
            put(&audience.share_high, &labels, high);
            put(&audience.effective_n, &labels, effective_n);
        }
    }
}

fn estimate(
    view: &View,
    votes: &AttributeView,
    meaning: &Meaning,
    attribute: Attribute,
) -> ShownShares {
    let estimator = meaning.calibrations.estimator(&view.source, attribute);
    let k_cell = meaning.terms.thresholds(view.unit).k_cell;
    show_summed_shares(&votes.cells(), &votes.evidence, estimator, k_cell)
}
