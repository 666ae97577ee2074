//! The reference producer: face-crop events, acknowledged and counted.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use demograph_core::{event::Event, record::EventTime};
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};

use super::{
    client,
    trouble::{Cause, Trouble},
};
use crate::{clock, config};

/// Complaints of one kind are logged so often at most.
const LOG_EVERY_MILLIS: i64 = 60_000;

/// What became of an offered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is on its way.
    Queued,
    /// So many wait already that it was not taken.
    Full,
}

/// Sends events to one topic.
pub struct Producer {
    client: ThreadedProducer<Deliveries>,
    topic: String,
    delivered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl Producer {
    pub fn connect(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let deliveries = Deliveries::default();
        let (delivered, failed) = (deliveries.delivered.clone(), deliveries.failed.clone());
        let client = client::producer_properties(kafka)?
            .create_with_context(deliveries)
            .map_err(client::refused)?;
        Ok(Self {
            client,
            topic: kafka.topic.clone(),
            delivered,
            failed,
        })
    }

    /// Queues an event; waits while the queue is full.
    pub fn send(&self, event: &Event) -> anyhow::Result<()> {
        while self.offer(&self.topic, event)? == Offered::Full {
            // The client's own thread delivers; this only waits for room.
            let _still_busy = self.client.flush(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Queues an event for a topic, unless the queue is full.
    pub fn offer(&self, topic: &str, event: &Event) -> anyhow::Result<Offered> {
        let headers = event.headers.iter().fold(
            OwnedHeaders::new_with_capacity(event.headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        let mut record = BaseRecord::to(topic)
            .payload(&event.payload)
            .headers(headers);
        if !event.key.is_empty() {
            record = record.key(&event.key);
        }
        match self.client.send(record) {
            Ok(()) => Ok(Offered::Queued),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                Ok(Offered::Full)
            }
            Err((error, _)) => Err(error).context("kafka: send an event"),
        }
    }

    /// The number of partitions of a topic; an error if no broker answers or the topic is not there.
    pub fn partitions(&self, topic: &str, timeout: Duration) -> anyhow::Result<usize> {
        let metadata = self.client.client().fetch_metadata(Some(topic), timeout);
        let metadata = metadata.map_err(|error| self.refusal(&error))?;
        let topics = metadata.topics();
        let found = topics.iter().find(|found| found.name() == topic);
        match found.map_or(0, |found| found.partitions().len()) {
            0 => bail!("kafka: the topic {topic:?} is not there: create it, or mend kafka.topic"),
            partitions => Ok(partitions),
        }
    }

    /// What is wrong, in the client's own words where it has said more than the error does.
    fn refusal(&self, error: &KafkaError) -> anyhow::Error {
        let last = hold(&self.client.client().context().complaints).last.take();
        let trouble = last.unwrap_or_else(|| Trouble {
            code: error
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown),
            reason: String::new(),
        });
        anyhow!("kafka: {trouble}")
    }

    /// Events that wait for the broker.
    pub fn queued(&self) -> u64 {
        u64::try_from(self.client.in_flight_count()).unwrap_or_default()
    }

    /// Waits until every queued event was delivered or given up.
    pub fn flush(&self, timeout: Duration) -> anyhow::Result<()> {
        self.client
            .flush(timeout)
            .context("kafka: not all events were delivered in time")
    }

    /// Events that the broker acknowledged.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Events that were given up.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Counts acknowledgements.
#[derive(Default)]
struct Deliveries {
    delivered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    complaints: Mutex<Complaints>,
}

/// What the client complains of. While no broker answers, the same comes twenty times a second.
#[derive(Default)]
struct Complaints {
    /// When each kind was logged last.
    logged: Vec<(RDKafkaErrorCode, EventTime)>,
    /// The newest one that says more than that no broker is there.
    last: Option<Trouble>,
}

impl Complaints {
    /// Whether it is to be logged: the first of its kind, and then one a minute.
    fn hear(&mut self, trouble: Trouble, now: EventTime) -> bool {
        let code = trouble.code;
        if trouble.cause() != Cause::NoBroker && !trouble.reason.is_empty() {
            self.last = Some(trouble);
        }
        let is_recent = |(kind, at): &(RDKafkaErrorCode, EventTime)| {
            *kind == code && *at > now.minus(LOG_EVERY_MILLIS)
        };
        if self.logged.iter().any(is_recent) {
            return false;
        }
        self.logged.retain(|(kind, _)| *kind != code);
        self.logged.push((code, now));
        true
    }
}

fn hold(complaints: &Mutex<Complaints>) -> MutexGuard<'_, Complaints> {
    complaints.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        let trouble = Trouble {
            code: error
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown),
            reason: reason.to_owned(),
        };
        if hold(&self.complaints).hear(trouble, clock::now()) {
            tracing::warn!(%error, reason, "the Kafka client reports an error and goes on");
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        match result {
            Ok(_) => self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                tracing::warn!(%error, "an event was not delivered");
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_of_one_kind_are_logged_once_a_minute_and_the_newest_reason_is_kept() {
        let mut complaints = Complaints::default();
        let mut hear = |code, reason: &str, seconds: i64| {
            let reason = reason.to_owned();
            complaints.hear(Trouble { code, reason }, EventTime(1_000 * seconds))
        };
        let (broken, down) = (
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::AllBrokersDown,
        );
        assert!(hear(broken, "refused", 0) && hear(down, "1/1 brokers are down", 0));
        let again = (1..60).any(|at| hear(down, "0/1 brokers are down", at));
        assert!(!again && !hear(broken, "refused again", 59));
        assert!(hear(broken, "refused at last", 60) && !hear(broken, "", 61));
        assert_eq!(complaints.last.unwrap().reason, "refused at last");
    }
}
