//! What the stages did in the last minute, and the last checkpoint: in words.

use super::{Line, Look, line};
use crate::{
    answers::{Health, Stage},
    words::{clock, fit, harmless, whole},
};

/// The name of a stage.
const STAGE: usize = 8;

/// Delay, batch, checkpoint, and a line a stage; nothing of an instance that does not say them.
pub(super) fn pace(health: &Health) -> Vec<Line> {
    let mut lines = vec![
        line(&delay(health), Look::Plain),
        line(&checkpoint(health), Look::Plain),
    ];
    if !health.stages.is_empty() {
        lines.push(line("stages", Look::Head));
    }
    lines.extend(health.stages.iter().map(stage));
    lines
}

fn delay(health: &Health) -> String {
    let Some(delay) = &health.delay else {
        return "no face was estimated in the last minute".into();
    };
    let within = |bound: Option<f64>| match bound {
        Some(bound) => format!("at most {bound} s"),
        None => "more than 60 s".into(),
    };
    let batch = health.batch.as_ref().map_or(String::new(), |batch| {
        format!("   {:.1} crops a batch", batch.crops_mean)
    });
    format!(
        "last {:.0} s: {} faces, half after {}, 99 of 100 after {}{batch}",
        health.measured_seconds,
        whole(delay.faces),
        within(delay.p50_within_seconds),
        within(delay.p99_within_seconds)
    )
}

fn checkpoint(health: &Health) -> String {
    match &health.last_checkpoint {
        None => "no checkpoint was written since the start".into(),
        time => {
            let time = clock(time.as_deref(), health.at.as_deref());
            format!("last checkpoint {time} UTC")
        }
    }
}

fn stage(one: &Stage) -> Line {
    let (words, look) = match one.state.as_str() {
        "waiting" => ("waiting for input", Look::Plain),
        "busy" => ("busy", Look::Plain),
        "blocked" => ("BLOCKED by the next stage", Look::Bad),
        "reading" => ("not blocked", Look::Plain),
        other => (other, Look::Plain),
    };
    let part = |what: &str, ratio: Option<f64>| {
        ratio.map_or(String::new(), |ratio| {
            format!("   {what} {:.0} %", ratio * 100.0)
        })
    };
    let name = fit(&harmless(&one.stage), STAGE);
    let parts = part("busy", one.busy_ratio) + &part("blocked", one.blocked_ratio);
    line(&format!("  {name} {}{parts}", harmless(words)), look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Batch, Delay};

    fn said(health: &Health) -> String {
        let lines = pace(health).into_iter().map(|line| line.text + "\n");
        lines.collect()
    }

    #[test]
    fn it_says_what_is_slow_and_what_is_not_known() {
        let stage = |name: &str, state: &str, busy| Stage {
            stage: name.into(),
            state: state.into(),
            busy_ratio: busy,
            blocked_ratio: Some(0.5),
        };
        let health = Health {
            at: Some("2026-11-27T15:00:00Z".into()),
            measured_seconds: 60.0,
            delay: Some(Delay {
                faces: 1_234,
                p50_within_seconds: Some(0.25),
                p99_within_seconds: None,
            }),
            batch: Some(Batch { crops_mean: 3.96 }),
            last_checkpoint: Some("2026-11-27T14:59:58Z".into()),
            stages: vec![
                stage("decode", "blocked", Some(0.25)),
                stage("poll", "reading", None),
            ],
            ..Health::default()
        };
        assert_eq!(
            said(&health),
            "last 60 s: 1,234 faces, half after at most 0.25 s, 99 of 100 after more than 60 s   4.0 crops a batch\n\
             last checkpoint 14:59:58 UTC\n\
             stages\n  decode   BLOCKED by the next stage   busy 25 %   blocked 50 %\n  poll     not blocked   blocked 50 %\n"
        );
        assert_eq!(pace(&health)[3].look, Look::Bad);
        assert_eq!(
            said(&Health::default()),
            "no face was estimated in the last minute\nno checkpoint was written since the start\n"
        );
    }
}
