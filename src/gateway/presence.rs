//! For how long people faced the camera. Pure.

use std::collections::HashMap;

use demograph_camera::track::TrackNumber;
use demograph_core::record::EventTime;

/// A face whose nose is nearer to the middle of the eyes than to one of them is turned to the camera.
const FRONTALITY_MIN: f32 = 0.5;
/// Between two sightings that are farther apart nobody knows where the person looked, in milliseconds.
const GAP_MAX: i64 = 1_000;

/// The tracks that go on.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    tracks: HashMap<TrackNumber, Facing>,
}

#[derive(Debug)]
struct Facing {
    last: EventTime,
    millis: i64,
}

impl Presences {
    /// A face of the track was seen, so frontal.
    pub fn see(&mut self, track: TrackNumber, time: EventTime, frontality: f32) {
        let facing = self.tracks.entry(track).or_insert(Facing {
            last: time,
            millis: 0,
        });
        let gap = time.0 - facing.last.0;
        if frontality >= FRONTALITY_MIN && (0..=GAP_MAX).contains(&gap) {
            facing.millis += gap;
        }
        facing.last = time;
    }

    /// The track is over: for how long it faced the camera, in milliseconds.
    pub fn end(&mut self, track: TrackNumber) -> i64 {
        self.tracks.remove(&track).map_or(0, |facing| facing.millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_sightings_counts_where_the_face_is_turned_here_and_was_seen_just_before() {
        let mut presences = Presences::default();
        let (one, other) = (TrackNumber(1), TrackNumber(2));
        for (track, time, frontality) in [
            (one, 0, 0.9),
            (one, 200, 0.9),
            (other, 200, 0.9),
            // It looks away, then here again, then is not seen for two seconds.
            (one, 400, 0.2),
            (one, 600, 0.6),
            (one, 2_600, 0.9),
            (one, 2_800, 0.9),
        ] {
            presences.see(track, EventTime(time), frontality);
        }
        assert_eq!((presences.end(one), presences.end(other)), (600, 0));
        assert!(presences.tracks.is_empty());
    }
}
