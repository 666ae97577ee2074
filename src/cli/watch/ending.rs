//! The first lines of the end: whether all was done, else what was and what was not. Pure.

use demograph_service::inputs::{Condition, Input};

/// Before the numbers. The error itself is told after them.
pub(super) fn heading(is_done: bool, inputs: &[Input]) -> String {
    if is_done {
        return "Done.".into();
    }
    let mut lines = vec!["NOT all was done; the error is told below.".to_owned()];
    let over = inputs.iter().filter(|one| one.condition == Condition::Over);
    let over: Vec<&str> = over.map(|one| one.source.as_str()).collect();
    if !over.is_empty() {
        lines.push(format!("  read to the end   {}", over.join(", ")));
    }
    for one in inputs.iter().filter(|one| one.condition == Condition::Down) {
        let reason = one.reason.unwrap_or_default();
        lines.push(format!(
            "  failed            {} ({}): {reason}",
            one.source, one.state
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use demograph_core::record::EventTime;

    use super::*;

    #[test]
    fn an_error_is_never_called_done_and_what_was_done_is_told_beside_what_failed() {
        let input = |source: &str, condition, state, reason| Input {
            source: source.into(),
            condition,
            state,
            since: EventTime(0),
            reason,
            figures: Vec::new(),
        };
        let inputs = [
            input("door", Condition::Over, "ended", None),
            input("gate", Condition::Up, "up", None),
            input("sound", Condition::Down, "no_video", Some("Only sound.")),
        ];
        assert_eq!(heading(true, &inputs), "Done.");
        let said = "NOT all was done; the error is told below.\n  read to the end   door\n  \
                    failed            sound (no_video): Only sound.";
        assert_eq!(heading(false, &inputs), said);
        assert_eq!(
            heading(false, &[]),
            "NOT all was done; the error is told below."
        );
    }
}
