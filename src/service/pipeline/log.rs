//! The ids of the topic and the cluster that are read: asked for at each assignment and every few seconds after.
//! Another topic under the same name ends the program, until the partitions are reset: their next offsets mean nothing
//! in it.

use std::time::Duration;

use anyhow::bail;
use demograph_core::{record::EventTime, state::LogIdentity};

use crate::{clock, kafka::Consumer};

/// How often it is asked while partitions are read, in milliseconds.
const ASK_EVERY: i64 = 10_000;
/// How long a question may hold up the poll loop. A broker that does not answer is asked again, but ever more rarely: the
/// embedded one never answers.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// So often the time between two questions doubles.
const DOUBLINGS_MAX: u32 = 4;

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct Log {
    known: LogIdentity,
    last_asked: Option<EventTime>,
    /// Questions since the last answer.
    unanswered: u32,
}

impl Log {
    /// What is known by now.
    pub(super) fn known(&self) -> &LogIdentity {
        &self.known
    }

    /// Asks the brokers. An error means that this is another log than before.
    pub(super) fn ask(&mut self, consumer: &Consumer) -> anyhow::Result<()> {
        self.last_asked = Some(clock::now());
        match consumer.identity(ANSWER_MAX) {
            Ok(now) => {
                self.unanswered = 0;
                self.learn(now)
            }
            Err(error) => {
                self.unanswered += 1;
                tracing::debug!(
                    error = format!("{error:#}"),
                    "the topic's id could not be asked for"
                );
                Ok(())
            }
        }
    }

    /// The same, if it is time again.
    pub(super) fn ask_if_due(&mut self, consumer: &Consumer) -> anyhow::Result<()> {
        let every = ASK_EVERY << self.unanswered.min(DOUBLINGS_MAX);
        let is_due = self
            .last_asked
            .is_some_and(|last| last.plus(every) <= clock::now());
        if is_due { self.ask(consumer) } else { Ok(()) }
    }

    /// What a partition's checkpoint says. An error means that it is about another log than the one that is read. What
    /// the brokers did not say yet must be the same when they do.
    pub(super) fn expect(&mut self, saved: &LogIdentity) -> anyhow::Result<()> {
        refuse_other(saved, &self.known)?;
        self.known = std::mem::take(&mut self.known).or(saved.clone());
        Ok(())
    }

    fn learn(&mut self, now: LogIdentity) -> anyhow::Result<()> {
        refuse_other(&self.known, &now)?;
        self.known = std::mem::take(&mut self.known).or(now);
        Ok(())
    }
}

/// An error where the log that was read before and the one of now are not the same.
fn refuse_other(before: &LogIdentity, now: &LogIdentity) -> anyhow::Result<()> {
    let Err(other) = before.check(now) else {
        return Ok(());
    };
    bail!(
        "kafka: {other}. Next offsets of the one mean nothing in the other, so nothing is read. \
         `demograph state reset --partition N --offset 0` begins a partition again with the oldest record of now; \
         another kafka.group with another output.url begins all of them again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(byte: u8) -> LogIdentity {
        LogIdentity {
            topic_id: Some([byte; 16]),
            cluster: None,
        }
    }

    #[test]
    fn checkpoints_of_another_topic_are_refused_before_and_after_the_brokers_say_which_it_is() {
        let mut asked = Log::default();
        asked.learn(log(1)).unwrap();
        asked.expect(&LogIdentity::default()).unwrap();
        asked.expect(&log(1)).unwrap();
        let refused = asked.expect(&log(2)).unwrap_err().to_string();
        assert!(refused.contains("demograph state reset"), "{refused}");
        let mut not_yet = Log::default();
        not_yet.expect(&log(2)).unwrap();
        not_yet.learn(log(1)).unwrap_err();
    }
}
