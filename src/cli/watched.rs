//! How the cameras are that `watch` and `demo` watch, in one line.

use demograph_core::record::SourceId;
use demograph_gateway::CameraMetrics;

/// Cameras and what is counted of them. Cloning shares it.
#[derive(Clone)]
pub(super) struct Watched {
    pub names: Vec<SourceId>,
    pub metrics: CameraMetrics,
}

impl Watched {
    pub(super) fn line(&self) -> String {
        let cameras = self.names.iter().map(|name| {
            let status = self.metrics.status(name.as_str());
            let people = match status.tracks {
                1 => "1 person".to_owned(),
                tracks => format!("{tracks} people"),
            };
            format!(
                "{name}: {}, {} frames, {people}",
                status.state, status.frames
            )
        });
        cameras.collect::<Vec<_>>().join("   ")
    }
}
