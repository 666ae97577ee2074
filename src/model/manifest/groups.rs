//! Coarser categories: classes of a head that are added up, where the config asks for them by name.

use demograph_core::checked::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Head;

/// A coarser set of categories. The probability of a group is the sum over its classes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// The name by which a config chooses it, such as "five".
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// The groups. They become the categories in tables and metrics.
    #[schemars(length(min = 2))]
    pub labels: Vec<String>,
    /// The group of each label of the head, in the order of these labels.
    #[schemars(length(min = 2))]
    pub of: Vec<String>,
}

impl Groups {
    pub(crate) fn contradictions(&self, at: &str, head: &Head) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, fix: String| {
            faults.push(Fault::new(&format!("{at}.{name}"), "", fix));
        };
        if self.of.len() != head.labels.len() {
            let (named, needed) = (self.of.len(), head.labels.len());
            fault(
                "of",
                format!("names {named} groups: name one for each of the {needed} labels"),
            );
        }
        if let Some(stranger) = self.of.iter().find(|group| !self.labels.contains(group)) {
            fault(
                "of",
                format!("{stranger:?} is not one of its labels {:?}", self.labels),
            );
        }
        if let Some(empty) = self.labels.iter().find(|label| !self.of.contains(label)) {
            fault(
                "labels",
                format!("{empty:?} has no class: remove it, or name it in `of`"),
            );
        }
        faults
    }

    /// The place of each class's group among the groups.
    pub(crate) fn places(&self) -> Vec<usize> {
        let place = |group: &String| self.labels.iter().position(|label| label == group);
        self.of.iter().filter_map(place).collect()
    }
}

impl Head {
    /// Chooses a coarser set of categories by its name.
    pub(crate) fn choose(&mut self, name: &str) -> Result<(), Fault> {
        let found = self.groups.iter().find(|groups| groups.name == name);
        let Some(groups) = found else {
            let known: Vec<&str> = self
                .groups
                .iter()
                .map(|groups| groups.name.as_str())
                .collect();
            let fix = match known.as_slice() {
                [] => "the model has no groups: remove the key".to_owned(),
                known => format!("the model has the groups {known:?}"),
            };
            return Err(Fault::new(
                &format!("model.{}", self.attribute),
                format!("{name:?}"),
                fix,
            ));
        };
        self.chosen = Some(groups.clone());
        Ok(())
    }

    /// The categories: the groups that were chosen, else the labels.
    pub fn categories(&self) -> &[String] {
        self.chosen
            .as_ref()
            .map_or(&self.labels, |groups| &groups.labels)
    }
}
