//! What the topic is set to, as far as records can be lost by it: asked at the start and every few minutes after, because
//! somebody may change it. It warns and sets a metric; nothing depends on it.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::{
    config,
    kafka::{Admin, TopicSettings},
    metrics::Metrics,
};

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(10 * 60);
/// How long the broker may take to say it; a stop waits for it.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Asks until nothing is read any more: then `reading` has no sender left.
pub(super) fn run(kafka: &config::Kafka, metrics: &Metrics, reading: &Receiver<()>) {
    let mut advice = Advice::default();
    loop {
        // A connection each time: one that idles for minutes is worth nothing.
        match Admin::connect(kafka).and_then(|admin| admin.settings(ANSWER_MAX)) {
            Ok(settings) => {
                for warning in advice.news(&settings, metrics) {
                    tracing::warn!(topic = kafka.topic, "the topic has {warning}");
                }
            }
            Err(error) => tracing::debug!(
                error = format!("{error:#}"),
                "what the topic is set to could not be read"
            ),
        }
        match reading.recv_timeout(ASK_EVERY) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What was said already.
#[derive(Debug, Default)]
struct Advice {
    said: Vec<String>,
}

impl Advice {
    /// What there is to say that was not said at the last answer.
    fn news(&mut self, settings: &TopicSettings, metrics: &Metrics) -> Vec<String> {
        metrics.topic_compacts.set(settings.compacts().into());
        let warnings = settings.warnings();
        let before = std::mem::replace(&mut self.said, warnings.clone());
        warnings
            .into_iter()
            .filter(|warning| !before.contains(warning))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_begins_to_compact_is_said_once_and_shown_until_it_ends() {
        let settings = |policy: &str| TopicSettings {
            cleanup_policy: policy.into(),
            retention: Some(-1),
            retention_bytes: Some(-1),
        };
        let metrics = Metrics::new();
        let mut advice = Advice::default();
        for (policy, said, shown) in [
            ("delete", 0, 0),
            ("compact", 1, 1),
            ("compact", 0, 1),
            ("delete", 0, 0),
            ("compact,delete", 1, 1),
        ] {
            assert_eq!(advice.news(&settings(policy), &metrics).len(), said);
            assert_eq!(metrics.topic_compacts.get(), shown, "{policy}");
        }
    }
}
