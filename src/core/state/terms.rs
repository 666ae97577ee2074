//! What rows mean: which model, which policy, which categories and windows. Rows of different terms never mix.

use crate::{
    facts::ModelFacts,
    periods::Zones,
    privacy::{Policy, PolicyRules, Thresholds},
    record::SourceId,
    window::{Categories, Growth, Settings, Unit, Weighting},
};

/// The length of a pane, in milliseconds, where nothing was counted yet.
const NO_PANE: i64 = 10_000;

/// The terms on which faces are counted and released.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Name and hash of the model.
    pub model: String,
    /// The policy's id, which changes with anything that it says.
    pub policy: String,
    /// The policy's rules.
    pub rules: PolicyRules,
    /// The sources whose ethnicity was estimated, with the reason that the operator gave. Nothing where they were not
    /// kept: in checkpoints of version 1.
    pub legal_bases: Option<Vec<(SourceId, String)>>,
    /// The labels of each attribute.
    pub categories: Categories,
    /// The length of a pane in milliseconds.
    pub pane: i64,
    /// So many people end a window; 0 where each pane is a window.
    pub people_min: u64,
    /// The longest window in milliseconds.
    pub window_max: i64,
    /// Whether people vote, or crops.
    pub weighting: Weighting,
    /// By which clocks hours and days are cut.
    pub zones: Zones,
}

impl Terms {
    /// The terms of a model, a policy and the settings of the windows.
    pub fn new(model: &str, policy: &Policy, categories: Categories, settings: &Settings) -> Self {
        Self {
            model: model.to_owned(),
            policy: policy.id.clone(),
            rules: policy.rules().clone(),
            legal_bases: Some(policy.legal_bases().to_vec()),
            categories,
            pane: settings.pane,
            people_min: settings.growth.people_min,
            window_max: settings.growth.window_max,
            weighting: settings.weighting,
            zones: Zones::default(),
        }
    }

    /// The same with hours and days of these zones.
    pub fn in_zones(self, zones: Zones) -> Self {
        Self { zones, ..self }
    }

    /// The terms of a partition that counted nothing yet. They equal no others, so the first start goes on with its own.
    pub fn none() -> Self {
        let nothing = ModelFacts {
            id: String::new(),
            has_age: false,
            gender: Vec::new(),
            ethnicity: Vec::new(),
        };
        Self {
            model: String::new(),
            policy: String::new(),
            rules: PolicyRules::default(),
            legal_bases: Some(Vec::new()),
            categories: Categories::new(&[0], &nothing),
            pane: NO_PANE,
            people_min: 0,
            window_max: NO_PANE,
            weighting: Weighting::People,
            zones: Zones::default(),
        }
    }

    /// The least number of people that may be shown.
    pub fn thresholds(&self, unit: Unit) -> Thresholds {
        Thresholds::of(&self.rules, unit)
    }

    /// Why ethnicity was estimated, a line a source.
    pub fn legal_basis(&self) -> String {
        let Some(bases) = &self.legal_bases else {
            return format!("as the policy {} stated it", self.policy);
        };
        let bases = bases.iter();
        let lines = bases.map(|(source, basis)| format!("{source}: {basis}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The settings with which panes and windows of these terms are cut.
    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        Settings {
            pane: self.pane,
            weighting: self.weighting,
            untracked: self.rules.untracked,
            growth: Growth::of(&self.rules, self.people_min, self.window_max),
            ..*settings
        }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Terms {
    /// Those of a model under a policy, with panes of ten seconds and one band of ages, for tests.
    pub fn example(facts: &crate::facts::ModelFacts, policy: &Policy) -> Self {
        let settings = Settings {
            idle_after: 0,
            sources_max: 1,
            untracked: policy.rules().untracked,
            ..Settings::EXAMPLE
        };
        Self::new(&facts.id, policy, Categories::new(&[0], facts), &settings)
    }
}
