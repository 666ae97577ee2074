//! Faces of successive frames -> tracks: who is the same person before this camera. Pure: no clock, no image.
//!
//! At five frames a second a face moves by twice its own width, so boxes of the same person rarely overlap. Tracks are
//! therefore matched by the distance of centres in units of the face's size, from where the track should be by now.
//!
//! - Two thresholds (ByteTrack: Zhang et al., ECCV 2022): sure faces are matched first; less sure ones only keep tracks alive
//!   that were seen just before.
//! - A track begins with three faces on a line that were passed at an even speed: two alone say nothing of two people who walk
//!   one behind the other.
//! - Who should be where a nearer face is seen is hidden, and not gone: the time after which a track ends does not run.
//! - Who is leaving the picture neither turns back nor stops (OC-SORT's momentum, at the border only): another comes in there.
//! - A face that two tracks may claim keeps the nearer one alive and is given to nobody.
//! - After an occlusion (OC-SORT: Cao et al., CVPR 2023) a track is looked for where its course leads, then where it was seen
//!   last; and three faces that begin a track go on with a lost one where that can be. One face alone brings it back only near
//!   its course. The course is then that between the sightings, not what was guessed meanwhile.
//!
//! Promises: the same faces in the same order give the same tracks; no two faces of a frame are one track; a number is never
//! given twice; what is remembered is bounded by the faces of the last [`Settings::lost_after`], and of eight seconds before it.

mod assign;
mod begin;
mod course;

#[cfg(test)]
mod crossing;
#[cfg(test)]
mod score;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use demograph_core::record::EventTime;

use self::{
    assign::assign,
    begin::{Seed, Seeds},
    course::Course,
};
use crate::face::{Point, Rect};

/// A face as the tracker sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Where it is.
    pub rect: Rect,
    /// How sure the detector is.
    pub score: f32,
}

/// The number of a track. Unique in its tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackNumber(pub u64);

/// How faces become tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Width and height of the frames, in pixels: who leaves them does not come back.
    pub frame: (u32, u32),
    /// A face with this score is sure. Two of the three that begin a track are.
    pub score_sure: f32,
    /// A face with this score may keep a track alive.
    pub score_keep: f32,
    /// A track that is not seen for so many milliseconds ends; those in which another stands before it do not count.
    pub lost_after: i64,
}

impl Settings {
    /// For frames of this size.
    pub fn of(frame: (u32, u32)) -> Self {
        Self {
            frame,
            score_sure: 0.7,
            score_keep: 0.4,
            lost_after: 2_000,
        }
    }
}

/// A track that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The track.
    pub track: TrackNumber,
    /// When it was seen first.
    pub first: EventTime,
    /// When it was seen last.
    pub last: EventTime,
    /// How often it was seen.
    pub sightings: u32,
}

/// What a frame changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// For each face its track. `None`: it belongs to nobody, or one of two people, or is the first or second of one who
    /// has just come.
    pub members: Vec<Option<TrackNumber>>,
    /// The tracks that were seen too long ago.
    pub ended: Vec<Ended>,
}

/// Follows the faces of one camera.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    tracks: Vec<Track>,
    seeds: Seeds,
    next: TrackNumber,
    /// The frame before.
    before: EventTime,
}

#[derive(Debug)]
struct Track {
    number: TrackNumber,
    course: Course,
    first: EventTime,
    sightings: u32,
    /// For so many milliseconds since it was seen another stood before it.
    hidden: i64,
}

impl Track {
    fn see(&mut self, time: EventTime, rect: Rect) {
        self.course.see(time, rect);
        self.hidden = 0;
        self.sightings = self.sightings.saturating_add(1);
    }
}

/// The track of a face.
#[derive(Debug, Clone, Copy)]
struct Partner {
    place: usize,
    /// It may as well be another's, whom the tracker knows or who has come just now.
    is_doubtful: bool,
}

/// What a round of matching compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Sure faces, with all tracks by their course.
    Sure,
    /// Less sure faces, with tracks that were seen just before.
    LessSure,
}

impl Tracker {
    /// One that has seen nobody.
    pub fn new(settings: Settings) -> Self {
        Self::from(settings, TrackNumber(0))
    }

    /// One that has seen nobody, and gives this number first.
    pub fn from(settings: Settings, next: TrackNumber) -> Self {
        Self {
            settings,
            tracks: Vec::new(),
            seeds: Seeds::default(),
            next,
            before: EventTime::MIN,
        }
    }

    /// The number that the next track will have.
    pub fn next(&self) -> TrackNumber {
        self.next
    }

    /// Takes the faces of the next frame. Frames come in the order of time.
    pub fn step(&mut self, time: EventTime, seen: &[Sighting]) -> Step {
        let lost_after = self.settings.lost_after;
        let unseen = |track: &Track| millis(track.course.last_time(), time) - track.hidden;
        let ended = self.end(|track| unseen(track) > lost_after);
        let mut partners: Vec<Option<Partner>> = vec![None; seen.len()];
        let lines = self.seeds.costs(time, seen, self.settings.score_sure);
        for round in [Round::Sure, Round::LessSure] {
            self.match_round(&mut partners, (time, seen, &lines), round);
        }
        let mut alone = Vec::new();
        for (face, (sighting, partner)) in seen.iter().zip(&partners).enumerate() {
            match partner {
                Some(partner) => self.tracks[partner.place].see(time, sighting.rect),
                None if self.keeps(sighting) => alone.push(Seed {
                    face,
                    time,
                    sighting: *sighting,
                }),
                None => {}
            }
        }
        let mut members: Vec<Option<TrackNumber>> = partners
            .into_iter()
            .map(|partner| {
                let partner = partner.filter(|partner| !partner.is_doubtful)?;
                Some(self.tracks[partner.place].number)
            })
            .collect();
        for line in self.seeds.grow(time, alone, self.settings.score_sure) {
            members[line[2].face] = Some(self.begin(&line));
        }
        self.hide(time, seen);
        self.before = time;
        Step { members, ended }
    }

    /// Notes who is hidden in this frame.
    fn hide(&mut self, time: EventTime, seen: &[Sighting]) {
        let since = millis(self.before, time);
        let faces = || {
            seen.iter()
                .filter(|face| face.score >= self.settings.score_keep)
        };
        for track in &mut self.tracks {
            let is_unseen = track.course.last_time() < time && track.hidden < HIDDEN_MAX;
            if is_unseen && faces().any(|face| track.course.is_behind(time, &face.rect)) {
                track.hidden += since;
            }
        }
    }

    /// Ends all tracks: the camera was interrupted.
    pub fn end_all(&mut self) -> Vec<Ended> {
        self.seeds = Seeds::default();
        self.end(|_| true)
    }

    fn end(&mut self, is_over: impl Fn(&Track) -> bool) -> Vec<Ended> {
        let over = self.tracks.extract_if(.., |track| is_over(track));
        let ended = over.map(|track| Ended {
            track: track.number,
            first: track.first,
            last: track.course.last_time(),
            sightings: track.sightings,
        });
        ended.collect()
    }

    /// The track that these three sightings begin, or the lost one that they go on with.
    fn begin(&mut self, line: &[Seed; 3]) -> TrackNumber {
        let lost = self.lost(line[0].time, &line[0].sighting.rect);
        let place = lost.unwrap_or(self.tracks.len());
        if lost.is_none() {
            self.tracks.push(Track {
                number: self.next,
                course: Course::default(),
                first: line[0].time,
                sightings: 0,
                hidden: 0,
            });
            self.next.0 += 1;
        }
        let track = &mut self.tracks[place];
        for seed in line {
            track.see(seed.time, seed.sighting.rect);
        }
        track.number
    }

    /// The track that was seen before this, and not since, and may have come here.
    fn lost(&self, time: EventTime, rect: &Rect) -> Option<usize> {
        let costs = self.tracks.iter().enumerate().map(|(place, track)| {
            let course = &track.course;
            let is_lost = course.last_time() < time && self.shows(course.expected(time));
            // It may have turned; but the course is the better word.
            let way = COST_OF_OTHER_WAY * course.cost_of_way(time, rect);
            let cost = course.cost(time, rect).min(way) + self.cost_at_border(course, time, rect);
            (place, if is_lost { cost } else { f32::INFINITY })
        });
        let (place, cost) = costs.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (cost < assign::ALONE).then_some(place)
    }

    /// What a face of the track costs that may as well be another's.
    fn doubt(&self, place: usize, time: EventTime) -> f32 {
        match self.leaves(&self.tracks[place].course, time) {
            true => DOUBTFUL_AT_BORDER,
            false => DOUBTFUL,
        }
    }

    fn leaves(&self, course: &Course, time: EventTime) -> bool {
        !self.shows(course.expected(time.plus(LEAVES_WITHIN)))
    }

    /// Who is leaving goes on: where a face lies behind, another is coming in.
    fn cost_at_border(&self, course: &Course, time: EventTime, rect: &Rect) -> f32 {
        match self.leaves(course, time) {
            true => course.cost_of_turn(time, rect),
            false => 0.0,
        }
    }

    fn shows(&self, place: Point) -> bool {
        let (width, height) = self.settings.frame;
        (0.0..=width as f32).contains(&place.x) && (0.0..=height as f32).contains(&place.y)
    }

    fn is_sure(&self, sighting: &Sighting) -> bool {
        sighting.score >= self.settings.score_sure
    }

    fn keeps(&self, sighting: &Sighting) -> bool {
        sighting.score >= self.settings.score_keep
    }

    /// Matches what is still without a partner.
    fn match_round(
        &self,
        partners: &mut [Option<Partner>],
        (time, seen, lines): (EventTime, &[Sighting], &[f32]),
        round: Round,
    ) {
        let takes_face = |face: &Sighting| match round {
            Round::Sure => self.is_sure(face),
            Round::LessSure => self.keeps(face) && !self.is_sure(face),
        };
        let is_just_seen = |track: &Track| track.course.last_time() >= self.before;
        // Who has left by now does not come back: another comes in there.
        let takes_track = |track: &Track| {
            self.shows(track.course.expected(time)) && (round == Round::Sure || is_just_seen(track))
        };
        let faces: Vec<usize> = (0..seen.len())
            .filter(|&face| partners[face].is_none() && takes_face(&seen[face]))
            .collect();
        let tracks: Vec<usize> = (0..self.tracks.len())
            .filter(|&place| takes_track(&self.tracks[place]))
            .filter(|&place| {
                !partners
                    .iter()
                    .flatten()
                    .any(|partner| partner.place == place)
            })
            .collect();
        let costs: Vec<Vec<f32>> = tracks
            .iter()
            .map(|&track| {
                let course = &self.tracks[track].course;
                let is_lost = course.last_time() < self.before;
                faces
                    .iter()
                    .map(|&face| {
                        let rect = &seen[face].rect;
                        let cost = match is_lost {
                            true => course.cost_of_one(time, rect),
                            false => course.cost(time, rect),
                        };
                        let cost = cost + self.cost_at_border(course, time, rect);
                        // A face that goes on with two others more exactly than with the track is theirs.
                        let is_theirs = lines[face] + LINE_BETTER < cost;
                        if is_theirs { f32::INFINITY } else { cost }
                    })
                    .collect()
            })
            .collect();
        for (row, column) in assign(&costs).into_iter().enumerate() {
            let Some(column) = column else { continue };
            let cost = costs[row][column];
            let as_near = costs.iter().filter(|costs| costs[column] < cost + AS_WELL);
            partners[faces[column]] = Some(Partner {
                place: tracks[row],
                // The track itself is among those that are as near.
                is_doubtful: cost > self.doubt(tracks[row], time) || as_near.count() > 1,
            });
        }
    }
}

/// Who would be out of the picture in so many milliseconds is leaving.
const LEAVES_WITHIN: i64 = 600;
/// A face that costs more may be somebody else's.
const DOUBTFUL: f32 = 0.37;
/// The same where a track is leaving the picture, and others come in.
const DOUBTFUL_AT_BORDER: f32 = 0.12;
/// A face that costs another track so little more may be that one's.
const AS_WELL: f32 = 0.2;
/// How much more it costs that a lost track comes back by another way than its course.
const COST_OF_OTHER_WAY: f32 = 1.5;
/// A line through three faces takes the newest from a track that costs so much more.
const LINE_BETTER: f32 = 0.05;
/// Who is hidden for longer, in milliseconds, is gone.
const HIDDEN_MAX: i64 = 8_000;

fn millis(from: EventTime, to: EventTime) -> i64 {
    to.0.saturating_sub(from.0)
}
