//! Photographs instead of a stream: each face is a person of its own, because nothing says who is on two of them.

use std::path::PathBuf;

use anyhow::Context;
use crossbeam_channel::TryRecvError;
use demograph_camera::{
    ffmpeg::Taken,
    finder::{Finder, Found, FoundFace},
    follow::{Followed, Outcome},
    frame::Frame,
    track::TrackNumber,
};
use demograph_service::clock;

use crate::camera::Desk;

/// Pictures to be looked at, one after the other.
pub(crate) struct Photographs {
    pub files: Vec<PathBuf>,
    pub finder: Finder,
    pub desk: Desk,
}

impl Photographs {
    /// Until all were looked at, or it is stopped.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut people = 0;
        for file in std::mem::take(&mut self.files) {
            if self.desk.stop.try_recv() == Err(TryRecvError::Disconnected) {
                break;
            }
            let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            let frame = match Frame::of_image(&bytes) {
                Ok(frame) => frame,
                Err(reason) => {
                    tracing::warn!(file = %file.display(), reason = reason.name(), "not a picture that can be used");
                    continue;
                }
            };
            let seen = clock::now();
            self.desk.meter.frame(Default::default(), seen.0);
            let finder = &mut self.finder;
            let events = self.desk.work(|desk| {
                let outcome = outcome(finder.find(&frame)?, &mut people);
                desk.count(&outcome);
                desk.meter.tracks(outcome.faces.len());
                let events = desk.pick(seen, &outcome.faces)?;
                for followed in &outcome.faces {
                    desk.presences.end(followed.track);
                }
                Ok(events)
            })?;
            if self.desk.send(events)? == Taken::Stop {
                break;
            }
        }
        self.desk.meter.over();
        Ok(())
    }
}

fn outcome(found: Found, people: &mut u64) -> Outcome {
    let faces = found.faces.into_iter().map(|FoundFace { face, shot }| {
        *people += 1;
        Followed {
            track: TrackNumber(*people),
            face,
            shot,
        }
    });
    let faces: Vec<Followed> = faces.collect();
    Outcome {
        found: faces.len() + found.too_small,
        faces,
        too_small: found.too_small,
        ..Outcome::default()
    }
}
