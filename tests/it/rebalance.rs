//! Two instances of one group: what one gives up the other goes on with, and the sum stays exact.

use std::path::PathBuf;

use demograph_core::event::Event;

use super::world::{Broker, Service, crops_csv, duckdb, publish, repository};

const EVENTS: usize = 2_000;

/// Eight sources, so that every partition has some.
fn crops() -> impl Iterator<Item = (PathBuf, String, String)> {
    let file = repository("tests/data/composites/black-male-25-34-a.jpg");
    (0..EVENTS).map(move |n| {
        (
            file.clone(),
            format!("cam-{}", n % 8),
            format!("{}", n / 40),
        )
    })
}

fn sources() -> String {
    (0..8)
        .map(|n| format!("[[source]]\nid = \"cam-{n}\"\n"))
        .collect()
}

/// Records in the tables of both instances, whatever became of them.
fn records(out: &std::path::Path) -> i64 {
    let sum = duckdb(&format!(
        "SELECT coalesce(sum(faces + spared + late + rejected), 0) AS records FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    sum[0]["records"].as_i64().unwrap()
}

#[test]
fn an_instance_that_joins_and_one_that_leaves_neither_lose_nor_double_a_record() {
    join_and_leave("rebalance", "");
}

#[test]
fn nor_do_they_where_partitions_move_one_by_one() {
    join_and_leave(
        "cooperative",
        "[kafka.properties]\n\"partition.assignment.strategy\" = \"cooperative-sticky\"\n",
    );
}

#[test]
fn nor_do_they_where_the_broker_assigns() {
    join_and_leave(
        "kip-848",
        "[kafka.properties]\n\"group.protocol\" = \"consumer\"\n",
    );
}

#[test]
fn partitions_that_are_added_while_it_runs_are_read_from_their_beginning() {
    let topic = Broker::shared().topic("grown", 2);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let more = "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"1000\"\n";
    let config = Service::config(&topic, &out, &format!("{}{more}", sources()));
    let mut service = Service::start(&config);
    service.await_ready();
    let send = |first: usize| {
        topic.send((first..first + 100).map(|n| Event {
            key: format!("cam-{}", n % 8),
            ..Event::default()
        }));
    };
    send(0);
    topic.grow(6);
    send(100);
    service.await_metric("demograph_assigned_partitions", 6.0, 60);
    send(200);
    service.await_metric("demograph_records_total", 300.0, 60);
    service.stop();
    assert_eq!(records(&out), 300);
}

#[test]
fn a_group_that_began_with_the_latest_reads_a_partition_that_is_added_later_from_its_beginning() {
    let topic = Broker::shared().topic("latest", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config =
        Service::config(&topic, &out, &sources()).replace("[model]", "start = \"latest\"\n[model]");
    let send = |count: usize| {
        topic.send((0..count).map(|n| Event {
            key: format!("cam-{}", n % 8),
            ..Event::default()
        }));
    };
    // Before the first start: not meant.
    send(5);
    let mut service = Service::start(&config);
    service.await_ready();
    send(12);
    service.await_metric("demograph_records_total", 12.0, 60);
    service.stop();
    // While nobody looks, a partition is added, and filled.
    topic.grow(3);
    send(24);
    let mut service = Service::start(&config);
    service.await_metric("demograph_records_total", 24.0, 60);
    service.stop();
    assert_eq!(records(&out), 36);
}

/// One instance, then two, then the other one; `protocol` says how partitions move.
fn join_and_leave(purpose: &str, protocol: &str) {
    let topic = Broker::shared().topic(purpose, 4);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, &format!("{}{protocol}", sources()))
        .replace("on_stop = \"close\"", "on_stop = \"keep\"");
    let mut first = Service::start(&config);
    first.await_ready();
    let publishing = publish(
        &topic,
        &crops_csv(folder.path(), crops()),
        &["--rate", "100"],
    );
    first.await_metric("demograph_records_total", 100.0, 60);

    let mut second = Service::start(&config);
    second.await_metric("demograph_assigned_partitions", 2.0, 60);
    second.await_metric("demograph_records_total", 50.0, 60);
    first.await_metric("demograph_rebalances_total{kind=\"revoked\"}", 1.0, 60);
    first.stop();
    second.await_metric("demograph_assigned_partitions", 4.0, 60);
    let published = publishing.finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);

    // Silent sources have their panes closed and written, so the tables fill up without a stop.
    second
        .process
        .wait_for("all records are in the tables", 120, || {
            (records(&out) >= EVENTS as i64).then_some(())
        });
    second.stop();
    assert_eq!(records(&out), EVENTS as i64);
    for (committed, end) in topic.committed_and_ends() {
        assert_eq!(committed, end);
    }
    let panes = duckdb(&format!(
        "SELECT closed_by, count(*) AS panes FROM read_parquet('{}/windows/*/*.parquet') GROUP BY closed_by",
        out.display()
    ));
    // Whoever goes on with a partition goes on with its open panes: none comes in two rows.
    let cut = ["change", "end"].map(|by| panes.iter().any(|row| row["closed_by"] == by));
    assert_eq!(cut, [false, false], "{panes:?}");
    let rows = duckdb(&format!(
        "SELECT count(*) AS rows, count(DISTINCT (source, window_start)) AS panes \
         FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    assert_eq!(rows[0]["rows"], rows[0]["panes"], "a pane came twice");
}
