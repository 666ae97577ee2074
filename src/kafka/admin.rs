//! Questions to the cluster, and making a topic.

use std::time::Duration;

use anyhow::{Context as _, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};

use super::client;
use crate::config;

/// How long a question to the broker may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the cluster says of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicState {
    Missing,
    Partitions(usize),
}

/// A connection for questions.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    topic: String,
}

impl Admin {
    pub fn connect(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let client = client::properties(kafka)?
            .create()
            .context("kafka: the client refuses the properties")?;
        Ok(Self {
            client,
            topic: kafka.topic.clone(),
        })
    }

    /// Asks for the topic; an error means that no broker answered.
    pub fn topic(&self) -> anyhow::Result<TopicState> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(Some(&self.topic), TIMEOUT)
            .context("kafka: no broker answers")?;
        let topic = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.topic);
        Ok(match topic {
            Some(topic) if topic.error().is_none() => {
                TopicState::Partitions(topic.partitions().len())
            }
            _ => TopicState::Missing,
        })
    }

    /// Creates the topic unless it is there.
    pub fn create_topic(&self, partitions: i32) -> anyhow::Result<()> {
        let topic = NewTopic::new(&self.topic, partitions, TopicReplication::Fixed(-1));
        let answers = runtime()?
            .block_on(self.client.create_topics([&topic], &options()))
            .context("kafka: create the topic")?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => bail!("kafka: the topic {name:?} cannot be created: {code}"),
            }
        }
        Ok(())
    }

    /// Deletes the topic with everything in it.
    pub fn delete_topic(&self) -> anyhow::Result<()> {
        runtime()?
            .block_on(self.client.delete_topics(&[&self.topic], &options()))
            .context("kafka: delete the topic")?;
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT))
}

/// The client answers by futures.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")
}
