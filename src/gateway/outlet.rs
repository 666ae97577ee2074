//! Where events go: to Kafka, with a bounded queue that says when it is full.

use std::{collections::BTreeMap, time::Duration};

use demograph_core::event::Event;
use demograph_service::{
    config::{self, Text},
    kafka::{Offered, Producer},
};

/// Takes events, or says that it cannot now.
pub trait Outlet: Send + Sync {
    /// Takes the event unless so many wait already.
    fn offer(&self, topic: Topic, event: &Event) -> anyhow::Result<Offered>;

    /// Whether presence events are wanted.
    fn wants_presence(&self) -> bool;

    /// What became of the events so far.
    fn deliveries(&self) -> Deliveries;
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Face-crop events.
    Faces,
    /// Presence events.
    Presence,
}

/// One or two topics.
pub struct Kafka {
    producer: Producer,
    faces: String,
    presence: Option<String>,
    queue_max: u64,
}

/// A crop has some 6 KB; a queue of usual length takes a few MB. This holds against crops of 1,000 pixels.
const QUEUE_KIB: &str = "65536";

impl Kafka {
    /// With the user's properties over ours.
    pub fn connect(kafka: &super::config::Kafka, presence: Option<&str>) -> anyhow::Result<Self> {
        let bounds = [
            ("queue.buffering.max.messages", kafka.queue_max.to_string()),
            ("queue.buffering.max.kbytes", QUEUE_KIB.to_owned()),
        ];
        let bounds = bounds.map(|(key, value)| (key.to_owned(), Text::Plain(value)));
        let mut properties = BTreeMap::from(bounds);
        properties.extend(kafka.properties.clone());
        let of_producer = config::Kafka::of_producer(&kafka.brokers, &kafka.topic, properties);
        Ok(Self {
            producer: Producer::connect(&of_producer)?,
            faces: kafka.topic.clone(),
            presence: presence.map(str::to_owned),
            queue_max: kafka.queue_max.into(),
        })
    }

    /// The number of partitions of the topic with the faces; an error says what is wrong with it or with the other one.
    pub fn probe(&self) -> anyhow::Result<usize> {
        let timeout = Duration::from_secs(10);
        if let Some(presence) = &self.presence {
            self.producer.partitions(presence, timeout)?;
        }
        self.producer.partitions(&self.faces, timeout)
    }

    /// Waits until every event was delivered or given up.
    pub fn flush(&self, timeout: Duration) -> anyhow::Result<()> {
        self.producer.flush(timeout)
    }
}

impl Outlet for Kafka {
    fn offer(&self, topic: Topic, event: &Event) -> anyhow::Result<Offered> {
        match (topic, &self.presence) {
            (Topic::Faces, _) => self.producer.offer(&self.faces, event),
            (Topic::Presence, Some(presence)) => self.producer.offer(presence, event),
            (Topic::Presence, None) => Ok(Offered::Queued),
        }
    }

    fn wants_presence(&self) -> bool {
        self.presence.is_some()
    }

    fn deliveries(&self) -> Deliveries {
        Deliveries {
            delivered: self.producer.delivered(),
            failed: self.producer.failed(),
            queued: self.producer.queued(),
            queue_max: self.queue_max,
        }
    }
}

/// What became of the events so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deliveries {
    /// The broker has them.
    pub delivered: u64,
    /// They were given up.
    pub failed: u64,
    /// They wait.
    pub queued: u64,
    /// So many may wait.
    pub queue_max: u64,
}
