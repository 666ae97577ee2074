//! What feeds the service from within its own process, such as the cameras of `watch`: how each of them is.

use demograph_service::inputs::{Condition, Input};
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::Time;

/// A camera, or whatever else feeds the service from within its process.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Input")]
pub(crate) struct InputOf {
    /// The source of what it sends.
    pub source: String,
    pub condition: ConditionOf,
    /// The same more exactly, in the word of its metrics, such as "unauthorized".
    pub state: &'static str,
    /// Since when it is in this condition.
    pub since: Time,
    /// Why nothing comes, and what to do; null while all is well.
    pub reason: Option<&'static str>,
    /// What it counts, such as frames.
    pub figures: Vec<Figure>,
}

/// Nothing has come yet; it gives what it should; it gives nothing, and should; it has given all that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Condition")]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConditionOf {
    Starting,
    Up,
    Down,
    Over,
}

/// A count and what it is of.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Figure {
    pub name: &'static str,
    pub number: u64,
}

impl From<&Input> for InputOf {
    fn from(input: &Input) -> Self {
        let figures = input.figures.iter();
        Self {
            source: input.source.clone(),
            condition: match input.condition {
                Condition::Starting => ConditionOf::Starting,
                Condition::Up => ConditionOf::Up,
                Condition::Down => ConditionOf::Down,
                Condition::Over => ConditionOf::Over,
            },
            state: input.state,
            since: Time(input.since),
            reason: input.reason,
            figures: figures
                .map(|&(name, number)| Figure { name, number })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use demograph_core::record::EventTime;
    use demograph_service::snapshot::Snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn live_says_of_each_input_how_it_is_since_when_and_why() {
        let input = |source: &str, condition, state, reason| Input {
            source: source.into(),
            condition,
            state,
            since: EventTime(1_000),
            reason,
            figures: vec![("frames", 7)],
        };
        let now = Snapshot {
            inputs: vec![
                input("door", Condition::Up, "up", None),
                input(
                    "gate",
                    Condition::Down,
                    "unreachable",
                    Some("Nobody answers."),
                ),
            ],
            ..Snapshot::default()
        };
        let said = super::super::live_of(&now);
        assert_eq!(said["inputs"][0]["reason"], json!(null));
        assert_eq!(
            said["inputs"][1],
            json!({
                "source": "gate", "condition": "down", "state": "unreachable", "since": "1970-01-01T00:00:01Z",
                "reason": "Nobody answers.", "figures": [{ "name": "frames", "number": 7 }],
            })
        );
        assert_eq!(
            super::super::live_of(&Snapshot::default())["inputs"],
            json!([])
        );
    }
}
