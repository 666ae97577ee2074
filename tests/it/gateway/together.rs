//! The gateway and `demograph run` on one topic: faces and presence events are counted, and the ledger adds up.

use demograph_core::event;
use serde_json::json;

use super::{camera, film, sections};
use crate::world::{Broker, Service, duckdb, metric, with_config};

#[test]
fn faces_and_presence_events_of_a_gateway_are_counted_by_run_and_verified() {
    let topic = Broker::shared().topic("camera-and-run", 1);
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("film.mkv"), folder.path().join("out"));
    film(&file, 2);
    let of_run = Service::config(&topic, &out, "[[source]]\nid = \"lobby\"\n");
    let mut run = Service::start(&of_run);
    run.await_ready();
    let of_camera = format!(
        "{}[crops]\npane='2s'\n[presence]\ntopic='{}'\n{}",
        sections(&topic),
        topic.name,
        camera("lobby", &file, "")
    );
    let mut gateway = Service::camera(&of_camera, &[]);
    gateway.await_metric("demograph_camera_presences_total", 3.0, 60);
    gateway.stop();
    let records = topic.records();
    let presences = records
        .iter()
        .filter(|record| event::is_presence(record))
        .count();
    let faces = records.len() - presences;
    assert!(
        presences >= 3 && faces >= 2 * presences,
        "{presences} {faces}"
    );
    run.await_metric("demograph_records_total", faces as f64, 60);
    run.await_metric("demograph_presence_events_total", presences as f64, 60);
    let said = run.metrics();
    let of = |series: &str| metric(&said, series);
    assert_eq!(of("demograph_records_total"), faces as f64, "{said}");
    // What was sent is taken by the same rule: none is spared.
    assert_eq!(
        of("demograph_records_total{outcome=\"face\"}"),
        faces as f64,
        "{said}"
    );
    assert_eq!(
        of("demograph_presence_events_total"),
        presences as f64,
        "{said}"
    );
    assert_eq!(of("demograph_rejected_records_total"), 0.0, "{said}");
    run.stop();
    let rows = duckdb(&format!(
        "SELECT sum(faces)::BIGINT AS faces, sum(spared + late + rejected)::BIGINT AS others
         FROM read_parquet('{}/windows/*/*.parquet')",
        out.display()
    ));
    assert_eq!(rows, [json!({ "faces": faces, "others": 0 })]);
    let verified = with_config(&of_run, &["state", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    let told = format!("{presences} presence events, 0 skipped");
    assert!(verified.stdout.contains(&told), "{}", verified.stdout);
}
