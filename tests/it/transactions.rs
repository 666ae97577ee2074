//! Transactional producers: aborted crops are not counted, and the marks of transactions are read as well as records.

use std::time::Duration;

use demograph_core::event::Event;
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
};

use super::world::{Broker, Service, Topic, metric, with_config};

const WAIT: Duration = Duration::from_secs(30);

/// A producer of transactions.
fn producer(topic: &Topic) -> BaseProducer {
    let producer: BaseProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &topic.brokers)
        .set("transactional.id", &topic.name)
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

/// One transaction of so many records to one partition.
fn transaction(producer: &BaseProducer, topic: &Topic, records: usize, is_committed: bool) {
    producer.begin_transaction().unwrap();
    for _ in 0..records {
        let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(&topic.name)
            .partition(0)
            .key("cam")
            .payload(b"no image");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WAIT).unwrap();
    match is_committed {
        true => producer.commit_transaction(WAIT),
        false => producer.abort_transaction(WAIT),
    }
    .unwrap();
}

#[test]
fn marks_of_transactions_are_no_lag() {
    let topic = Broker::shared().topic("transactions", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, "[[source]]\nid = \"cam\"\n");
    let mut service = Service::start(&config);
    service.await_ready();
    let producer = producer(&topic);
    for _ in 0..5 {
        transaction(&producer, &topic, 4, true);
    }
    // The log ends with what nobody reads.
    transaction(&producer, &topic, 3, false);
    service.await_metric("demograph_records_total", 20.0, 60);
    // 6 marks, and 3 records of the aborted transaction.
    service.await_metric("demograph_skipped_offsets_total", 9.0, 60);
    let url = format!("{}/metrics", service.url);
    service.process.wait_for("the lag is 0", 60, || {
        let text = ureq::get(&url)
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        let has_lag = text.contains("demograph_partition_lag_records{");
        (has_lag && metric(&text, "demograph_partition_lag_records{") == 0.0).then_some(())
    });
    // Records that come after the marks are counted, and only once.
    topic.send((0..2).map(|_| Event {
        key: "cam".into(),
        ..Event::default()
    }));
    service.await_metric("demograph_records_total", 22.0, 60);
    service.stop();
    assert_eq!(topic.committed_and_ends(), [(31, 31)]);

    let verified = with_config(&config, &["state", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(verified.stdout.contains("9 skipped"), "{}", verified.stdout);
}
