//! The reference producer: face-crop events, acknowledged and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use demograph_core::event::Event;
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};

use super::client;
use crate::config;

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
        let headers = event.headers.iter().fold(
            OwnedHeaders::new_with_capacity(event.headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        let mut record = BaseRecord::to(&self.topic)
            .payload(&event.payload)
            .headers(headers);
        if !event.key.is_empty() {
            record = record.key(&event.key);
        }
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    record = returned;
                    // The client's own thread delivers; this only waits for room.
                    let _still_busy = self.client.flush(Duration::from_millis(100));
                }
                Err((error, _)) => return Err(error).context("kafka: send an event"),
            }
        }
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
