//! A store that refuses, stalls, and loses its answers: the tables are exact all the same.

use std::path::Path;

use serde_json::json;

use super::{
    object_store::{s3, s3_options},
    world::{Broker, Fault, Faulty, Service, composites, crops_csv, publish, pyarrow_totals},
};

const CROPS: usize = 300;

/// Every kind of fault comes after a request that passed, and after another fault.
const WRITES: [Fault; 9] = [
    Fault::None,
    Fault::LostAnswer,
    Fault::None,
    Fault::Unavailable,
    Fault::LostAnswer,
    Fault::Conflict,
    Fault::None,
    Fault::Stall,
    Fault::None,
];
const READS: [Fault; 6] = [
    Fault::None,
    Fault::None,
    Fault::Unavailable,
    Fault::None,
    Fault::None,
    Fault::Stall,
];

#[test]
fn faults_of_the_store_neither_lose_nor_double_a_record() {
    let (_s3, address) = s3();
    ureq::put(format!("http://{address}/tables"))
        .send_empty()
        .expect("the bucket is created");
    let proxy = Faulty::before(&address, &WRITES, &READS);
    let topic = Broker::shared().topic("store-faults", 2);
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "[[source]]
id = \"lobby\"
[[source]]
id = \"cafe\"
[state]
checkpoint_interval = \"1s\"
{}timeout = \"1s\"
",
        s3_options(&proxy.address)
    );
    let config = Service::config(&topic, Path::new("s3://tables/site-a"), &more);
    let mut service = Service::start(&config);
    service.await_ready();
    proxy.arm();
    let crops = composites().into_iter().cycle().take(CROPS).enumerate();
    let crops = crops.map(|(n, file)| {
        let source = ["lobby", "cafe"][n % 2];
        (file, source.to_owned(), (n / 10).to_string())
    });
    let csv = crops_csv(folder.path(), crops);
    let published = publish(&topic, &csv, &["--rate", "60"]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", CROPS as f64, 120);
    service
        .process
        .wait_for("every fault has come twice", 120, || {
            let faults = [
                Fault::Unavailable,
                Fault::Conflict,
                Fault::LostAnswer,
                Fault::Stall,
            ];
            faults
                .iter()
                .all(|&fault| proxy.count(fault).0 >= 2)
                .then_some(())
        });
    // It may have time enough to end cleanly, or not: either way the next one goes on where it stood.
    service.process.terminate();
    let finished = service.process.finish(60);
    assert!(matches!(finished.code, Some(0 | 1)), "{}", finished.stderr);
    proxy.disarm();
    let mut next = Service::start(&config);
    next.await_metric("demograph_assigned_partitions", 2.0, 60);
    next.process.wait_for("nothing is left to read", 60, || {
        let offsets = topic.committed_and_ends();
        offsets
            .iter()
            .all(|(committed, end)| committed == end)
            .then_some(())
    });
    next.stop();

    let totals = pyarrow_totals(&format!(
        "s3://name:word@tables/site-a/windows?scheme=http&endpoint_override={address}"
    ));
    let records = |row: &serde_json::Value| -> u64 {
        ["faces", "spared", "late", "rejected"]
            .iter()
            .map(|key| row[key].as_u64().unwrap())
            .sum()
    };
    let by_source: Vec<_> = totals
        .iter()
        .map(|row| (row["source"].clone(), records(row)))
        .collect();
    let half = CROPS as u64 / 2;
    assert_eq!(by_source, [(json!("cafe"), half), (json!("lobby"), half)]);
    for (committed, end) in topic.committed_and_ends() {
        assert_eq!(committed, end);
    }
}
