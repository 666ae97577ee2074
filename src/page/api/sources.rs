//! The sources that the config names, with the rules that hold for each.

use std::collections::BTreeSet;

use demograph_core::{
    privacy::Thresholds,
    record::{Attribute, SourceId},
    window::Unit,
};
use demograph_service::{
    snapshot::{ShownView, Snapshot},
    wiring::Visible,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{answer::Text, left_out::LeftOutFiles, live, query::Wanted};
use crate::{Origin, origin::OriginKind, time::Time};

/// The sources that fit the request, in the order of their names.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Sources {
    origin: OriginKind,
    /// Where the tables are, and how many of their newest dates were looked through for sources; null of a service.
    tables: Option<Place>,
    /// Sources that fit the request, on all pages.
    total: usize,
    /// The policy's name and hash, as in every row; null of tables, whose rows may differ.
    policy: Option<String>,
    /// The model's name and hash, as in every row; null of tables.
    model: Option<String>,
    /// The default calibration's id; null without one, and of tables.
    calibration: Option<String>,
    left_out: LeftOutFiles,
    sources: Vec<Source>,
}

/// Tables without a service.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Place {
    url: String,
    dates: usize,
}

/// One source.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Source {
    source: String,
    /// What may be estimated of its faces. Of tables: what its newest hour and day have.
    attributes: Vec<&'static str>,
    /// Why ethnicity may be estimated here; null where it is not, and of tables.
    legal_basis: Option<String>,
    /// A window is released when it holds this many people; null of tables.
    people_min: Option<u64>,
    /// A window with fewer people shows no category; null of tables.
    k_total: Option<u64>,
    /// A category with fewer people is hidden; null of tables.
    k_cell: Option<u64>,
    /// The end of the newest released window in its views; null where none was released lately.
    released_until: Option<Time>,
}

impl Sources {
    pub(super) fn of(origin: &Origin, now: &Snapshot, wanted: &Wanted) -> Self {
        let (service, tables) = match origin {
            Origin::Service(service) => (Some(service.as_ref()), None),
            Origin::Tables(tables) => (None, Some(tables)),
        };
        let configured = service.into_iter().flat_map(|one| one.policy.sources());
        let names: BTreeSet<&SourceId> = configured.chain(live::seen(now)).collect();
        let fitting: Vec<&SourceId> = names.into_iter().filter(|id| wanted.has(id)).collect();
        let page = fitting.iter().skip(wanted.offset).take(wanted.limit);
        Self {
            origin: origin.kind(),
            tables: tables.map(|tables| Place {
                url: tables.history().place().to_owned(),
                dates: tables.dates(),
            }),
            total: fitting.len(),
            policy: service.map(|one| one.policy.id.clone()),
            model: service.map(|one| one.model.clone()),
            calibration: service.and_then(|one| one.calibration.clone()),
            left_out: LeftOutFiles::of(&now.left_out),
            sources: page.map(|id| Source::of(service, now, id)).collect(),
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
            policy: self.policy.as_deref(),
            model: self.model.as_deref(),
            calibration: self.calibration.as_deref(),
            files_left_out: self.left_out.files,
        })
    }
}

impl Source {
    fn of(service: Option<&Visible>, now: &Snapshot, id: &SourceId) -> Self {
        let views = now.audience.get(id);
        let views = || views.into_iter().flatten().map(|(_, view)| view);
        let ends = views().filter_map(|view| view.covers);
        let source = Self {
            source: id.as_str().to_owned(),
            attributes: Vec::new(),
            legal_basis: None,
            people_min: None,
            k_total: None,
            k_cell: None,
            released_until: ends.map(|(_, end)| Time(end)).max_by_key(|end| end.0),
        };
        let names = |has: &dyn Fn(Attribute) -> bool| {
            let attributes = Attribute::ALL.into_iter().filter(|&one| has(one));
            attributes.map(Attribute::name).collect()
        };
        let Some(service) = service else {
            let of_view = |view: &ShownView, wanted| {
                let mut shown = view.attributes.iter();
                shown.any(|one| one.attribute == wanted)
            };
            let attributes = names(&|wanted| views().any(|view| of_view(view, wanted)));
            return Self {
                attributes,
                ..source
            };
        };
        let policy = &service.policy;
        let granted = policy.granted(id);
        let thresholds = Thresholds::of(policy.rules(), Unit::Tracks);
        Self {
            attributes: names(&|wanted| granted.contains(wanted)),
            legal_basis: policy.legal_basis(id).map(str::to_owned),
            people_min: Some(service.people_min),
            k_total: Some(thresholds.k_total),
            k_cell: Some(thresholds.k_cell),
            ..source
        }
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    source: Text,
    attributes: String,
    legal_basis: Option<Text>,
    people_min: Option<u64>,
    k_total: Option<u64>,
    k_cell: Option<u64>,
    released_until: Option<Time>,
    policy: Option<&'a str>,
    model: Option<&'a str>,
    calibration: Option<&'a str>,
    files_left_out: usize,
}
