//! The metrics of `demograph camera`, declared once.
//!
//! Promises: what is counted adds up. Every picture that ffmpeg gave is `read` or `skipped_busy`; every face that was found has
//! one outcome; every event that was sent is delivered, has failed, or waits.

use demograph_camera::{
    ffmpeg::{End, Skipped},
    timeline::Reading,
};
use demograph_service::{
    clock,
    http::Exposed,
    metrics::declare::{
        self, Declared, add, counters, float_counters, float_gauges, gauge, gauges,
    },
};
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry,
};

use crate::{
    inputs::{Doing, Turns},
    outlet::Deliveries,
};

/// What became of a picture; the values of the label `outcome`.
const FRAMES: [&str; 2] = ["read", "skipped_busy"];
/// What became of a face; the values of the label `outcome`.
const FACES: [&str; 8] = [
    "too_small",
    "low_score",
    "masked",
    "untracked",
    "blurred",
    "spared",
    "sent",
    "dropped",
];

/// What became of a presence event; the values of the label `outcome`.
const PRESENCES: [&str; 2] = ["sent", "dropped"];

/// All metrics. Cloning shares them.
#[derive(Clone)]
pub struct CameraMetrics {
    registry: Registry,
    names: Vec<String>,
    turns: Turns,
    up: IntGaugeVec,
    state: IntGaugeVec,
    restarts: IntCounterVec,
    frames: IntCounterVec,
    found: IntCounterVec,
    faces: IntCounterVec,
    tracks: IntCounterVec,
    presences: IntCounterVec,
    busy: CounterVec,
    last_frame: GaugeVec,
    offset: GaugeVec,
    slew: GaugeVec,
    leaps: IntCounterVec,
    events: IntCounterVec,
    queued: IntGauge,
    queue_max: IntGauge,
}

impl Default for CameraMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl CameraMetrics {
    /// With no camera.
    pub fn new() -> Self {
        let mut declared = Declared::default();
        let r = &mut declared;
        let camera = &["camera"];
        let outcome = &["camera", "outcome"];
        Self {
            turns: Turns::default(),
            up: add(
                r,
                gauges("camera_up", "1 if pictures of the camera come.", camera),
            ),
            state: add(
                r,
                gauges(
                    "camera_state",
                    "1 for the camera's present state: connecting, up, or why it is down, as in restarts_total.",
                    &["camera", "state"],
                ),
            ),
            restarts: add(
                r,
                counters(
                    "camera_restarts_total",
                    "Times that the camera's ffmpeg ended, by reason: unauthorized, not_found, no_video, unreachable, refused (otherwise) before the first frame; died, silent, malformed, ended.",
                    &["camera", "reason"],
                ),
            ),
            frames: add(
                r,
                counters(
                    "camera_frames_total",
                    "Frames by outcome: read, skipped_busy (the one before was still worked on, or the queue was full).",
                    outcome,
                ),
            ),
            found: add(
                r,
                counters(
                    "camera_faces_found_total",
                    "Faces that the detector found.",
                    camera,
                ),
            ),
            faces: add(
                r,
                counters(
                    "camera_faces_total",
                    "Faces by outcome: too_small, low_score, masked, untracked, blurred, spared, sent, dropped (at the stop).",
                    outcome,
                ),
            ),
            tracks: add(
                r,
                counters("camera_tracks_total", "Tracks that ended.", camera),
            ),
            presences: add(
                r,
                counters(
                    "camera_presences_total",
                    "Presence events by outcome: sent, dropped (the queue was full at the stop).",
                    outcome,
                ),
            ),
            busy: add(
                r,
                float_counters(
                    "camera_busy_seconds_total",
                    "Time in which a frame of the camera was worked on, without waiting for the queue.",
                    camera,
                ),
            ),
            last_frame: add(
                r,
                float_gauges(
                    "camera_last_frame_timestamp_seconds",
                    "When the newest frame was seen.",
                    camera,
                ),
            ),
            offset: add(
                r,
                float_gauges(
                    "camera_clock_offset_seconds",
                    "Our clock less the stream's own time (PTS). It begins anew with each session.",
                    camera,
                ),
            ),
            slew: add(
                r,
                float_gauges(
                    "camera_clock_slew_seconds",
                    "By how much the offset was moved towards later since the stream was opened.",
                    camera,
                ),
            ),
            leaps: add(
                r,
                counters(
                    "camera_clock_leaps_total",
                    "Times that the stream's own time (PTS) went back or leapt ahead.",
                    camera,
                ),
            ),
            events: add(
                r,
                counters(
                    "camera_events_total",
                    "Events by outcome: delivered, failed (given up after message.timeout.ms).",
                    &["outcome"],
                ),
            ),
            queued: add(
                r,
                gauge("camera_queued_events", "Events that wait for the broker."),
            ),
            queue_max: add(
                r,
                gauge(
                    "camera_queue_max_events",
                    "So many events may wait for the broker. When they do, frames are skipped.",
                ),
            ),
            names: declared.names,
            registry: declared.registry,
        }
    }

    /// All metrics of one camera, at 0.
    pub fn expect(&self, camera: &str) {
        self.camera(camera);
        self.set_deliveries(Deliveries::default());
    }

    /// The names of all metrics.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Those of one camera, at 0.
    pub(crate) fn camera(&self, camera: &str) -> Meter {
        let outcomes =
            |family: &IntCounterVec, name: &str| family.with_label_values(&[camera, name]);
        let meter = Meter {
            camera: camera.to_owned(),
            turns: self.turns.clone(),
            up: self.up.with_label_values(&[camera]),
            states: states()
                .into_iter()
                .map(|name| (name, self.state.with_label_values(&[camera, name])))
                .collect(),
            restarts: End::ALL
                .map(|end| self.restarts.with_label_values(&[camera, end.name()]))
                .into(),
            frames: FRAMES.map(|name| outcomes(&self.frames, name)),
            found: self.found.with_label_values(&[camera]),
            faces: FACES.map(|name| outcomes(&self.faces, name)),
            tracks: self.tracks.with_label_values(&[camera]),
            presences: PRESENCES.map(|name| outcomes(&self.presences, name)),
            busy: self.busy.with_label_values(&[camera]),
            last_frame: self.last_frame.with_label_values(&[camera]),
            offset: self.offset.with_label_values(&[camera]),
            slew: self.slew.with_label_values(&[camera]),
            leaps: self.leaps.with_label_values(&[camera]),
            leaps_told: 0,
        };
        meter.enter(Doing::Connecting);
        meter
    }

    /// What each camera does.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Cameras that are up.
    pub(crate) fn is_any_up(&self) -> bool {
        let families = self.registry.gather();
        let up = families
            .iter()
            .find(|family| family.name() == "demograph_camera_up");
        up.is_some_and(|up| {
            up.get_metric()
                .iter()
                .any(|one| one.get_gauge().get_value() > 0.0)
        })
    }

    /// How a camera is.
    pub fn status(&self, camera: &str) -> Status {
        let states = states();
        let restarts = |end: End| self.restarts.with_label_values(&[camera, end.name()]).get();
        let dropped = |of: &IntCounterVec| of.with_label_values(&[camera, "dropped"]).get();
        let is_in = |name: &str| self.state.with_label_values(&[camera, name]).get() == 1;
        Status {
            state: states
                .into_iter()
                .find(|name| is_in(name))
                .unwrap_or(Doing::Connecting.state()),
            frames: self.frames.with_label_values(&[camera, FRAMES[0]]).get(),
            skipped: self.frames.with_label_values(&[camera, FRAMES[1]]).get(),
            tracks: self.tracks.with_label_values(&[camera]).get(),
            restarts: End::ALL.into_iter().map(restarts).sum(),
            dropped_faces: dropped(&self.faces),
            dropped_presences: dropped(&self.presences),
        }
    }

    /// Takes over what became of the events.
    pub(crate) fn set_deliveries(&self, deliveries: Deliveries) {
        for (outcome, count) in [
            ("delivered", deliveries.delivered),
            ("failed", deliveries.failed),
        ] {
            let counter = self.events.with_label_values(&[outcome]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        let set = |gauge: &IntGauge, count: u64| gauge.set(count.try_into().unwrap_or(i64::MAX));
        set(&self.queued, deliveries.queued);
        set(&self.queue_max, deliveries.queue_max);
    }
}

impl Exposed for CameraMetrics {
    fn render(&self, names: &[String]) -> String {
        declare::text(self.registry.gather(), names)
    }
}

/// How a camera is, in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// As in the metric.
    pub state: &'static str,
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames that nobody took in time.
    pub skipped: u64,
    /// Tracks that ended.
    pub tracks: u64,
    /// Times that its ffmpeg ended.
    pub restarts: u64,
    /// Faces that a full queue did not take at the stop.
    pub dropped_faces: u64,
    /// The same of presence events.
    pub dropped_presences: u64,
}

/// All states of a camera.
fn states() -> Vec<&'static str> {
    let down = End::ALL.map(End::name);
    let others = [Doing::Connecting, Doing::Up].map(Doing::state);
    down.into_iter().chain(others).collect()
}

/// What became of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaceOutcome {
    TooSmall,
    LowScore,
    Masked,
    Untracked,
    Blurred,
    Spared,
    Sent,
    Dropped,
}

/// What became of a presence event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Sent,
    Dropped,
}

/// The metrics of one camera.
pub(crate) struct Meter {
    camera: String,
    turns: Turns,
    up: IntGauge,
    states: Vec<(&'static str, IntGauge)>,
    restarts: Vec<IntCounter>,
    frames: [IntCounter; 2],
    found: IntCounter,
    faces: [IntCounter; 8],
    tracks: IntCounter,
    presences: [IntCounter; 2],
    busy: Counter,
    last_frame: Gauge,
    offset: Gauge,
    slew: Gauge,
    leaps: IntCounter,
    leaps_told: u64,
}

impl Meter {
    fn enter(&self, doing: Doing) {
        for (name, gauge) in &self.states {
            gauge.set(i64::from(*name == doing.state()));
        }
        self.up.set(i64::from(doing == Doing::Up));
        self.turns.turn(&self.camera, doing, clock::now());
    }

    /// A frame came. Returns whether the camera was down before.
    pub fn frame(&mut self, clock: Reading, seen_millis: i64) -> bool {
        let was_down = self.up.get() == 0;
        if was_down {
            self.enter(Doing::Up);
            // Another run of ffmpeg counts from 0.
            self.leaps_told = 0;
        }
        self.frames[0].inc();
        self.last_frame.set(seen_millis as f64 / 1e3);
        self.offset.set(clock.offset as f64 / 1e6);
        self.slew.set(clock.slewed as f64 / 1e6);
        self.leaps
            .inc_by(clock.leaps.saturating_sub(self.leaps_told));
        self.leaps_told = clock.leaps;
        was_down
    }

    /// Takes over how many frames nobody took in time.
    pub fn skipped(&self, skipped: &Skipped) {
        self.frames[1].inc_by(skipped.take());
    }

    /// Its ffmpeg ended; nothing more comes where that was the end of a recording.
    pub fn down(&self, end: End, is_over: bool) {
        self.enter(match is_over {
            true => Doing::Over,
            false => Doing::Down(end),
        });
        let place = End::ALL.iter().position(|one| *one == end);
        if let Some(place) = place {
            self.restarts[place].inc();
        }
    }

    /// Nothing comes any more.
    pub fn over(&self) {
        self.enter(Doing::Over);
    }

    pub fn found(&self, faces: usize) {
        self.found.inc_by(faces as u64);
    }

    pub fn faces(&self, outcome: FaceOutcome, count: usize) {
        self.faces[outcome as usize].inc_by(count as u64);
    }

    pub fn tracks(&self, count: usize) {
        self.tracks.inc_by(count as u64);
    }

    pub fn presence(&self, outcome: Presence) {
        self.presences[outcome as usize].inc();
    }

    pub fn busy(&self, seconds: f64) {
        self.busy.inc_by(seconds);
    }
}
