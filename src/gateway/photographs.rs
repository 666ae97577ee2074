//! Photographs instead of a stream: each face is a person of its own, because nothing says who is on two of them.

use std::path::{Path, PathBuf};

use crossbeam_channel::TryRecvError;
use demograph_camera::{
    detect::Wanted,
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
        let (mut people, mut unusable) = (0, 0);
        for file in std::mem::take(&mut self.files) {
            if self.desk.stop.try_recv() == Err(TryRecvError::Disconnected) {
                break;
            }
            let frame = match frame(&file, self.finder.wanted) {
                Ok(frame) => frame,
                Err(reason) => {
                    unusable += 1;
                    tracing::warn!(file = %file.display(), reason, "not a picture that can be used");
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
        if unusable > 0 {
            tracing::warn!(
                pictures = unusable,
                "left out: not pictures that can be used"
            );
        }
        Ok(())
    }
}

/// The picture of a file, or why it cannot be used.
fn frame(file: &Path, wanted: Wanted) -> Result<Frame, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let frame = Frame::of_image(&bytes).map_err(|reason| reason.name().to_owned())?;
    wanted.fits(&frame).map_err(|error| error.to_string())?;
    Ok(frame)
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
