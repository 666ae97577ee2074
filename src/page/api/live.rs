//! Who was seen lately: the rolling views of each source, as /metrics shows them, and its people by hour.

use std::collections::BTreeSet;

use demograph_core::record::SourceId;
use demograph_service::{
    sink::history::ShownRow,
    snapshot::{ShownAttribute, ShownCategory, ShownView, Snapshot},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    answer::Text, inputs::InputOf, left_out::LeftOutFiles, people::LivePeople, query::Wanted,
};
use crate::{origin::OriginKind, time::Time};

/// The rolling views of the sources that were asked for, in the order of their names.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Live {
    pub origin: OriginKind,
    /// When the service took this picture of itself, or when the tables were read. If a service's is old, it stands still.
    pub at: Time,
    /// When any broker of the service answered last; null before it did, and of tables.
    pub broker_answered: Option<Time>,
    /// Sources that fit the request, on all pages.
    pub total: usize,
    pub left_out: LeftOutFiles,
    pub sources: Vec<LiveSource>,
    /// What feeds those sources from within the process of this instance, such as the cameras of `watch`. Mostly there is none.
    pub inputs: Vec<InputOf>,
}

/// One source.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LiveSource {
    pub source: String,
    /// How many people there were lately; null where no window of the last day had any.
    pub people: Option<LivePeople>,
    /// By length, shortest first. A view without a released window is not there.
    pub views: Vec<LiveView>,
}

/// The released windows of a source that a rolling view holds.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LiveView {
    /// The length that was asked for in `windows.rolling`, such as "5m". Of tables: "1h" is the newest hour, "24h" the newest day.
    pub view: String,
    /// The start of its first window.
    pub from: Option<Time>,
    /// The end of its last window.
    pub until: Option<Time>,
    /// Faces in all its windows, also those that were spared or are suppressed. Tables do not say it.
    pub faces: Option<u64>,
    pub attributes: Vec<LiveAttribute>,
}

/// One attribute of a view.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LiveAttribute {
    pub attribute: &'static str,
    /// The part of the votes that is shown, not suppressed.
    pub shown_ratio: Option<f64>,
    /// p-value of the shift test.
    pub shift_p: Option<f64>,
    /// Whether the shift test finds that the calibration fits.
    pub calibration_fits: Option<bool>,
    /// In the order of the model. What is hidden is null.
    pub categories: Vec<LiveCategory>,
}

/// One category of an attribute.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LiveCategory {
    pub category: String,
    /// Votes in the windows that show the category.
    pub votes: Option<u64>,
    /// Counted share, with the model's errors, of the windows that show the category: those of an attribute may be more than 1
    /// together.
    pub share_naive: Option<f64>,
    /// Estimated true share, corrected for the model's errors.
    pub share: Option<f64>,
    /// Lower end of its 95 % interval.
    pub share_low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub share_high: Option<f64>,
    /// Effective sample size: this many error-free labels of different people would give the same precision.
    pub effective_n: Option<f64>,
}

impl Live {
    pub(crate) fn of(origin: OriginKind, now: &Snapshot, wanted: &Wanted) -> Self {
        let fitting: BTreeSet<&SourceId> = seen(now).filter(|id| wanted.has(id)).collect();
        let page = fitting.iter().skip(wanted.offset).take(wanted.limit);
        let sources = page.map(|&source| {
            let people = now.people.get(source);
            let views = now.audience.get(source).into_iter().flatten();
            LiveSource {
                source: source.as_str().to_owned(),
                people: people.map(|people| LivePeople::of(origin, people, now.at)),
                views: views
                    .map(|(length, view)| LiveView::of(length.to_string(), view, wanted))
                    .collect(),
            }
        });
        let inputs = now.inputs.iter();
        let inputs = inputs.filter(|input| wanted.has(&SourceId::new(&input.source)));
        Self {
            origin,
            at: Time(now.at),
            broker_answered: now.probes.broker_answered.map(Time),
            total: fitting.len(),
            left_out: LeftOutFiles::of(&now.left_out),
            sources: sources.collect(),
            inputs: inputs.map(InputOf::from).collect(),
        }
    }

    /// A row for each category, as CSV has them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.sources.iter().flat_map(move |source| {
            source.views.iter().flat_map(move |view| {
                let attributes = view.attributes.iter();
                attributes.flat_map(move |attribute| self.rows_of(source, view, attribute))
            })
        })
    }

    fn rows_of<'a>(
        &self,
        source: &'a LiveSource,
        view: &'a LiveView,
        attribute: &'a LiveAttribute,
    ) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let files_left_out = self.left_out.files;
        attribute.categories.iter().map(move |category| Row {
            source: Text::of(&source.source),
            view: &view.view,
            from: view.from,
            until: view.until,
            attribute: attribute.attribute,
            category: Text::of(&category.category),
            votes: category.votes,
            share_naive: category.share_naive,
            share: category.share,
            share_low: category.share_low,
            share_high: category.share_high,
            effective_n: category.effective_n,
            shown_ratio: attribute.shown_ratio,
            shift_p: attribute.shift_p,
            calibration_fits: attribute.calibration_fits,
            files_left_out,
        })
    }
}

impl LiveView {
    fn of(view: String, shown: &ShownView, wanted: &Wanted) -> Self {
        let (from, until) = shown.covers.unzip();
        let attributes = shown.attributes.iter();
        let attributes = attributes
            .filter(|one| {
                wanted
                    .attribute
                    .is_none_or(|wanted| wanted == one.attribute)
            })
            // A source that may not be asked for an attribute says nothing of it.
            .filter(|one| one.shown_ratio.is_some());
        Self {
            view,
            from: from.map(Time),
            until: until.map(Time),
            faces: shown.faces,
            attributes: attributes.map(LiveAttribute::from).collect(),
        }
    }
}

impl From<&ShownAttribute> for LiveAttribute {
    fn from(shown: &ShownAttribute) -> Self {
        Self {
            attribute: shown.attribute.name(),
            shown_ratio: shown.shown_ratio,
            shift_p: shown.shift_p,
            calibration_fits: shown.calibration_fits(),
            categories: shown.categories.iter().map(LiveCategory::from).collect(),
        }
    }
}

impl LiveCategory {
    /// What rows of a table show.
    pub(super) fn all_of<'a>(rows: impl Iterator<Item = &'a ShownRow>) -> Vec<Self> {
        rows.filter_map(ShownRow::shown)
            .map(|shown| Self::from(&shown))
            .collect()
    }
}

impl From<&ShownCategory> for LiveCategory {
    fn from(shown: &ShownCategory) -> Self {
        Self {
            category: shown.label.clone(),
            votes: shown.votes,
            share_naive: shown.share_naive,
            share: shown.share.share,
            share_low: shown.share.low,
            share_high: shown.share.high,
            effective_n: shown.share.effective_n,
        }
    }
}

/// A line of the CSV.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    source: Text,
    view: &'a str,
    from: Option<Time>,
    until: Option<Time>,
    attribute: &'static str,
    category: Text,
    votes: Option<u64>,
    share_naive: Option<f64>,
    share: Option<f64>,
    share_low: Option<f64>,
    share_high: Option<f64>,
    effective_n: Option<f64>,
    shown_ratio: Option<f64>,
    shift_p: Option<f64>,
    calibration_fits: Option<bool>,
    files_left_out: usize,
}

/// The names of sources that have views or people; some come twice.
pub(super) fn seen(now: &Snapshot) -> impl Iterator<Item = &SourceId> {
    now.audience.keys().chain(now.people.keys())
}
