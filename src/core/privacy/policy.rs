//! Which attributes may be estimated for which source.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Thresholds;
use crate::{
    privacy::{PolicyRules, SourceRules, UnknownSources},
    record::{Attribute, Attributes, SourceId},
    window::{Growth, Unit},
};

/// Which attributes the policy allows for a source; `None` denies the source.
pub trait Admit {
    /// What may be estimated of faces of this source; `None` where they are not counted.
    fn admit(&self, source: &SourceId) -> Option<Attributes>;
}

/// The operator's policy, as the program applies it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `name@` and the first 12 digits of the hash over everything the policy says: goes into every row.
    pub id: String,
    sources: HashMap<SourceId, Attributes>,
    unknown: Option<Attributes>,
    legal_bases: Vec<(SourceId, String)>,
    rules: PolicyRules,
}

impl Policy {
    /// The policy of these rules.
    pub fn new(rules: &PolicyRules, sources: &[SourceRules]) -> Self {
        let unknown = match rules.unknown_sources {
            UnknownSources::Deny => None,
            UnknownSources::Allow => {
                Some([Attribute::Age, Attribute::Gender].into_iter().collect())
            }
        };
        Self {
            id: identify(rules, sources),
            sources: sources
                .iter()
                .map(|source| (SourceId::new(&source.id), granted(source)))
                .collect(),
            unknown,
            legal_bases: sources
                .iter()
                .filter(|source| granted(source).contains(Attribute::Ethnicity))
                .filter_map(|source| Some((SourceId::new(&source.id), source.legal_basis.clone()?)))
                .collect(),
            rules: rules.clone(),
        }
    }

    /// The sources whose ethnicity is estimated, with the reason that the operator gave.
    pub fn legal_bases(&self) -> &[(SourceId, String)] {
        &self.legal_bases
    }

    /// The legal basis for ethnicity of a source, if it is estimated there.
    pub fn legal_basis(&self, source: &SourceId) -> Option<&str> {
        let mut bases = self.legal_bases.iter();
        bases
            .find(|(of, _)| of == source)
            .map(|(_, basis)| basis.as_str())
    }

    /// The sources that the config names.
    pub fn sources(&self) -> impl Iterator<Item = &SourceId> {
        self.sources.keys()
    }

    /// What may be estimated of faces of this source.
    pub fn granted(&self, source: &SourceId) -> Attributes {
        self.admit(source).unwrap_or(Attributes::NONE)
    }

    /// Everything that any source may be used for.
    pub fn attributes(&self) -> Attributes {
        self.sources
            .values()
            .chain(&self.unknown)
            .fold(Attributes::NONE, |all, &one| all.union(one))
    }

    /// What the operator wrote.
    pub fn rules(&self) -> &PolicyRules {
        &self.rules
    }
}

impl Thresholds {
    /// One person can be many detections, so these need more.
    pub fn of(rules: &PolicyRules, unit: Unit) -> Self {
        let factor = match unit {
            Unit::Tracks => 1,
            Unit::Detections => rules.detections_factor,
        };
        Self {
            k_total: rules.k_total * factor,
            k_cell: rules.k_cell * factor,
        }
    }
}

impl Growth {
    /// A window that an hour ends, or a number of people, has enough of them for its total to be shown.
    pub fn of(rules: &PolicyRules, people_min: u64, window_max: i64) -> Self {
        Self {
            people_min,
            hour_min: people_min.div_ceil(2).max(rules.k_total),
            rest_min: rules.k_total,
            votes_a_person: rules.detections_factor,
            window_max,
        }
    }
}

impl Admit for Policy {
    fn admit(&self, source: &SourceId) -> Option<Attributes> {
        self.sources.get(source).copied().or(self.unknown)
    }
}

/// Ethnicity needs a legal basis even if the config check was passed by.
fn granted(source: &SourceRules) -> Attributes {
    let has_basis = source
        .legal_basis
        .as_deref()
        .is_some_and(|basis| !basis.trim().is_empty());
    source
        .attributes
        .iter()
        .copied()
        .filter(|&attribute| attribute != Attribute::Ethnicity || has_basis)
        .collect()
}

fn identify(rules: &PolicyRules, sources: &[SourceRules]) -> String {
    let text = serde_json::to_vec(&(rules, sources)).expect("the config is plain data");
    let digest = Sha256::digest(text);
    format!("{}@{}", rules.name, crate::hex(&digest[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, attributes: &[Attribute], legal_basis: Option<&str>) -> SourceRules {
        SourceRules {
            id: id.into(),
            attributes: attributes.to_vec(),
            legal_basis: legal_basis.map(Into::into),
            calibration: None,
            time_zone: None,
        }
    }

    fn policy(unknown_sources: UnknownSources, sources: &[SourceRules]) -> Policy {
        let rules = PolicyRules {
            unknown_sources,
            ..Default::default()
        };
        Policy::new(&rules, sources)
    }

    #[test]
    fn a_source_that_is_not_configured_is_denied_unless_allowed() {
        let stranger = SourceId::new("stranger");
        assert_eq!(policy(UnknownSources::Deny, &[]).admit(&stranger), None);
        let allowed = policy(UnknownSources::Allow, &[]).admit(&stranger).unwrap();
        assert!(allowed.contains(Attribute::Age) && !allowed.contains(Attribute::Ethnicity));
    }

    #[test]
    fn ethnicity_without_a_legal_basis_is_not_granted() {
        for (basis, granted) in [(None, false), (Some(" "), false), (Some("consent"), true)] {
            let policy = policy(UnknownSources::Deny, &[source("a", &Attribute::ALL, basis)]);
            let attributes = policy.admit(&SourceId::new("a")).unwrap();
            assert_eq!(
                attributes.contains(Attribute::Ethnicity),
                granted,
                "{basis:?}"
            );
            assert_eq!(policy.legal_bases().len(), usize::from(granted));
        }
    }

    #[test]
    fn the_id_changes_with_anything_that_the_policy_says() {
        let one = policy(
            UnknownSources::Deny,
            &[source("a", &Attribute::ALL, Some("consent"))],
        );
        let two = policy(
            UnknownSources::Deny,
            &[source("a", &Attribute::ALL, Some("audit"))],
        );
        assert!(one.id.starts_with("default@"));
        assert_ne!(one.id, two.id);
    }

    #[test]
    fn no_hour_ends_a_window_of_fewer_people_than_may_be_shown() {
        let hour_min = |people_min| Growth::of(&PolicyRules::default(), people_min, 1).hour_min;
        assert_eq!([0, 10, 19, 51].map(hour_min), [10, 10, 10, 26]);
    }

    #[test]
    fn detections_need_more_than_tracks() {
        let policy = policy(UnknownSources::Deny, &[]);
        assert_eq!(Thresholds::of(policy.rules(), Unit::Tracks).k_total, 10);
        assert_eq!(
            Thresholds::of(policy.rules(), Unit::Detections).k_total,
            100
        );
    }
}
