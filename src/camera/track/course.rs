//! Where a track was seen, and where it should be by now: constant velocity between sightings.

use demograph_core::record::EventTime;

use super::millis;
use crate::face::{Point, Rect};

/// The velocity is that over so many sightings: two alone are shaken by the detector's noise, many follow a turn too late.
const SIGHTINGS: usize = 3;

// All lengths below are in units of the face's size.
/// How far a face may be from where its track should be …
const REACH: f32 = 0.8;
/// … and how much farther for each second that it was not seen …
const REACH_A_SECOND: f32 = 2.5;
/// … or so much where a single face is to bring it back …
const REACH_OF_ONE: f32 = 1.0;
/// … up to this.
const REACH_MAX: f32 = 4.0;
/// How far a walking person goes in a second at most: 2 m, with a face of 17 cm.
const SPEED_MAX: f32 = 12.0;
/// How far a face may be from where its track was last seen, if it may have stopped there.
const REST: f32 = 0.8;
/// What it costs that a track has stopped.
const COST_OF_STOP: f32 = 0.4;
/// Who moved less than this may have stood still: it has no direction.
const MOVED: f32 = 0.4;
/// What it costs that a track has turned back.
const COST_OF_TURN: f32 = 1.2;
/// A face hides another whose centre is nearer to its own than this …
const COVERS: f32 = 0.8;
/// … if it is at least so many times as large: it is nearer to the camera, or as near.
const AS_LARGE: f32 = 0.85;
/// What a face costs that is e times as large as the track's.
const COST_OF_SIZE: f32 = 1.2;

#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// The last [`SIGHTINGS`], the newest last.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    time: EventTime,
    centre: Point,
    /// The geometric mean of the box's sides.
    size: f32,
}

impl Seen {
    fn of(time: EventTime, rect: &Rect) -> Self {
        Self {
            time,
            centre: rect.centre(),
            size: rect.area().max(1.0).sqrt(),
        }
    }

    fn cost(&self, seen: &Self, reach: f32) -> f32 {
        let distance = self.centre.distance(seen.centre) / (self.size * seen.size).sqrt();
        distance / reach + COST_OF_SIZE * (seen.size / self.size).ln().abs()
    }
}

impl Course {
    pub fn see(&mut self, time: EventTime, rect: Rect) {
        if self.seen.len() == SIGHTINGS {
            self.seen.remove(0);
        }
        self.seen.push(Seen::of(time, &rect));
    }

    /// Before all time if it was never seen.
    pub fn last_time(&self) -> EventTime {
        self.seen.last().map_or(EventTime::MIN, |last| last.time)
    }

    /// Where it should be at this time, by its course.
    pub fn expected(&self, time: EventTime) -> Point {
        self.ahead(time).centre
    }

    /// What it costs to take this face for the track's: 0 where it should be by its course, 1 and more is too much.
    pub fn cost(&self, time: EventTime, rect: &Rect) -> f32 {
        self.cost_within(REACH_A_SECOND, time, rect)
    }

    /// The same of a track that was lost before, and of a face that nothing else speaks for: it is looked for less far away.
    pub fn cost_of_one(&self, time: EventTime, rect: &Rect) -> f32 {
        self.cost_within(REACH_OF_ONE, time, rect)
    }

    fn cost_within(&self, a_second: f32, time: EventTime, rect: &Rect) -> f32 {
        let Some(last) = self.seen.last() else {
            return f32::INFINITY;
        };
        let seen = Seen::of(time, rect);
        let reach = REACH + a_second * self.gap(time);
        let moving = self.ahead(time).cost(&seen, reach.min(REACH_MAX));
        let at_rest = last.cost(&seen, REST);
        moving.min(COST_OF_STOP + (1.0 - COST_OF_STOP) * at_rest)
    }

    /// The same for a track that may have gone anywhere meanwhile, as fast as people walk.
    pub fn cost_of_way(&self, time: EventTime, rect: &Rect) -> f32 {
        let reach = REACH + SPEED_MAX * self.gap(time);
        let seen = Seen::of(time, rect);
        let cost = |last: &Seen| last.cost(&seen, reach.min(REACH_MAX));
        self.seen.last().map_or(f32::INFINITY, cost)
    }

    /// What it costs that the face is not as far on the track's course as it should be by now: nothing if it is, half if the track
    /// had to stand still meanwhile, all of it if it had to turn back.
    pub fn cost_of_turn(&self, time: EventTime, rect: &Rect) -> f32 {
        let (Some(first), Some(last)) = (self.seen.first(), self.seen.last()) else {
            return 0.0;
        };
        let [x, y] = first.centre.to(last.centre);
        let [across, down] = last.centre.to(rect.centre());
        let come = x.hypot(y);
        let (lasted, gap) = (seconds(first.time, last.time), self.gap(time));
        if come < MOVED * last.size || lasted <= 0.0 || gap <= 0.0 {
            return 0.0;
        }
        let along = (x * across + y * down) / come;
        let part = along / (come / lasted * gap);
        COST_OF_TURN * ((1.0 - part) / 2.0).clamp(0.0, 1.0)
    }

    /// Whether a face that is seen now stands before it: it should be there, and the face is as large or larger.
    pub fn is_behind(&self, time: EventTime, face: &Rect) -> bool {
        let (here, face) = (self.ahead(time), Seen::of(time, face));
        let distance = here.centre.distance(face.centre);
        distance < COVERS * face.size && face.size > AS_LARGE * here.size
    }

    /// As it should be seen at this time.
    fn ahead(&self, time: EventTime) -> Seen {
        let (Some(first), Some(last)) = (self.seen.first(), self.seen.last()) else {
            return Seen::of(time, &Rect::default());
        };
        let lasted = seconds(first.time, last.time);
        if lasted <= 0.0 {
            return *last;
        }
        let part = seconds(last.time, time) / lasted;
        let [x, y] = first.centre.to(last.centre);
        Seen {
            time,
            centre: last.centre.plus(x * part, y * part),
            // The mean is steadier than the last.
            size: self.seen.iter().map(|seen| seen.size).sum::<f32>() / self.seen.len() as f32,
        }
    }

    fn gap(&self, time: EventTime) -> f32 {
        seconds(self.last_time(), time)
    }
}

fn seconds(from: EventTime, to: EventTime) -> f32 {
    millis(from, to) as f32 / 1000.0
}
