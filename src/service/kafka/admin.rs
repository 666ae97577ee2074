//! Making and deleting a topic, and what it is set to.

use std::time::Duration;

use anyhow::{Context as _, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};

use super::client;
use crate::config;

/// How long a question to the broker may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a topic is set to, as far as records can be lost by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicSettings {
    /// `delete`, `compact` or both.
    pub cleanup_policy: String,
    /// Milliseconds; negative means for ever.
    pub retention: Option<i64>,
    /// Bytes a partition; negative means without a limit.
    pub retention_bytes: Option<i64>,
}

/// Retention below this leaves little time to mend a service that is down, in milliseconds.
const RETENTION_SHORT: i64 = 24 * 60 * 60 * 1_000;

impl TopicSettings {
    /// Whether the broker keeps only the newest record of a key.
    pub fn compacts(&self) -> bool {
        self.cleanup_policy.contains("compact")
    }

    /// What may be lost by these settings.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.compacts() {
            warnings.push(format!(
                "cleanup.policy = {:?}: of the crops with the same key, which are those of one camera, the broker keeps \
                 the newest only; all others are gone before they are counted if the service is late. Set it to \
                 \"delete\"",
                self.cleanup_policy
            ));
        }
        let short = self
            .retention
            .filter(|millis| (0..RETENTION_SHORT).contains(millis));
        if self.cleanup_policy.contains("delete")
            && let Some(millis) = short
        {
            warnings.push(format!(
                "retention.ms = {millis}: crops that were not read after {} are gone for ever; allow for the longest \
                 time that the service may be down",
                duration(millis)
            ));
        }
        if self.cleanup_policy.contains("delete")
            && let Some(bytes) = self.retention_bytes.filter(|bytes| *bytes >= 0)
        {
            warnings.push(format!(
                "retention.bytes = {bytes}: a partition with more than that loses its oldest crops, read or not"
            ));
        }
        warnings
    }
}

fn duration(millis: i64) -> String {
    match millis {
        minutes if minutes < 2 * 3_600_000 => format!("{} min", minutes / 60_000),
        hours => format!("{} h", hours / 3_600_000),
    }
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
            .map_err(client::refused)?;
        Ok(Self {
            client,
            topic: kafka.topic.clone(),
        })
    }

    /// What the topic is set to; needs the right DESCRIBE_CONFIGS.
    pub fn settings(&self, timeout: Duration) -> anyhow::Result<TopicSettings> {
        let topic = ResourceSpecifier::Topic(&self.topic);
        let options = AdminOptions::new().request_timeout(Some(timeout));
        let answers = runtime()?
            .block_on(self.client.describe_configs([&topic], &options))
            .context("kafka: ask what the topic is set to")?;
        let answer = answers.into_iter().next().context("kafka: no answer")?;
        let answer = answer.map_err(|code| anyhow::anyhow!("kafka: {code}"))?;
        let value = |name| answer.get(name).and_then(|entry| entry.value.clone());
        let number = |name| value(name).and_then(|text| text.parse().ok());
        Ok(TopicSettings {
            cleanup_policy: value("cleanup.policy").unwrap_or_default(),
            retention: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(policy: &str, retention: i64, bytes: i64) -> Vec<String> {
        let settings = TopicSettings {
            cleanup_policy: policy.into(),
            retention: Some(retention),
            retention_bytes: Some(bytes),
        };
        settings.warnings()
    }

    #[test]
    fn settings_that_lose_crops_are_named() {
        assert_eq!(warnings("delete", 604_800_000, -1), Vec::<String>::new());
        assert_eq!(warnings("delete", -1, -1), Vec::<String>::new());
        assert!(warnings("compact", 60_000, 1)[0].contains("newest only"));
        assert_eq!(warnings("compact", 60_000, 1).len(), 1);
        assert_eq!(warnings("compact,delete", 60_000, 1).len(), 3);
        assert!(warnings("delete", 3_600_000, -1)[0].contains("60 min"));
        assert!(warnings("delete", 43_200_000, -1)[0].contains("12 h"));
    }
}
