//! The sources that the config names, with the rules that hold for each.

use std::collections::BTreeSet;

use demograph_core::{
    privacy::Thresholds,
    record::{Attribute, SourceId},
    window::Unit,
};
use demograph_service::wiring::Visible;
use schemars::JsonSchema;
use serde::Serialize;

use super::{answer::Text, live, query::Wanted};
use crate::time::Time;

/// The sources that fit the request, in the order of their names.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Sources {
    /// Sources that fit the request, on all pages.
    total: usize,
    /// The policy's name and hash, as in every row.
    policy: String,
    /// The model's name and hash, as in every row.
    model: String,
    /// The default calibration's id; null without one.
    calibration: Option<String>,
    sources: Vec<Source>,
}

/// One source.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Source {
    source: String,
    /// What may be estimated of its faces.
    attributes: Vec<&'static str>,
    /// Why ethnicity may be estimated here; null where it is not.
    legal_basis: Option<String>,
    /// A window is released when it holds this many people.
    people_min: u64,
    /// A window with fewer people shows no category.
    k_total: u64,
    /// A category with fewer people is hidden.
    k_cell: u64,
    /// The end of the newest released window in its views; null where none was released lately.
    released_until: Option<Time>,
}

impl Sources {
    pub(super) fn of(service: &Visible, wanted: &Wanted) -> Self {
        let now = service.latest.get();
        let configured = service.policy.sources();
        let names: BTreeSet<&SourceId> = configured.chain(live::seen(&now)).collect();
        let fitting: Vec<&SourceId> = names.into_iter().filter(|id| wanted.has(id)).collect();
        let page = fitting.iter().skip(wanted.offset).take(wanted.limit);
        let sources = page.map(|id| {
            let views = now.audience.get(*id);
            let ends = views
                .into_iter()
                .flatten()
                .filter_map(|(_, view)| view.covers);
            Source::of(
                service,
                id,
                ends.map(|(_, end)| Time(end)).max_by_key(|end| end.0),
            )
        });
        Self {
            total: fitting.len(),
            policy: service.policy.id.clone(),
            model: service.model.clone(),
            calibration: service.calibration.clone(),
            sources: sources.collect(),
        }
    }

    /// A row for each source, as CSV has them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.sources.iter().map(|source| Row {
            source: Text::of(&source.source),
            attributes: source.attributes.join(" "),
            legal_basis: source.legal_basis.as_deref().map(Text::of),
            people_min: source.people_min,
            k_total: source.k_total,
            k_cell: source.k_cell,
            released_until: source.released_until,
            policy: &self.policy,
            model: &self.model,
            calibration: self.calibration.as_deref(),
        })
    }
}

impl Source {
    fn of(service: &Visible, id: &SourceId, released_until: Option<Time>) -> Self {
        let policy = &service.policy;
        let granted = policy.granted(id);
        let attributes = Attribute::ALL.into_iter();
        let attributes = attributes.filter(|&attribute| granted.contains(attribute));
        let thresholds = Thresholds::of(policy.rules(), Unit::Tracks);
        Self {
            source: id.as_str().to_owned(),
            attributes: attributes.map(Attribute::name).collect(),
            legal_basis: policy.legal_basis(id).map(str::to_owned),
            people_min: service.people_min,
            k_total: thresholds.k_total,
            k_cell: thresholds.k_cell,
            released_until,
        }
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    source: Text,
    attributes: String,
    legal_basis: Option<Text>,
    people_min: u64,
    k_total: u64,
    k_cell: u64,
    released_until: Option<Time>,
    policy: &'a str,
    model: &'a str,
    calibration: Option<&'a str>,
}
