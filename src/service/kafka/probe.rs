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
    trouble::{Cause, Complaints, Trouble},
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
        let mut heard = Complaints::default();
        while clock::now() < deadline {
            match question.answer(LOOK_EVERY) {
                Some(Ok(description)) => return Ok(description),
                // The client's own complaint says more than a question that it gives up.
                Some(Err(trouble)) if trouble.cause().may_pass() => {
                    self.complaints(&mut heard)?;
                    return Err(self.refusal(&heard.into_last().unwrap_or(trouble)));
                }
                Some(Err(trouble)) => return Err(self.refusal(&trouble)),
                None => self.complaints(&mut heard)?,
            }
        }
        Err(self.silence(heard))
    }

    /// Asks for the committed offsets, only to see whether the group may be used.
    fn ask_for_group(&self) -> anyhow::Result<()> {
        let deadline = deadline();
        let mut list = TopicPartitionList::new();
        list.add_partition(self.topic, 0);
        let mut heard = Complaints::default();
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
                        _ => self.complaints(&mut heard)?,
                    }
                }
            }
        }
        Err(self.silence(heard))
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
        let mut heard = Complaints::default();
        while !unread.is_empty() {
            if clock::now() >= deadline {
                let unread: Vec<String> = unread.iter().map(ToString::to_string).collect();
                let silence = self.silence(heard);
                bail!(
                    "{silence}: partition {} does not answer: check that it has a leader",
                    unread.join(", ")
                );
            }
            match self.client.poll(LOOK_EVERY) {
                Some(Ok(record)) => drop(unread.remove(&record.partition())),
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
                Some(Err(error)) => self.hear(trouble(&error), &mut heard)?,
                None => self.reported(&mut heard)?,
            }
        }
        Ok(())
    }

    /// Lets the client report what it has to complain of.
    fn complaints(&self, heard: &mut Complaints) -> anyhow::Result<()> {
        if let Some(Err(error)) = self.client.poll(Duration::ZERO) {
            // What was reported comes with its reason, too.
            self.reported(heard)?;
            return self.hear(trouble(&error), heard);
        }
        self.reported(heard)
    }

    fn reported(&self, heard: &mut Complaints) -> anyhow::Result<()> {
        for trouble in self.client.context().take_troubles() {
            self.hear(trouble, heard)?;
        }
        Ok(())
    }

    fn hear(&self, trouble: Trouble, heard: &mut Complaints) -> anyhow::Result<()> {
        heard
            .hear(trouble)
            .map_err(|trouble| self.refusal(&trouble))
    }

    fn refusal(&self, trouble: &Trouble) -> anyhow::Error {
        let certificate = self.certificate(trouble);
        anyhow!(trouble.told(self.topic, self.group, certificate))
    }

    /// What is wrong with the certificate.
    fn certificate(&self, trouble: &Trouble) -> Option<String> {
        if trouble.cause() != Cause::Tls || !trouble.reason.contains("certificate") {
            return None;
        }
        tls::complaint(trouble.address()?, self.ca.as_deref())
    }

    fn silence(&self, heard: Complaints) -> anyhow::Error {
        match heard.into_last() {
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
