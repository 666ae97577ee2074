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

use super::world::{Film, Topic, Walker, composites};

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
