//! `demograph camera` as a site runs it: several cameras, real servers of streams, a Kafka that goes away, `demograph run` and
//! Prometheus beside it.

#[cfg(feature = "page")]
mod inputs;
mod kafka_away;
mod servers;
mod several;
mod together;
mod watched;

use std::path::Path;

use super::world::{Film, Service, Topic, Walker, composites, metric};

/// One person walks by, four seconds long, ten pictures a second. Others look like others.
pub fn film(file: &Path, person: usize) {
    let composites = composites();
    let film = Film {
        size: (640, 360),
        fps: 10,
        seconds: 4,
        walkers: vec![Walker {
            composite: composites[17 * person % composites.len()].clone(),
            side: 120,
            enters: 0.0,
            speed: 210.0,
            height: 100,
        }],
    };
    film.write(file);
}

/// The sections before the cameras.
pub fn sections(topic: &Topic) -> String {
    format!(
        "[kafka]\nbrokers='{}'\ntopic='{}'\n[http]\nlisten='127.0.0.1:0'\n",
        topic.brokers, topic.name
    )
}

/// A camera that shows a film again and again, in real time. `more` is added to it.
pub fn camera(id: &str, film: &Path, more: &str) -> String {
    format!(
        "[[camera]]\nid='{id}'\naddress='file://{}'\noptions=['-re','-stream_loop','-1']\n{more}\n",
        film.display()
    )
}

/// The count of a camera's series.
pub fn series(name: &str, camera: &str, more: &str) -> String {
    format!("demograph_camera_{name}{{camera=\"{camera}\"{more}}}")
}

/// Waits until every face that was found is counted once: within a frame it is found before it is known what becomes of it.
pub fn await_sums(service: &mut Service) {
    let url = format!("{}/metrics", service.url);
    service
        .process
        .wait_for("all faces have an outcome", 30, || {
            let said = ureq::get(&url)
                .call()
                .ok()?
                .body_mut()
                .read_to_string()
                .ok()?;
            let found = metric(&said, "demograph_camera_faces_found_total");
            (metric(&said, "demograph_camera_faces_total") == found).then_some(())
        });
}
