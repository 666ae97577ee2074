//! A broker inside the program, for the demo and for tests: librdkafka's mock cluster.
//! It keeps about 5 MiB a partition and then drops the oldest records: no place for real data.

use anyhow::Context as _;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

/// Stops when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    pub fn start(topic: &str, partitions: i32) -> anyhow::Result<Self> {
        let cluster = MockCluster::new(1).context("start the embedded broker")?;
        cluster
            .create_topic(topic, partitions, 1)
            .context("create the topic in the embedded broker")?;
        Ok(Self { cluster })
    }

    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
