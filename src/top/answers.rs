//! The answers of the API, as far as they are shown. Pure.
//!
//! Fields that an older or newer instance does not send are unknown.

use serde::Deserialize;

/// What the instance says now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Picture {
    pub sources: Sources,
    pub live: Live,
    /// Tables without a service have none.
    pub health: Option<Health>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Sources {
    pub origin: String,
    /// Sources that fit, on all pages.
    pub total: usize,
    pub left_out: LeftOut,
    pub sources: Vec<Source>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Source {
    pub source: String,
    pub people_min: Option<u64>,
    pub k_total: Option<u64>,
    pub released_until: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Live {
    pub at: Option<String>,
    /// When any broker answered last.
    pub broker_answered: Option<String>,
    pub sources: Vec<LiveSource>,
}

/// Files that tables without a service have left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct LeftOut {
    pub files: usize,
    pub named: Vec<LeftOutFile>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct LeftOutFile {
    pub file: String,
    pub why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct LiveSource {
    pub source: String,
    pub people: Option<People>,
    pub views: Vec<View>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct People {
    pub date: String,
    pub today: u64,
    /// Windows that were released before may be missing.
    pub since: Option<String>,
    /// Faces without a track id voted, too: nobody knows how many people they are.
    pub has_untracked: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct View {
    pub view: String,
    pub from: Option<String>,
    pub until: Option<String>,
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Attribute {
    pub attribute: String,
    pub shown_ratio: Option<f64>,
    pub calibration_fits: Option<bool>,
    pub categories: Vec<Category>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Category {
    pub category: String,
    pub votes: Option<u64>,
    pub share_naive: Option<f64>,
    pub share: Option<f64>,
    pub share_low: Option<f64>,
    pub share_high: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    pub is_alive: bool,
    pub is_ready: bool,
    pub at: Option<String>,
    pub lag: i64,
    /// Delay, batch and stages are of so many seconds.
    pub measured_seconds: f64,
    pub delay: Option<Delay>,
    pub batch: Option<Batch>,
    pub stages: Vec<Stage>,
    pub last_checkpoint: Option<String>,
    pub records: Vec<Count>,
    pub rejected: Vec<Rejected>,
    /// What feeds the instance from within its process.
    pub inputs: Vec<Input>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Input {
    pub source: String,
    pub condition: String,
    pub state: String,
    pub since: Option<String>,
    pub reason: Option<String>,
    pub figures: Vec<Figure>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Figure {
    pub name: String,
    pub number: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Delay {
    pub faces: u64,
    pub p50_within_seconds: Option<f64>,
    pub p99_within_seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Batch {
    pub crops_mean: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Stage {
    pub stage: String,
    pub state: String,
    pub busy_ratio: Option<f64>,
    pub blocked_ratio: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Count {
    pub outcome: String,
    pub records: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Rejected {
    pub reason: String,
    pub records: u64,
    pub fix: String,
}

impl Picture {
    /// The view of a source that has this name.
    pub(crate) fn view(&self, source: &str, view: &str) -> Option<&View> {
        let of_source = self.live.sources.iter().find(|one| one.source == source)?;
        of_source.views.iter().find(|one| one.view == view)
    }

    /// The people of a source.
    pub(crate) fn people(&self, source: &str) -> Option<&People> {
        let mut sources = self.live.sources.iter();
        sources.find(|one| one.source == source)?.people.as_ref()
    }

    /// The names of all views, the shortest first, as a source has them.
    pub(crate) fn views(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let sources = self.live.sources.iter();
        for view in sources.flat_map(|source| &source.views) {
            if !names.contains(&view.view.as_str()) {
                names.push(&view.view);
            }
        }
        names
    }

    pub(crate) fn is_of_tables(&self) -> bool {
        self.sources.origin == "tables"
    }
}

impl Attribute {
    /// Votes in the categories that are shown; nothing where none is.
    pub(crate) fn votes(&self) -> Option<u64> {
        let known: Vec<u64> = self.categories.iter().filter_map(|one| one.votes).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    /// How many categories are hidden.
    pub(crate) fn hidden(&self) -> usize {
        let is_hidden = |one: &&Category| one.share.is_none() && one.share_naive.is_none();
        self.categories.iter().filter(is_hidden).count()
    }
}
