//! One camera: its stream, the faces of its frames, the events of the best of them. It has a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, after, select};
use demograph_camera::{
    detect::Wanted,
    ffmpeg::{self, End, Seen, Settings, Skipped, Taken},
    follow::{Followed, Follower, Outcome},
    track::Ended,
};
use demograph_core::{event::Event, record::EventTime};
use demograph_service::{clock, kafka::Offered};

use crate::{
    metrics::{FaceOutcome, Meter, Presence},
    outlet::{Outlet, Topic},
    pick::{Picked, Picker},
    presence::Presences,
    preview::{Screen, draw},
};

/// How long to wait before a full queue is asked again.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// A camera, or a recording of one.
pub(crate) struct Camera {
    pub settings: Settings,
    /// When a recording began.
    pub start: EventTime,
    pub wanted: Wanted,
    pub follower: Follower,
    pub desk: Desk,
    /// Where somebody may look at its pictures.
    pub screen: Option<Screen>,
}

/// Where what was found is judged, counted and sent.
pub(crate) struct Desk {
    pub name: String,
    pub picker: Picker,
    pub presences: Presences,
    pub meter: Meter,
    pub outlet: Arc<dyn Outlet>,
    pub stop: Receiver<()>,
    pub work: Work,
    /// Frames that nobody takes while this is busy.
    pub skipped: Skipped,
}

/// Since when a frame is worked on. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work(Arc<AtomicI64>);

impl Work {
    fn begin(&self) {
        self.0.store(clock::now().0, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether one frame takes longer than this.
    pub fn hangs(&self, millis: i64) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since != 0 && clock::now().0 - since > millis
    }
}

impl Camera {
    /// Until it is stopped, or a recording is over.
    pub fn run(mut self) -> anyhow::Result<()> {
        let (settings, stop) = (self.settings.clone(), self.desk.stop.clone());
        let start = self.start;
        ffmpeg::run(&settings, start, &stop, |event| self.take(event))
            .with_context(|| format!("the camera {:?}", self.desk.name))?;
        let ended = self.follower.end();
        self.desk.end(&ended)?;
        Ok(())
    }

    fn take(&mut self, event: ffmpeg::Event) -> anyhow::Result<Taken> {
        let desk = &mut self.desk;
        match event {
            ffmpeg::Event::Frame(seen) => return self.look(seen),
            ffmpeg::Event::Down {
                end,
                lines,
                wait,
                skipped,
            } => {
                desk.skipped = skipped;
                desk.meter.skipped(&desk.skipped);
                desk.meter.down(end, end == End::Ended && wait.is_none());
                // Who comes back after this may be somebody else.
                let ended = self.follower.end();
                if desk.end(&ended)? == Taken::Stop {
                    return Ok(Taken::Stop);
                }
                let said = lines.join("; ");
                if let Some(screen) = &self.screen {
                    screen.say(&format!("{}: {}", desk.name, end.name()));
                }
                match (end, wait) {
                    (End::Ended, None) => {
                        tracing::info!(camera = desk.name, "the recording is over");
                    }
                    (end, None) => {
                        bail!("ffmpeg could not read all of it ({}): {said}", end.name())
                    }
                    (end, Some(wait)) => tracing::warn!(
                        camera = desk.name,
                        reason = end.name(),
                        wait_seconds = wait.as_secs(),
                        ffmpeg = said,
                        "the camera is down"
                    ),
                }
            }
        }
        Ok(Taken::Continue)
    }

    fn look(&mut self, mut seen: Seen) -> anyhow::Result<Taken> {
        let desk = &mut self.desk;
        desk.skipped = seen.skipped.clone();
        desk.meter.skipped(&desk.skipped);
        if desk.meter.frame(seen.clock, seen.time.0) {
            tracing::info!(camera = desk.name, size = ?seen.frame.size(), "the camera is up");
        }
        let (follower, screen, wanted) = (&mut self.follower, &self.screen, self.wanted);
        let (events, ended) = desk.work(|desk| {
            let outcome = follower.step(&mut seen)?;
            desk.count(&outcome);
            if let Some(screen) = screen {
                screen.show(|| draw(&desk.name, &seen, &outcome, wanted));
            }
            Ok((desk.pick(seen.time, &outcome.faces)?, outcome.ended))
        })?;
        let sent = desk.send(events)?;
        // Also at a stop: a track that is over is counted, and what says so is sent or counted as dropped.
        match (sent, desk.end(&ended)?) {
            (Taken::Continue, Taken::Continue) => Ok(Taken::Continue),
            _ => Ok(Taken::Stop),
        }
    }
}

impl Desk {
    /// Does it, and says meanwhile that it is done.
    pub fn work<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.work.begin();
        let began = now();
        let done = body(self);
        self.meter.busy(began.elapsed().as_secs_f64());
        self.work.end();
        done
    }

    /// The events of these faces; what becomes of the others is counted.
    pub fn pick(&mut self, time: EventTime, faces: &[Followed]) -> anyhow::Result<Vec<Event>> {
        let mut events = Vec::new();
        for followed in faces {
            let frontality = followed.shot.quality.frontality;
            self.presences.see(followed.track, time, frontality);
            match self.picker.pick(time, followed)? {
                Picked::Taken(event) => events.push(event),
                Picked::Blurred => self.meter.faces(FaceOutcome::Blurred, 1),
                Picked::Spared => self.meter.faces(FaceOutcome::Spared, 1),
            }
        }
        Ok(events)
    }

    /// Counts all that was found, and what becomes of faces that belong to nobody.
    pub fn count(&self, outcome: &Outcome) {
        let meter = &self.meter;
        let Outcome {
            found,
            faces: _,
            too_small,
            masked,
            low_score,
            without_track,
            strangers: _,
            ended: _,
        } = outcome;
        meter.found(*found);
        meter.faces(FaceOutcome::TooSmall, *too_small);
        meter.faces(FaceOutcome::Masked, *masked);
        meter.faces(FaceOutcome::LowScore, *low_score);
        meter.faces(FaceOutcome::Untracked, *without_track);
    }

    /// These tracks are over.
    pub fn end(&mut self, ended: &[Ended]) -> anyhow::Result<Taken> {
        self.meter.tracks(ended.len());
        let mut taken = Taken::Continue;
        for ended in ended {
            let facing = self.presences.end(ended.track);
            if !self.outlet.wants_presence() {
                continue;
            }
            let event = self.picker.presence(ended, facing);
            match self.offer(Topic::Presence, &event)? {
                Taken::Continue => self.meter.presence(Presence::Sent),
                Taken::Stop => {
                    self.meter.presence(Presence::Dropped);
                    taken = Taken::Stop;
                }
            }
        }
        Ok(taken)
    }

    /// Waits while the queue is full: meanwhile frames of a live stream are skipped, and those of a recording wait.
    pub fn send(&self, events: Vec<Event>) -> anyhow::Result<Taken> {
        let mut events = events.into_iter();
        while let Some(event) = events.next() {
            if self.offer(Topic::Faces, &event)? == Taken::Stop {
                self.meter.faces(FaceOutcome::Dropped, 1 + events.len());
                return Ok(Taken::Stop);
            }
            self.meter.faces(FaceOutcome::Sent, 1);
        }
        Ok(Taken::Continue)
    }

    fn offer(&self, topic: Topic, event: &Event) -> anyhow::Result<Taken> {
        while self.outlet.offer(topic, event)? == Offered::Full {
            self.meter.skipped(&self.skipped);
            select! {
                recv(self.stop) -> _ => return Ok(Taken::Stop),
                recv(after(FULL_PAUSE)) -> _ => {}
            }
        }
        Ok(Taken::Continue)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures a duration for a metric"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use demograph_camera::track::TrackNumber;
    use demograph_core::{choose::Spans, record::SourceId};

    use super::*;
    use crate::{metrics::CameraMetrics, names::Names, outlet::Deliveries, pick::Rule};

    /// A queue with room for so many events, which nobody empties.
    struct Queue(AtomicI64);

    impl Outlet for Queue {
        fn offer(&self, _: Topic, _: &Event) -> anyhow::Result<Offered> {
            match self.0.fetch_sub(1, Ordering::Relaxed) > 0 {
                true => Ok(Offered::Queued),
                false => Ok(Offered::Full),
            }
        }

        fn wants_presence(&self) -> bool {
            true
        }

        fn deliveries(&self) -> Deliveries {
            Deliveries::default()
        }
    }

    #[test]
    fn presence_events_that_a_full_queue_does_not_take_at_the_stop_are_counted_as_dropped() {
        let metrics = CameraMetrics::new();
        // Whoever held the other end has stopped.
        let (_, stop) = crossbeam_channel::bounded(0);
        let rule = Rule {
            crops_max: None,
            spans: Spans {
                pane: 10_000,
                lateness_max: 10_000,
            },
            sharpness_min: 0.0,
        };
        let mut desk = Desk {
            name: "door".into(),
            picker: Picker::new(SourceId::new("door"), Names::new(1, 0), rule),
            presences: Presences::default(),
            meter: metrics.camera("door"),
            outlet: Arc::new(Queue(AtomicI64::new(2))),
            stop,
            work: Work::default(),
            skipped: Skipped::default(),
        };
        let ended = |number| Ended {
            track: TrackNumber(number),
            first: EventTime(0),
            last: EventTime(1_000),
            sightings: 5,
        };
        let all: Vec<Ended> = (0..5).map(ended).collect();
        assert_eq!(desk.end(&all).unwrap(), Taken::Stop);
        let said = demograph_service::http::Exposed::render(&metrics, &[]);
        for line in [
            "demograph_camera_presences_total{camera=\"door\",outcome=\"sent\"} 2",
            "demograph_camera_presences_total{camera=\"door\",outcome=\"dropped\"} 3",
            "demograph_camera_tracks_total{camera=\"door\"} 5",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
    }
}
