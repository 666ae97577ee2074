//! The consumer group's member: records, ends, rebalances, one at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol},
    error::KafkaError,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};

use super::{client, copy::copy};
use crate::{
    config::{self, LostData, Start},
    record::Record,
};

/// How long a question to the broker may take.
const BROKER_TIMEOUT: Duration = Duration::from_secs(15);

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    Record(Record),
    /// Everything that the broker has of the partition was read.
    AtEnd(i32),
    /// Partitions to begin with; answer with [`Consumer::begin`].
    Assigned(Vec<i32>),
    /// Partitions that go away; answer with [`Consumer::give_up`] once their state is written.
    Revoked(Vec<i32>),
    /// Partitions that already belong to somebody else; answer with [`Consumer::give_up`].
    Lost(Vec<i32>),
    /// The client reported an error and goes on by itself.
    Trouble(String),
    Nothing,
}

/// Whether a commit waits for the broker's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Yes,
    No,
}

/// A member of the consumer group.
pub struct Consumer {
    client: BaseConsumer<Context>,
    topic: String,
    start: Start,
    on_lost_data: LostData,
}

impl Consumer {
    /// Joins the group. Returns at once; the first assignment comes from [`Consumer::poll`].
    pub fn join(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let client: BaseConsumer<Context> = client::consumer_properties(kafka)?
            .create_with_context(Context::default())
            .context("kafka: the client refuses the properties")?;
        client
            .subscribe(&[&kafka.topic])
            .context("kafka: subscribe")?;
        Ok(Self {
            client,
            topic: kafka.topic.clone(),
            start: kafka.start,
            on_lost_data: kafka.on_lost_data,
        })
    }

    /// Waits for the next thing to happen. An error is final.
    pub fn poll(&self, timeout: Duration) -> anyhow::Result<Polled> {
        if let Some(change) = self.client.context().next_change() {
            return Ok(change);
        }
        match self.client.poll(timeout) {
            Some(Ok(message)) => Ok(Polled::Record(copy(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Polled::AtEnd(partition)),
            Some(Err(error)) => self.judge(&error),
            None => Ok(self
                .client
                .context()
                .next_change()
                .unwrap_or(Polled::Nothing)),
        }
    }

    /// What has arrived already; `Nothing` means that the client holds no record.
    pub fn poll_arrived(&self) -> anyhow::Result<Polled> {
        match self.poll(Duration::ZERO)? {
            // Statistics, which come once a second, look the same: nothing twice is nothing.
            Polled::Nothing => self.poll(Duration::ZERO),
            polled => Ok(polled),
        }
    }

    /// Where a partition without a checkpoint begins, by the config.
    pub fn first_offset(&self, partition: i32) -> anyhow::Result<i64> {
        let (low, high) = self.watermarks(partition)?;
        Ok(match self.start {
            Start::Earliest => low,
            Start::Latest => high,
        })
    }

    /// Starts reading partitions at these offsets, in addition to those that are being read.
    pub fn begin(&self, starts: &[(i32, i64)]) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for &(partition, offset) in starts {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))?;
        }
        match self.is_incremental() {
            true => self.client.incremental_assign(&list),
            false => self.client.assign(&list),
        }
        .context("kafka: take the assignment")
    }

    /// Lets go of partitions; of the whole assignment where it is eager.
    pub fn give_up(&self, partitions: &[i32]) -> anyhow::Result<()> {
        match self.is_incremental() {
            true => self.client.incremental_unassign(&self.list(partitions)),
            false => self.client.unassign(),
        }
        .context("kafka: give up the assignment")
    }

    /// Leaves the group and joins it anew: the partitions are revoked, and others assigned.
    pub fn rejoin(&self) -> anyhow::Result<()> {
        self.client.unsubscribe();
        self.client
            .subscribe(&[&self.topic])
            .context("kafka: subscribe again")
    }

    /// Whether partitions come and go one by one (cooperative-sticky, KIP-848).
    fn is_incremental(&self) -> bool {
        matches!(
            self.client.rebalance_protocol(),
            RebalanceProtocol::Cooperative
        )
    }

    fn watermarks(&self, partition: i32) -> anyhow::Result<(i64, i64)> {
        self.client
            .fetch_watermarks(&self.topic, partition, BROKER_TIMEOUT)
            .with_context(|| format!("kafka: ask for the offsets of partition {partition}"))
    }

    /// Commits next offsets, which lag tools read. `wait` for the answer only before leaving.
    pub fn commit(&self, offsets: &[(i32, i64)], wait: Wait) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for &(partition, next_offset) in offsets {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(next_offset))?;
        }
        self.client
            .commit(
                &list,
                match wait {
                    Wait::Yes => CommitMode::Sync,
                    Wait::No => CommitMode::Async,
                },
            )
            .context("kafka: commit offsets")
    }

    /// Stops fetching, while polling goes on.
    pub fn pause(&self, partitions: &[i32]) -> anyhow::Result<()> {
        self.client
            .pause(&self.list(partitions))
            .context("kafka: pause")
    }

    pub fn resume(&self, partitions: &[i32]) -> anyhow::Result<()> {
        self.client
            .resume(&self.list(partitions))
            .context("kafka: resume")
    }

    /// The end of each partition as of the last statistics.
    pub fn high_watermarks(&self) -> HashMap<i32, i64> {
        self.client.context().ends(&self.topic)
    }

    /// Leaves the group.
    pub fn leave(self) {
        drop(self);
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for &partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    /// Which errors end the program: those that waiting does not mend.
    fn judge(&self, error: &KafkaError) -> anyhow::Result<Polled> {
        let code = match error {
            KafkaError::MessageConsumptionFatal(code) => bail!("kafka: fatal error: {code}"),
            KafkaError::MessageConsumption(code) => *code,
            other => bail!("kafka: {other}"),
        };
        match code {
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => {
                self.lost_records()
            }
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition => bail!(
                "kafka: the topic {:?} is not there: create it, or correct kafka.topic",
                self.topic
            ),
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::Authentication => bail!("kafka: not allowed: {code}"),
            code => Ok(Polled::Trouble(code.to_string())),
        }
    }

    /// The broker has no record at some partition's next offset: deleted, or never there.
    fn lost_records(&self) -> anyhow::Result<Polled> {
        let starts = self.next_there()?;
        if self.on_lost_data == LostData::Stop {
            bail!(
                "kafka: the broker has deleted records of {:?} before they were read; \
                 to go on with what is there set kafka.on_lost_data = \"continue\"",
                self.topic
            );
        }
        // A partition that failed to fetch does not come back by a seek, only by an assignment.
        let partitions: Vec<i32> = starts.iter().map(|&(partition, _)| partition).collect();
        self.give_up(&partitions)?;
        self.begin(&starts)?;
        Ok(Polled::Trouble(
            "records were deleted before they were read".into(),
        ))
    }

    /// For each assigned partition the next record that the broker has; the gap is counted where it is folded. A next
    /// offset beyond the end is no gap: the topic is another one.
    fn next_there(&self) -> anyhow::Result<Vec<(i32, i64)>> {
        let assignment = self.client.assignment().context("kafka: assignment")?;
        let positions = self.client.position().context("kafka: positions")?;
        let mut next_there = Vec::new();
        for element in assignment.elements() {
            let partition = element.partition();
            let (low, high) = self.watermarks(partition)?;
            let position = positions.find_partition(&self.topic, partition);
            let next = match (position.map(|position| position.offset()), element.offset()) {
                (Some(Offset::Offset(next)), _) => next,
                // Nothing was read of it yet.
                (_, Offset::Offset(start)) => start,
                _ => low,
            };
            if next > high {
                bail!(
                    "kafka: partition {partition} is to be read from offset {next}, and its log ends at {high}: the \
                     topic was made anew. `demograph state reset` begins the partition again"
                );
            }
            next_there.push((partition, next.max(low)));
        }
        Ok(next_there)
    }
}

impl Drop for Consumer {
    /// However it ends: the client waits for its assignment to be given up, and nobody polls any more.
    fn drop(&mut self) {
        self.client.context().closing.store(true, Ordering::SeqCst);
    }
}

/// Collects what librdkafka reports inside a poll. Rebalances are only noted here and answered outside
/// the callback: committing inside one can fail for ever.
#[derive(Default)]
struct Context {
    changes: Mutex<VecDeque<Polled>>,
    ends: Mutex<HashMap<(String, i32), i64>>,
    closing: AtomicBool,
}

impl Context {
    fn next_change(&self) -> Option<Polled> {
        self.changes
            .lock()
            .expect("no thread panics while it holds the changes")
            .pop_front()
    }

    fn ends(&self, topic: &str) -> HashMap<i32, i64> {
        let ends = self
            .ends
            .lock()
            .expect("no thread panics while it holds the ends");
        ends.iter()
            .filter(|((name, _), _)| name == topic)
            .map(|((_, partition), end)| (*partition, *end))
            .collect()
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        let mut ends = self
            .ends
            .lock()
            .expect("no thread panics while it holds the ends");
        for (topic, facts) in statistics.topics {
            for (partition, facts) in facts.partitions {
                if partition >= 0 && facts.hi_offset >= 0 {
                    ends.insert((topic.clone(), partition), facts.hi_offset);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is reported here too, although it is none.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "the Kafka client reports an error and goes on");
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::SeqCst) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "leave the group");
            }
            return;
        }
        let partitions: Vec<i32> = list
            .elements()
            .iter()
            .map(|element| element.partition())
            .collect();
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Polled::Assigned(partitions),
            _ if consumer.assignment_lost() => Polled::Lost(partitions),
            _ => Polled::Revoked(partitions),
        };
        self.changes
            .lock()
            .expect("no thread panics while it holds the changes")
            .push_back(change);
    }
}
