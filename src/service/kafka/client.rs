//! From our config to librdkafka's.

use anyhow::{anyhow, bail};
use rdkafka::{ClientConfig, error::KafkaError};

use crate::config::{self, Text, properties};

/// Properties for any client.
pub(super) fn properties(kafka: &config::Kafka) -> anyhow::Result<ClientConfig> {
    with_users_own(ClientConfig::new(), kafka)
}

/// Lays the user's properties, resolved, over ours.
fn with_users_own(mut client: ClientConfig, kafka: &config::Kafka) -> anyhow::Result<ClientConfig> {
    client.set("bootstrap.servers", &kafka.brokers);
    client.set("client.id", "demograph");
    for (key, value) in &kafka.properties {
        let value = value
            .resolve()
            .map_err(|error| anyhow!("kafka.properties.\"{key}\": {error}"))?;
        // A value from the environment or a file was not there when the config was checked.
        if let Some(reason) = properties::refuses(key, &value) {
            bail!("kafka.properties.\"{key}\": {reason}");
        }
        client.set(key, value);
    }
    Ok(client)
}

/// What librdkafka has against a property. It repeats the value, which may be a secret.
pub(super) fn refused(error: KafkaError) -> anyhow::Error {
    match error {
        KafkaError::ClientConfig(_, words, key, value) => {
            let words = match Text::is_secret(&key) && !value.is_empty() {
                true => words.replace(&value, "<redacted>"),
                false => words,
            };
            anyhow!("kafka.properties.\"{key}\": {words}")
        }
        other => anyhow!("kafka: the client refuses the properties: {other}"),
    }
}

/// Properties of the consumer: overridable defaults, then fixed settings.
pub(super) fn consumer_properties(kafka: &config::Kafka) -> anyhow::Result<ClientConfig> {
    let mut client = ClientConfig::new();
    // Crops are large: librdkafka's defaults would hold 64 MiB a partition.
    client.set("queued.min.messages", "1000");
    client.set("queued.max.messages.kbytes", "16384");
    // With the default, 1,000, a full queue is next filled a second later, and workers may have emptied it long before.
    client.set("fetch.queue.backoff.ms", "10");
    client.set("statistics.interval.ms", "1000");
    let mut client = with_users_own(client, kafka)?;
    // Eager assignment is the best understood one. The protocol of KIP-848 assigns on the broker instead.
    let strategy = "partition.assignment.strategy";
    if client.get("group.protocol") != Some("consumer") && client.get(strategy).is_none() {
        client.set(strategy, "range,roundrobin");
    }
    client.set("group.id", &kafka.group);
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("auto.offset.reset", "error");
    client.set("allow.auto.create.topics", "false");
    client.set("check.crcs", "true");
    client.set("enable.partition.eof", "true");
    Ok(client)
}

/// Properties of the producer: every event acknowledged by all replicas, none twice, none out of order.
pub(super) fn producer_properties(kafka: &config::Kafka) -> anyhow::Result<ClientConfig> {
    let mut client = ClientConfig::new();
    client.set("acks", "all");
    client.set("linger.ms", "5");
    client.set("enable.idempotence", "true");
    with_users_own(client, kafka)
}
