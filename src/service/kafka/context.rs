//! What librdkafka reports inside a poll: rebalances, statistics, errors. All is only noted here and answered outside
//! the callback: committing inside one can fail for ever.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use demograph_core::record::EventTime;
use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    statistics::{Broker, Partition},
    types::RDKafkaRespErr,
};

use super::{consumer::Polled, trouble::Trouble};
use crate::clock;

/// How many reports are kept; older ones are dropped.
const TROUBLES_MAX: usize = 100;

/// What was reported and not looked at yet.
#[derive(Default)]
pub(super) struct Context {
    changes: Mutex<VecDeque<Polled>>,
    /// By topic and partition.
    seen: Mutex<HashMap<(String, i32), Seen>>,
    /// The offset at the end of the partition whose end is reported next.
    end: Mutex<Option<i64>>,
    troubles: Mutex<VecDeque<Trouble>>,
    /// When any broker answered last.
    heard: Mutex<Option<EventTime>>,
    pub closing: AtomicBool,
}

/// What the statistics say of a partition.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The end of its log.
    end: Option<i64>,
    /// When the broker that it is fetched from answered last.
    answered: Option<EventTime>,
}

impl Context {
    pub(super) fn next_change(&self) -> Option<Polled> {
        hold(&self.changes).pop_front()
    }

    /// Where the partition ends whose end was just reported.
    pub(super) fn take_end(&self) -> Option<i64> {
        hold(&self.end).take()
    }

    /// What the client had to complain of since the last call.
    pub(super) fn take_troubles(&self) -> Vec<Trouble> {
        hold(&self.troubles).drain(..).collect()
    }

    pub(super) fn heard(&self) -> Option<EventTime> {
        *hold(&self.heard)
    }

    pub(super) fn ends(&self, topic: &str) -> HashMap<i32, i64> {
        self.of(topic, |seen| seen.end)
    }

    pub(super) fn answered(&self, topic: &str) -> HashMap<i32, EventTime> {
        self.of(topic, |seen| seen.answered)
    }

    fn of<T>(&self, topic: &str, fact: impl Fn(&Seen) -> Option<T>) -> HashMap<i32, T> {
        let seen = hold(&self.seen);
        let of_topic = seen.iter().filter(|((name, _), _)| name == topic);
        of_topic
            .filter_map(|((_, partition), seen)| Some((*partition, fact(seen)?)))
            .collect()
    }
}

fn hold<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value
        .lock()
        .expect("no thread panics while it holds what was reported")
}

/// When the broker that a partition is fetched from answered last. A broker without records answers within
/// `fetch.wait.max.ms`, so an old answer means that it is away; so does a partition that is not fetched at all.
fn answered(
    partition: &Partition,
    brokers: &HashMap<String, Broker>,
    taken: EventTime,
) -> Option<EventTime> {
    let broker = brokers
        .values()
        .find(|broker| broker.nodeid == partition.broker)?;
    let is_fetched = partition.fetch_state == "active";
    heard(broker, taken).filter(|_| is_fetched)
}

/// When a broker answered last, if it is there.
fn heard(broker: &Broker, taken: EventTime) -> Option<EventTime> {
    let is_there = broker.state == "UP" && broker.rxidle >= 0;
    is_there.then(|| taken.minus(broker.rxidle / 1_000))
}

/// The offset in librdkafka's report of a partition's end, which rdkafka does not hand on.
fn end_of(reason: &str) -> Option<i64> {
    let (_, rest) = reason.split_once("reached end of partition at offset ")?;
    rest.split_whitespace().next()?.parse().ok()
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        // Cut to whole seconds, so never later than they were taken; they may have waited to be looked at.
        let taken = EventTime(statistics.time.saturating_mul(1_000)).min(clock::now());
        let brokers = statistics.brokers.values();
        let heard = brokers.filter_map(|broker| heard(broker, taken)).max();
        if heard.is_some() {
            *hold(&self.heard) = heard;
        }
        let mut seen = hold(&self.seen);
        for (topic, facts) in &statistics.topics {
            for (&number, partition) in &facts.partitions {
                if number < 0 {
                    continue;
                }
                let seen = seen.entry((topic.clone(), number)).or_default();
                if partition.hi_offset >= 0 {
                    seen.end = Some(partition.hi_offset);
                }
                if let Some(at) = answered(partition, &statistics.brokers, taken) {
                    seen.answered = Some(at);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is reported here too, although it is none.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            *hold(&self.end) = end_of(reason);
            return;
        }
        tracing::warn!(%error, reason, "the Kafka client reports an error and goes on");
        let mut troubles = hold(&self.troubles);
        if troubles.len() == TROUBLES_MAX {
            troubles.pop_front();
        }
        troubles.push_back(Trouble {
            code: error
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown),
            reason: reason.to_owned(),
        });
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
        hold(&self.changes).push_back(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_partition_is_read_from_the_report() {
        let reason =
            "Fetch from broker 1 reached end of partition at offset 1042 (HighwaterMark 1043)";
        assert_eq!(end_of(reason), Some(1_042));
        assert_eq!(end_of("Broker: No more messages"), None);
    }

    /// A partition in this state of broker 1, which was last heard 300 ms before the statistics.
    fn heard(fetch_state: &str, broker_state: &str, broker: i32) -> Option<EventTime> {
        let partition = Partition {
            broker,
            fetch_state: fetch_state.into(),
            ..Partition::default()
        };
        let broker = Broker {
            nodeid: 1,
            state: broker_state.into(),
            rxidle: 300_000,
            ..Broker::default()
        };
        let brokers = HashMap::from([("a:9092/1".into(), broker)]);
        answered(&partition, &brokers, EventTime(5_000))
    }

    #[test]
    fn only_a_broker_that_is_up_and_fetched_from_has_answered() {
        assert_eq!(heard("active", "UP", 1), Some(EventTime(4_700)));
        assert_eq!(heard("active", "DOWN", 1), None);
        assert_eq!(heard("offset-wait", "UP", 1), None);
        assert_eq!(heard("active", "UP", -1), None);
    }
}
