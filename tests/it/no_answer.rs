//! A crop for which the model has no finite answer is a reject of its own, and the stream goes on.

use serde_json::json;

use super::world::{Broker, Service, crops_csv, duckdb, metric, publish, repository};

#[test]
fn a_crop_without_a_finite_answer_is_rejected_and_the_others_count() {
    let topic = Broker::shared().topic("no-answer", 1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let config = Service::config(
        &topic,
        &out,
        "[[source]]\nid = \"lobby\"\nattributes = [\"gender\"]\n",
    )
    .replace("models/research-small", "tests/data/models/nan-on-black");
    // Black alone, black among others, and black at the end.
    let crops = ["black", "upright", "upright", "black", "upright", "black"];
    let rows = crops.iter().enumerate().map(|(track, name)| {
        let file = repository("tests/data/models").join(format!("{name}.png"));
        (file, "lobby".to_owned(), track.to_string())
    });
    let mut service = Service::start(&config);
    let sent = publish(&topic, &crops_csv(folder.path(), rows), &[]).finish(60);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    service.await_metric("demograph_records_total", crops.len() as f64, 60);
    let metrics = service.metrics();
    for (series, expected) in [
        ("demograph_records_total{outcome=\"face\"}", 3.0),
        (
            "demograph_rejected_records_total{reason=\"no_answer\"}",
            3.0,
        ),
    ] {
        assert_eq!(metric(&metrics, series), expected, "{series}");
    }
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // The reject keeps its source and its time: that of its record, in the last minutes.
    let rows = duckdb(&format!(
        "SELECT source, sum(faces)::BIGINT AS faces, sum(rejected)::BIGINT AS rejected,
                bool_and(window_end > now() - INTERVAL 10 MINUTE) AS recent
         FROM read_parquet('{}/windows/*/*.parquet') GROUP BY source",
        out.display()
    ));
    let expected = json!([{"source": "lobby", "faces": 3, "rejected": 3, "recent": true}]);
    assert_eq!(json!(rows), expected);
}
