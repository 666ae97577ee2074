//! Which topic of which cluster is read: asked at each assignment and every few seconds after. Another one under the same
//! name ends the program, until somebody resets the partitions: their next offsets mean nothing in it.

use std::time::Duration;

use anyhow::bail;

use crate::{clock, kafka::Consumer, record::EventTime, state::LogIdentity};

/// How often it is asked while partitions are read, in milliseconds.
const ASK_EVERY: i64 = 10_000;
/// How long a question may hold up the poll loop. A broker that does not answer is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct Log {
    known: LogIdentity,
    last_asked: Option<EventTime>,
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
            Ok(now) => self.learn(now),
            Err(error) => {
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
        let is_due = self
            .last_asked
            .is_some_and(|last| last.plus(ASK_EVERY) <= clock::now());
        if is_due { self.ask(consumer) } else { Ok(()) }
    }

    fn learn(&mut self, now: LogIdentity) -> anyhow::Result<()> {
        refuse_other(&self.known, &now)?;
        self.known = std::mem::take(&mut self.known).or(now);
        Ok(())
    }
}

/// An error where the log that was read before and the one of now are not the same.
pub(super) fn refuse_other(before: &LogIdentity, now: &LogIdentity) -> anyhow::Result<()> {
    let Err(other) = before.check(now) else {
        return Ok(());
    };
    bail!(
        "kafka: {other}. Next offsets of the one mean nothing in the other, so nothing is read. \
         `demograph state reset --partition N --offset 0` begins a partition again with the oldest record of now; \
         another kafka.group begins all of them again"
    )
}
