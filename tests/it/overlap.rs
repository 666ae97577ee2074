//! Rebalances that overlap: partitions move one by one, the store is slow to say where they stand, and a third instance
//! joins before the second one has begun. Every partition is read and written in the end, and every record counts once.

use std::path::Path;

use demograph_core::event::Event;

use super::{
    object_store::{s3, s3_options},
    world::{Broker, Fault, Faulty, Service, pyarrow_totals},
};

/// Events in each of the four parts.
const PART: usize = 240;

#[test]
fn partitions_that_move_while_the_store_is_slow_are_all_read_and_written() {
    let (_s3, address) = s3();
    ureq::put(format!("http://{address}/tables"))
        .send_empty()
        .expect("the bucket is created");
    let proxy = Faulty::before(
        &address,
        &[Fault::None],
        &[Fault::Late, Fault::None, Fault::None],
    );
    let topic = Broker::shared().topic("overlap", 6);
    let sources: String = (0..8)
        .map(|n| format!("[[source]]\nid = \"cam-{n}\"\n"))
        .collect();
    let more = format!(
        "{sources}
[kafka.properties]
\"partition.assignment.strategy\" = \"cooperative-sticky\"
[state]
checkpoint_interval = \"1s\"
[limits]
drain_max = \"60s\"
{}",
        s3_options(&proxy.address)
    );
    let config = Service::config(&topic, Path::new("s3://tables/site-a"), &more)
        .replace("on_stop = \"close\"", "on_stop = \"keep\"");
    let send = || {
        topic.send((0..PART).map(|n| Event {
            key: format!("cam-{}", n % 8),
            ..Event::default()
        }));
    };
    let mut first = Service::start(&config);
    first.await_ready();
    send();
    proxy.arm();
    let mut second = Service::start(&config);
    let mut third = Service::start(&config);
    send();
    for instance in [&mut second, &mut third] {
        instance.await_metric("demograph_assigned_partitions", 1.0, 120);
    }
    send();
    first.process.terminate();
    let ended = first.process.finish(120);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    send();
    for instance in [&mut second, &mut third] {
        instance.await_metric("demograph_assigned_partitions", 3.0, 120);
    }
    second.process.wait_for("nothing is left to read", 120, || {
        let offsets = topic.committed_and_ends();
        offsets
            .iter()
            .all(|(committed, end)| committed == end)
            .then_some(())
    });
    assert!(proxy.count(Fault::Late).1 > 6);
    proxy.disarm();
    // Silent sources have their panes closed and written without a stop.
    let place =
        format!("s3://name:word@tables/site-a/windows?scheme=http&endpoint_override={address}");
    let records = || -> u64 {
        let rows = pyarrow_totals(&place);
        let of = |row: &serde_json::Value| -> u64 {
            ["faces", "late", "rejected"]
                .iter()
                .map(|key| row[key].as_u64().unwrap())
                .sum()
        };
        rows.iter().map(of).sum()
    };
    second
        .process
        .wait_for("all records are in the tables", 120, || {
            (records() >= 4 * PART as u64).then_some(())
        });
    second.stop();
    third.stop();
    assert_eq!(records(), 4 * PART as u64);
}
