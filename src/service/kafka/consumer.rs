//! The consumer group's member: records, ends, rebalances, one at a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use demograph_core::{
    record::{EventTime, Record},
    state::LogIdentity,
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _, RebalanceProtocol},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::{
    client,
    context::Context,
    copy::copy,
    describe::{Description, Question, Rights},
};
use crate::config::{self, LostData};

/// How long a question to the broker may take.
const BROKER_TIMEOUT: Duration = Duration::from_secs(15);

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    Record(Record),
    /// Everything that the broker has of the partition was read.
    AtEnd {
        partition: i32,
        /// The offset of what comes next, if it is known: marks of transactions take offsets too.
        next_offset: Option<i64>,
    },
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

/// A client with the properties of the service, and how long a broker without records waits before it answers.
pub(super) fn connect(kafka: &config::Kafka) -> anyhow::Result<(BaseConsumer<Context>, i64)> {
    let properties = client::consumer_properties(kafka)?;
    let answer_max = properties
        .get("fetch.wait.max.ms")
        .and_then(|millis| millis.parse().ok());
    let client = properties
        .create_with_context(Context::default())
        .map_err(client::refused)?;
    // librdkafka's own default.
    Ok((client, answer_max.unwrap_or(500)))
}

/// A member of the consumer group.
pub struct Consumer {
    client: BaseConsumer<Context>,
    topic: String,
    on_lost_data: LostData,
    /// How long a broker without records waits before it answers, in milliseconds.
    answer_max: i64,
}

impl Consumer {
    /// Joins the group. Returns at once; the first assignment comes from [`Consumer::poll`].
    pub fn join(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let (client, answer_max) = connect(kafka)?;
        client
            .subscribe(&[&kafka.topic])
            .context("kafka: subscribe")?;
        Ok(Self {
            client,
            topic: kafka.topic.clone(),
            on_lost_data: kafka.on_lost_data,
            answer_max,
        })
    }

    /// Waits for the next thing to happen. An error is final.
    pub fn poll(&self, timeout: Duration) -> anyhow::Result<Polled> {
        if let Some(change) = self.client.context().next_change() {
            return Ok(change);
        }
        match self.client.poll(timeout) {
            Some(Ok(message)) => Ok(Polled::Record(copy(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Polled::AtEnd {
                partition,
                next_offset: self.client.context().take_end(),
            }),
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
            // Statistics, which come once a second, also poll as nothing: ask once more.
            Polled::Nothing => self.poll(Duration::ZERO),
            polled => Ok(polled),
        }
    }

    /// The oldest record of the partition that the broker still has.
    pub fn lowest(&self, partition: i32) -> anyhow::Result<i64> {
        Ok(self.watermarks(partition)?.0)
    }

    /// The end of every partition that the topic has at this moment.
    pub fn ends(&self) -> anyhow::Result<BTreeMap<i32, i64>> {
        let partitions = self.describe(BROKER_TIMEOUT)?.partitions;
        let partitions = 0..i32::try_from(partitions).context("kafka: so many partitions")?;
        partitions
            .map(|partition| Ok((partition, self.watermarks(partition)?.1)))
            .collect()
    }

    /// The ids of the topic and its cluster; a topic that was made anew has another id. Unknown where the brokers do not say.
    pub fn identity(&self, timeout: Duration) -> anyhow::Result<LogIdentity> {
        let topic_id = self.describe(timeout)?.id;
        let cluster = self.client.client().fetch_cluster_id(timeout);
        Ok(LogIdentity { topic_id, cluster })
    }

    fn describe(&self, timeout: Duration) -> anyhow::Result<Description> {
        let question = Question::ask(
            self.client.client(),
            &self.topic,
            Rights::NotWanted,
            timeout,
        )?;
        match question.answer(timeout) {
            Some(answer) => answer.map_err(|trouble| anyhow!("kafka: {trouble}")),
            None => bail!("kafka: no broker answers"),
        }
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

    /// When the broker of each partition answered last, as of the last statistics.
    pub fn answered(&self) -> HashMap<i32, EventTime> {
        self.client.context().answered(&self.topic)
    }

    /// When any broker answered last, as of the last statistics.
    pub fn heard(&self) -> Option<EventTime> {
        self.client.context().heard()
    }

    /// How long a broker without records waits before it answers, in milliseconds.
    pub fn answer_max(&self) -> i64 {
        self.answer_max
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
                "kafka: the topic {:?} does not exist: create it, or correct kafka.topic",
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
    /// Gives the assignment up on any way out: the client waits for that, and there are no more polls.
    fn drop(&mut self) {
        self.client.context().closing.store(true, Ordering::SeqCst);
    }
}
