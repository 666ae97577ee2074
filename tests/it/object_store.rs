//! `s3://` is a change of one line: the same tables in a bucket of a stand-in S3 (moto), read back by pyarrow.

use std::{net::TcpStream, path::Path};

use serde_json::json;

use super::world::{
    Broker, Process, Service, command, composites, crops_csv, free_port, publish, pyarrow_totals,
    setup, with_config,
};

const CROPS: usize = 120;

/// A running S3, and where it is.
pub fn s3() -> (Process, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let port = address.split_once(':').unwrap().1;
    let mut moto = command(setup("venv/bin/moto_server", "setup/test-tools"));
    moto.args(["-H", "127.0.0.1", "-p", port]);
    let mut process = Process::start("moto_server", moto);
    process.wait_for("S3 accepts connections", 60, || {
        TcpStream::connect(&address).ok()
    });
    (process, address)
}

/// The section of a config for that S3; more of its keys may follow.
pub fn s3_options(address: &str) -> String {
    format!(
        "[output.options]
aws_endpoint = \"http://{address}\"
aws_allow_http = \"true\"
aws_region = \"us-east-1\"
aws_access_key_id = \"name\"
aws_secret_access_key = \"word\"
"
    )
}

#[test]
fn the_tables_lie_in_a_bucket_when_the_config_says_so() {
    let (_s3, address) = s3();
    ureq::put(format!("http://{address}/tables"))
        .send_empty()
        .expect("the bucket is created");
    let topic = Broker::shared().topic("bucket", 2);
    let folder = tempfile::tempdir().unwrap();
    let options = format!(
        "[[source]]
id = \"lobby\"
[output.options]
aws_endpoint = \"http://{address}\"
aws_allow_http = \"true\"
aws_region = \"us-east-1\"
aws_access_key_id = \"name\"
aws_secret_access_key = {{ env = \"S3_SECRET\" }}
"
    );
    let config = Service::config(
        &topic,
        Path::new("s3://tables/zählung süd/site-a"),
        &options,
    );
    let mut service = Service::start_with(&config, &[("S3_SECRET", "word")]);
    let crops = composites().into_iter().take(CROPS);
    let crops = crops.map(|file| (file, "lobby".to_owned(), String::new()));
    let published = publish(&topic, &crops_csv(folder.path(), crops), &[]).finish(60);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", CROPS as f64, 60);
    service.stop();

    let totals = pyarrow_totals(&format!(
        "s3://name:word@tables/z%C3%A4hlung%20s%C3%BCd/site-a/windows?scheme=http&endpoint_override={address}"
    ));
    let records = |key: &str| totals[0][key].as_u64().unwrap();
    assert_eq!(totals.len(), 1, "{totals:?}");
    assert_eq!(totals[0]["source"], json!("lobby"));
    assert_eq!(
        records("faces") + records("late") + records("rejected"),
        CROPS as u64
    );
}

/// Names are encoded in paths, by this program and by the store: a checkpoint is found again under the name that it got.
#[test]
fn a_group_whose_name_a_path_encodes_goes_on_behind_a_restart() {
    let (_s3, address) = s3();
    ureq::put(format!("http://{address}/tables"))
        .send_empty()
        .expect("the bucket is created");
    let topic = Broker::shared().topic("bucket-names", 1);
    let folder = tempfile::tempdir().unwrap();
    let more = format!("[[source]]\nid = \"lobby\"\n{}", s3_options(&address));
    let plain = Service::config(&topic, Path::new("s3://tables/a b"), &more);
    let group = format!("group = \"{}\"", topic.name);
    assert!(plain.contains(&group));
    let named = format!("group = \"team/süd:a b%20c+d-{}\"", topic.name);
    let config = plain.replace(&group, &named);
    let crops = composites().into_iter().take(CROPS);
    let crops = crops.map(|file| (file, "lobby".to_owned(), String::new()));
    let csv = crops_csv(folder.path(), crops);
    for _ in 0..2 {
        let published = publish(&topic, &csv, &[]).finish(60);
        assert_eq!(published.code, Some(0), "{}", published.stderr);
        let mut service = Service::start(&config);
        // Its own counter: after the restart the first part is not read again.
        service.await_metric("demograph_records_total", CROPS as f64, 60);
        service.stop();
    }
    let place =
        format!("s3://name:word@tables/a%20b/windows?scheme=http&endpoint_override={address}");
    let totals = pyarrow_totals(&place);
    let records = |key: &str| totals[0][key].as_u64().unwrap();
    assert_eq!(
        records("faces") + records("late") + records("rejected"),
        2 * CROPS as u64
    );
    let verified = with_config(&config, &["state", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert_eq!(
        verified.stdout.matches("ok     partition").count(),
        1,
        "{}",
        verified.stdout
    );
}
