//! Frames of one camera or recording -> shots of tracks: detection, tracking, crops.

use crate::{
    detect::{Detector, Wanted},
    face::Face,
    ffmpeg::Seen,
    shot::Shot,
    track::{Ended, Settings, Sighting, TrackNumber, Tracker},
};

/// Follows the faces of one stream.
pub struct Follower {
    detector: Detector,
    wanted: Wanted,
    crop_size: u32,
    /// Made anew when frames have another size.
    tracker: Option<(Settings, Tracker)>,
}

/// A face that belongs to a track.
pub struct Followed {
    /// Whose it is.
    pub track: TrackNumber,
    /// Where it is.
    pub face: Face,
    /// Its crop.
    pub shot: Shot,
}

/// What became of one frame.
#[derive(Default)]
pub struct Outcome {
    /// The faces of tracks.
    pub faces: Vec<Followed>,
    /// Faces below `min_face`. They are neither followed nor cut out.
    pub too_small: usize,
    /// Faces that belong to no track, or to none yet.
    pub without_track: usize,
    /// Tracks that are over.
    pub ended: Vec<Ended>,
}

impl Follower {
    /// With this detector. A face with the lowest score that is wanted is sure.
    pub fn new(detector: Detector, wanted: Wanted, crop_size: u32) -> Self {
        Self {
            detector,
            wanted,
            crop_size,
            tracker: None,
        }
    }

    /// The next frame, in the order of time.
    pub fn step(&mut self, seen: &Seen) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let usual = Settings::of(seen.frame.size());
        let settings = Settings {
            score_sure: self.wanted.score_min,
            score_keep: usual.score_keep.min(self.wanted.score_min),
            ..usual
        };
        if self
            .tracker
            .as_ref()
            .is_none_or(|(last, _)| *last != settings)
        {
            outcome.ended = self.end();
            self.tracker = Some((settings, Tracker::new(settings)));
        }
        let wanted = Wanted {
            // The less sure ones keep tracks alive.
            score_min: settings.score_keep,
            ..self.wanted
        };
        let all = self.detector.detect(&seen.frame, wanted)?;
        let (faces, small): (Vec<Face>, Vec<Face>) = all
            .into_iter()
            .partition(|face| face.rect.side() >= self.wanted.min_face);
        outcome.too_small = small.len();
        let sightings: Vec<Sighting> = faces
            .iter()
            .map(|face| Sighting {
                rect: face.rect,
                score: face.score,
            })
            .collect();
        let (_, tracker) = self.tracker.as_mut().expect("it was just made");
        let step = tracker.step(seen.time, &sightings);
        outcome.ended.extend(step.ended);
        for (face, track) in faces.into_iter().zip(step.members) {
            match track {
                Some(track) => outcome.faces.push(Followed {
                    track,
                    face,
                    shot: Shot::take(&seen.frame, &face, self.crop_size)?,
                }),
                None => outcome.without_track += 1,
            }
        }
        Ok(outcome)
    }

    /// Ends all tracks: the stream is over, or was interrupted.
    pub fn end(&mut self) -> Vec<Ended> {
        let tracker = self.tracker.as_mut();
        tracker.map_or_else(Vec::new, |(_, tracker)| tracker.end_all())
    }
}
