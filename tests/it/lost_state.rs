//! Checkpoints that are lost, and a group that is renamed: the tables know what was counted, and nothing is counted twice.

use std::path::Path;

use demograph_core::event::Event;

use super::world::{
    Broker, Service, Topic, composites, counted, crops_csv, publish, run_until, with_config,
};

const CROPS: usize = 60;
const SOURCE: &str = "[[source]]\nid = \"lobby\"\n";

fn send(topic: &Topic, folder: &Path) {
    let crops = composites().into_iter().cycle().take(CROPS);
    let crops = crops.map(|file| (file, "lobby".to_owned(), String::new()));
    let sent = publish(topic, &crops_csv(folder, crops), &[]).finish(60);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
}

#[test]
fn a_partition_whose_rows_are_in_the_tables_does_not_begin_anew() {
    let topic = Broker::shared().topic("lost-state", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(&topic, &out, SOURCE);
    send(&topic, folder.path());
    run_until(&config, CROPS);
    assert_eq!(counted(&out), CROPS as i64);

    let renamed = config.replace("group = \"", "group = \"another-");
    assert_ne!(renamed, config);
    std::fs::rename(out.join("state"), folder.path().join("lost")).unwrap();
    for config in [&config, &renamed] {
        let refused = with_config(config, &["run"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        for part in ["counted twice", "state adopt", "kafka.group"] {
            assert!(refused.stderr.contains(part), "{}", refused.stderr);
        }
    }
    assert_eq!(counted(&out), CROPS as i64);

    let adopt = ["state", "adopt", "--partition", "0"];
    let asked = with_config(&config, &adopt);
    assert_eq!(asked.code, Some(1), "{}", asked.stdout);
    let adopted = with_config(&config, &[adopt.as_slice(), &["--yes"]].concat());
    assert_eq!(adopted.code, Some(0), "{}", adopted.stderr);
    assert!(adopted.stdout.contains("offset 60"), "{}", adopted.stdout);
    send(&topic, folder.path());
    run_until(&config, CROPS);
    assert_eq!(counted(&out), 2 * CROPS as i64);
    let verified = with_config(&config, &["state", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
}

/// Where the small files of closed days are gone, the compacted file alone knows what was counted.
#[test]
fn a_partition_whose_rows_are_in_a_compacted_file_alone_does_not_begin_anew() {
    let topic = Broker::shared().topic("lost-state-compacted", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config =
        Service::config(&topic, &out, SOURCE).replace("on_stop", "past_max = \"36500d\"\non_stop");
    let image = std::fs::read(&composites()[0]).unwrap();
    topic.send((0..CROPS).map(|n| Event {
        key: "lobby".into(),
        headers: vec![
            (
                "ce_time".into(),
                format!("2020-01-01T12:00:{:02}Z", n % 60).into(),
            ),
            ("ce_trackid".into(), n.to_string().into()),
        ],
        payload: image.clone(),
    }));
    run_until(&config, CROPS);
    // Its first checkpoint follows the one that published.
    let mut service = Service::start(&config);
    service.await_metric("demograph_checkpoints_total", 1.0, 60);
    service.stop();
    for arguments in [&["compact"][..], &["compact", "--delete-compacted"]] {
        let compacted = with_config(&config, arguments);
        assert_eq!(compacted.code, Some(0), "{}", compacted.stderr);
    }
    let parts = |table: &str| {
        let day = out.join(table).join("windows/date=2020-01-01");
        std::fs::read_dir(day).map_or(0, |files| files.count())
    };
    assert_eq!((parts(""), parts("compacted")), (0, 1));

    std::fs::rename(out.join("state"), folder.path().join("lost")).unwrap();
    let refused = with_config(&config, &["run"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for part in ["counted twice", "state adopt", "compacted/windows"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let adopted = with_config(&config, &["state", "adopt", "--partition", "0", "--yes"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.stderr);
    assert!(adopted.stdout.contains("offset 60"), "{}", adopted.stdout);
    // Nothing is read again.
    let mut service = Service::start(&config);
    service.await_metric("demograph_checkpoints_total", 1.0, 60);
    service.stop();
    assert_eq!((parts(""), parts("compacted")), (0, 1));
}
