//! Tries what the service will do, with the same client: reach a broker, log in, find the topic, read every partition,
//! ask for the group. Changes nothing: no topic is created, no group is joined, nothing is committed.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{anyhow, bail};
use demograph_core::record::EventTime;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    consumer::connect,
    context::Context,
    describe::{Description, Question, Rights},
    tls,
    trouble::{Cause, Trouble},
};
use crate::{clock, config};

/// How long each part may take, in milliseconds.
const PART_MAX: i64 = 10_000;
/// How often the client's complaints are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Returns the number of partitions; an error says what is wrong and what to do.
pub fn probe(kafka: &config::Kafka) -> anyhow::Result<usize> {
    let (client, _) = connect(kafka)?;
    let probe = Probe {
        client,
        topic: &kafka.topic,
        group: &kafka.group,
        ca: kafka
            .properties
            .get("ssl.ca.location")
            .and_then(|ca| ca.resolve().ok()),
    };
    let description = probe.describe()?;
    if description.may_read == Some(false) {
        return Err(probe.refusal(&Trouble {
            code: RDKafkaErrorCode::TopicAuthorizationFailed,
            reason: "it may be described and not be read".into(),
        }));
    }
    probe.ask_for_group()?;
    probe.read(description.partitions)?;
    Ok(description.partitions)
}

struct Probe<'a> {
    client: BaseConsumer<Context>,
    topic: &'a str,
    group: &'a str,
    /// Whom the client trusts; the system's list where nothing is said.
    ca: Option<String>,
}

impl Probe<'_> {
    fn describe(&self) -> anyhow::Result<Description> {
        let deadline = deadline();
        let timeout = Duration::from_millis(PART_MAX.unsigned_abs());
        let question = Question::ask(self.client.client(), self.topic, Rights::Wanted, timeout)?;
        let mut last = None;
        while clock::now() < deadline {
            match question.answer(LOOK_EVERY) {
                Some(Ok(description)) => return Ok(description),
                // The client's own complaint says more than a question that it gives up.
                Some(Err(trouble)) if trouble.cause().may_pass() => {
                    self.complaints(&mut last)?;
                    return Err(self.refusal(last.as_ref().unwrap_or(&trouble)));
                }
                Some(Err(trouble)) => return Err(self.refusal(&trouble)),
                None => self.complaints(&mut last)?,
            }
        }
        Err(self.silence(last))
    }

    /// Asks for the committed offsets, only to see whether the group may be used.
    fn ask_for_group(&self) -> anyhow::Result<()> {
        let deadline = deadline();
        let mut list = TopicPartitionList::new();
        list.add_partition(self.topic, 0);
        let mut last = None;
        while clock::now() < deadline {
            // The client asks again and again for the group's coordinator, so this need not wait long at a time.
            match self.client.committed_offsets(list.clone(), LOOK_EVERY * 4) {
                Ok(answer) => match answer.elements().first().map(|of| of.error()) {
                    Some(Err(error)) => return Err(self.refusal(&trouble(&error))),
                    _ => return Ok(()),
                },
                Err(error) => {
                    let trouble = trouble(&error);
                    match trouble.cause() {
                        Cause::GroupForbidden | Cause::TopicForbidden => {
                            return Err(self.refusal(&trouble));
                        }
                        _ => self.complaints(&mut last)?,
                    }
                }
            }
        }
        Err(self.silence(last))
    }

    /// Fetches from the end of every partition.
    fn read(&self, partitions: usize) -> anyhow::Result<()> {
        let deadline = deadline();
        let mut unread: BTreeSet<i32> = (0..i32::try_from(partitions)?).collect();
        let mut list = TopicPartitionList::new();
        for &partition in &unread {
            list.add_partition_offset(self.topic, partition, Offset::End)?;
        }
        self.client.assign(&list)?;
        let mut last = None;
        while !unread.is_empty() {
            if clock::now() >= deadline {
                let unread: Vec<String> = unread.iter().map(ToString::to_string).collect();
                let silence = self.silence(last);
                bail!(
                    "{silence}: partition {} does not answer: check that it has a leader",
                    unread.join(", ")
                );
            }
            match self.client.poll(LOOK_EVERY) {
                Some(Ok(record)) => drop(unread.remove(&record.partition())),
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
                Some(Err(error)) => self.judge(trouble(&error), &mut last)?,
                None => self.reported(&mut last)?,
            }
        }
        Ok(())
    }

    /// Lets the client report what it has to complain of.
    fn complaints(&self, last: &mut Option<Trouble>) -> anyhow::Result<()> {
        if let Some(Err(error)) = self.client.poll(Duration::ZERO) {
            // What was reported comes with its reason, too.
            self.reported(last)?;
            return self.judge(trouble(&error), last);
        }
        self.reported(last)
    }

    fn reported(&self, last: &mut Option<Trouble>) -> anyhow::Result<()> {
        for trouble in self.client.context().take_troubles() {
            self.judge(trouble, last)?;
        }
        Ok(())
    }

    /// What waiting may mend is kept, to be named if it does not.
    fn judge(&self, trouble: Trouble, last: &mut Option<Trouble>) -> anyhow::Result<()> {
        match trouble.cause() {
            // Says less than what came before it.
            Cause::NoBroker => Err(self.refusal(last.as_ref().unwrap_or(&trouble))),
            cause if cause.may_pass() => {
                // The same comes as a bare code, too, which does not replace the reason.
                if last.is_none() || !trouble.reason.is_empty() {
                    *last = Some(trouble);
                }
                Ok(())
            }
            _ => Err(self.refusal(&trouble)),
        }
    }

    fn refusal(&self, trouble: &Trouble) -> anyhow::Error {
        match trouble.cause() {
            Cause::NoTopic => anyhow!(
                "kafka.topic = {:?} does not exist: create it, or correct the name",
                self.topic
            ),
            Cause::TopicForbidden => anyhow!("kafka.topic = {:?}: {trouble}", self.topic),
            Cause::GroupForbidden => anyhow!("kafka.group = {:?}: {trouble}", self.group),
            Cause::Tls => match self.certificate(trouble) {
                Some(words) => {
                    anyhow!("the broker's certificate is not accepted: {words}; {trouble}")
                }
                None => anyhow!("{trouble}"),
            },
            _ => anyhow!("{trouble}"),
        }
    }

    /// What is wrong with the certificate.
    fn certificate(&self, trouble: &Trouble) -> Option<String> {
        if !trouble.reason.contains("certificate") {
            return None;
        }
        tls::complaint(trouble.address()?, self.ca.as_deref())
    }

    fn silence(&self, last: Option<Trouble>) -> anyhow::Error {
        match last {
            Some(trouble) => self.refusal(&trouble),
            None => anyhow!(
                "no broker answers within {} s: check kafka.brokers, and the firewalls in between",
                PART_MAX / 1_000
            ),
        }
    }
}

fn deadline() -> EventTime {
    clock::now().plus(PART_MAX)
}

fn trouble(error: &KafkaError) -> Trouble {
    Trouble {
        code: error
            .rdkafka_error_code()
            .unwrap_or(RDKafkaErrorCode::Unknown),
        reason: String::new(),
    }
}
