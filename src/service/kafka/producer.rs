//! The reference producer: face-crop events, acknowledged and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use demograph_core::event::Event;
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};

use super::client;
use crate::config;

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
        let metadata = metadata.context("kafka: no broker answers")?;
        let topics = metadata.topics();
        let found = topics.iter().find(|found| found.name() == topic);
        match found.map_or(0, |found| found.partitions().len()) {
            0 => bail!("kafka: the topic {topic:?} is not there: create it, or mend kafka.topic"),
            partitions => Ok(partitions),
        }
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
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the Kafka client reports an error and goes on");
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
