//! What feeds the instance from within its process, such as the cameras of `watch`: in words.

use super::{Line, Look, NAME, line};
use crate::{
    answers::{Health, Input},
    words::{clock, fit, harmless, whole},
};

/// So many are named in one line.
const NAMED: usize = 2;

fn is_down(one: &&Input) -> bool {
    one.condition == "down"
}

/// For the line of health: those that give nothing, with the state of each; nothing where there is none.
pub(super) fn down(health: &Health) -> String {
    let down: Vec<&Input> = health.inputs.iter().filter(is_down).collect();
    if down.is_empty() {
        return String::new();
    }
    let name = |one: &&Input| format!("{} ({})", harmless(&one.source), harmless(&one.state));
    let mut names: Vec<String> = down.iter().take(NAMED).map(name).collect();
    if down.len() > NAMED {
        names.push(format!("{} more", down.len() - NAMED));
    }
    format!("   DOWN: {}", names.join(", "))
}

/// A line for each, and one with the reason of each that is down.
pub(super) fn inputs(health: &Health) -> Vec<Line> {
    let mut lines = Vec::new();
    for one in &health.inputs {
        if lines.is_empty() {
            lines.push(line("inputs", Look::Head));
        }
        let since = clock(one.since.as_deref(), health.at.as_deref());
        let figures = one.figures.iter();
        let figures = figures.map(|of| format!("   {} {}", harmless(&of.name), whole(of.number)));
        let look = if is_down(&one) {
            Look::Bad
        } else {
            Look::Plain
        };
        let name = fit(&harmless(&one.source), NAME);
        let state = harmless(&one.state);
        let figures: String = figures.collect();
        lines.push(line(
            &format!("  {name} {state} since {since} UTC{figures}"),
            look,
        ));
        if let Some(reason) = &one.reason {
            lines.push(line(&format!("    {}", harmless(reason)), look));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Figure;

    #[test]
    fn who_is_down_stands_in_the_first_lines_with_state_time_and_reason() {
        let input = |source: &str, condition: &str, state: &str, reason: Option<&str>| Input {
            source: source.into(),
            condition: condition.into(),
            state: state.into(),
            since: Some("2026-11-27T14:59:58Z".into()),
            reason: reason.map(str::to_owned),
            figures: vec![Figure {
                name: "frames".into(),
                number: 1_234,
            }],
        };
        let mut health = Health {
            at: Some("2026-11-27T15:00:00Z".into()),
            inputs: vec![
                input("door", "up", "up", None),
                input("gate", "down", "unreachable", Some("Nobody answers.")),
            ],
            ..Health::default()
        };
        assert_eq!(down(&health), "   DOWN: gate (unreachable)");
        let lines = inputs(&health);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "inputs",
                "  door               up since 14:59:58 UTC   frames 1,234",
                "  gate               unreachable since 14:59:58 UTC   frames 1,234",
                "    Nobody answers.",
            ]
        );
        assert_eq!((lines[1].look, lines[3].look), (Look::Plain, Look::Bad));
        for name in ["a", "b"] {
            health.inputs.push(input(name, "down", "died", None));
        }
        assert_eq!(
            down(&health),
            "   DOWN: gate (unreachable), a (died), 1 more"
        );
        health.inputs.clear();
        assert_eq!((down(&health).as_str(), inputs(&health).len()), ("", 0));
    }
}
