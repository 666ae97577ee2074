//! Faces that belong to no track for sure: three on a line, passed at an even speed, begin one.

use demograph_core::record::EventTime;

use super::{Sighting, assign::ALONE, course::Course, millis};

/// The three lie within so many milliseconds: one of four frames may have missed the face.
const WITHIN: i64 = 700;
/// The third is so near to where the first two lead, as a cost. Else they may be of two people.
const GOOD: f32 = 0.5;
/// So many of the three are sure.
const SURE_MIN: usize = 2;

/// Faces of the last frames that may begin a track.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    seen: Vec<Seed>,
}

/// A face that may be of a track that begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed {
    /// Its place in its frame.
    pub face: usize,
    pub time: EventTime,
    pub sighting: Sighting,
}

/// Three faces that may be one: places of two seeds and of a face of the frame.
struct Line {
    cost: f32,
    first: usize,
    second: usize,
    third: usize,
}

impl Seeds {
    /// What the best line costs that ends in each of these faces; as much as being alone if there is none.
    pub fn costs(&self, time: EventTime, seen: &[Sighting], score_sure: f32) -> Vec<f32> {
        let seed = |(face, &sighting)| Seed {
            face,
            time,
            sighting,
        };
        let faces: Vec<Seed> = seen.iter().enumerate().map(seed).collect();
        let mut costs = vec![ALONE; seen.len()];
        for line in self.lines(time, &faces, score_sure) {
            costs[line.third] = costs[line.third].min(line.cost);
        }
        costs
    }

    /// Takes the faces of a frame. Gives the lines that begin tracks, the oldest face first; their faces are no seeds any more.
    pub fn grow(&mut self, time: EventTime, faces: Vec<Seed>, score_sure: f32) -> Vec<[Seed; 3]> {
        self.seen.retain(|seed| millis(seed.time, time) <= WITHIN);
        let mut lines = self.lines(time, &faces, score_sure);
        lines.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let (mut olds, mut news) = (vec![false; self.seen.len()], vec![false; faces.len()]);
        let mut begun = Vec::new();
        for line in lines {
            if olds[line.first] || olds[line.second] || news[line.third] {
                continue;
            }
            (olds[line.first], olds[line.second], news[line.third]) = (true, true, true);
            begun.push([
                self.seen[line.first],
                self.seen[line.second],
                faces[line.third],
            ]);
        }
        let all = self
            .seen
            .drain(..)
            .zip(olds)
            .chain(faces.into_iter().zip(news));
        self.seen = all
            .filter_map(|(seed, is_used)| (!is_used).then_some(seed))
            .collect();
        begun
    }

    fn lines(&self, time: EventTime, faces: &[Seed], score_sure: f32) -> Vec<Line> {
        let mut lines = Vec::new();
        let is_sure = |seed: &Seed| usize::from(seed.sighting.score >= score_sure);
        for (first, start) in self.seen.iter().enumerate() {
            if millis(start.time, time) > WITHIN {
                continue;
            }
            for (second, middle) in self.seen.iter().enumerate() {
                let mut course = Course::default();
                course.see(start.time, start.sighting.rect);
                let is_later = middle.time > start.time;
                if !is_later || course.cost_of_way(middle.time, &middle.sighting.rect) >= ALONE {
                    continue;
                }
                course.see(middle.time, middle.sighting.rect);
                for (third, end) in faces.iter().enumerate() {
                    let sure = is_sure(start) + is_sure(middle) + is_sure(end);
                    let cost = course.cost(time, &end.sighting.rect);
                    if cost < GOOD && sure >= SURE_MIN {
                        lines.push(Line {
                            cost,
                            first,
                            second,
                            third,
                        });
                    }
                }
            }
        }
        lines
    }
}
