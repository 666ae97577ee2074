//! Frames of one camera or recording -> shots of tracks: detection, tracking, crops.

use crate::{
    detect::{Detector, Wanted},
    face::Face,
    ffmpeg::Seen,
    mask::Mask,
    shot::Shot,
    track::{Ended, Settings, Sighting, TrackNumber, Tracker},
};

/// Follows the faces of one stream.
pub struct Follower {
    detector: Detector,
    wanted: Wanted,
    crop_size: u32,
    mask: Mask,
    /// Made anew when frames have another size. No number is given twice.
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
    /// So many faces the detector found. Each is counted once more below.
    pub found: usize,
    /// The faces of tracks.
    pub faces: Vec<Followed>,
    /// Faces below `min_face`. They are neither followed nor cut out.
    pub too_small: usize,
    /// Faces whose middle lies behind the mask. They are neither followed nor cut out.
    pub masked: usize,
    /// Faces with a score below the lowest that is wanted, which keep no track alive.
    pub low_score: usize,
    /// Other faces that belong to no track, or to none yet.
    pub without_track: usize,
    /// The faces that are shown and belong to no track: too small, too doubtful, or of nobody yet.
    pub strangers: Vec<Face>,
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
            mask: Mask::default(),
            tracker: None,
        }
    }

    /// What is behind the mask is black before anybody looks.
    pub fn behind(self, mask: Mask) -> Self {
        Self { mask, ..self }
    }

    /// The next frame, in the order of time.
    pub fn step(&mut self, seen: &mut Seen) -> anyhow::Result<Outcome> {
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
            let next = self.tracker.as_ref().map(|(_, tracker)| tracker.next());
            let tracker = Tracker::from(settings, next.unwrap_or(TrackNumber(0)));
            self.tracker = Some((settings, tracker));
        }
        let wanted = Wanted {
            // The less sure ones keep tracks alive.
            score_min: settings.score_keep,
            ..self.wanted
        };
        self.mask.black_out(&mut seen.frame);
        let all = self.detector.detect(&seen.frame, wanted)?;
        outcome.found = all.len();
        let size = seen.frame.size();
        let (masked, shown): (Vec<Face>, Vec<Face>) = all
            .into_iter()
            .partition(|face| self.mask.covers(face.rect.centre(), size));
        let (faces, small): (Vec<Face>, Vec<Face>) = shown
            .into_iter()
            .partition(|face| face.rect.side() >= self.wanted.min_face);
        outcome.masked = masked.len();
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
                None => {
                    match face.score < self.wanted.score_min {
                        true => outcome.low_score += 1,
                        false => outcome.without_track += 1,
                    }
                    outcome.strangers.push(face);
                }
            }
        }
        outcome.strangers.extend(small);
        Ok(outcome)
    }

    /// Ends all tracks: the stream is over, or was interrupted.
    pub fn end(&mut self) -> Vec<Ended> {
        let tracker = self.tracker.as_mut();
        tracker.map_or_else(Vec::new, |(_, tracker)| tracker.end_all())
    }
}
