//! Which faces of tracks are sent, and as what. The rule is that of `demograph run`: the same code chooses here and there.
//! Pure but for the encoding of the JPEG.
//!
//! Promises: whoever applies the rule again to what is sent spares none of it; of each track a crop is sent in each pane,
//! unless all are blurred.

use demograph_camera::{follow::Followed, track::Ended};
use demograph_core::{
    choose::{Choice, Chooser, CropsMax, Quality, Sight, Spans},
    event::{CropEvent, Event, Form, PresenceEvent},
    record::{EventTime, SourceId, TrackId},
};

use crate::names::Names;

/// Which crops are sent.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The most of a track in ten seconds; all where there is none.
    pub crops_max: Option<CropsMax>,
    /// How panes lie.
    pub spans: Spans,
    /// Less sharp ones are not sent.
    pub sharpness_min: f32,
}

/// Picks the faces of one camera.
pub(crate) struct Picker {
    source: SourceId,
    names: Names,
    rule: Rule,
    chooser: Chooser,
}

/// What becomes of a face.
pub(crate) enum Picked {
    Blurred,
    /// Its track has enough.
    Spared,
    /// It is to be sent.
    Taken(Event),
}

impl Picker {
    pub fn new(source: SourceId, names: Names, rule: Rule) -> Self {
        Self {
            source,
            names,
            rule,
            chooser: Chooser::new(rule.spans),
        }
    }

    pub fn pick(&mut self, time: EventTime, followed: &Followed) -> anyhow::Result<Picked> {
        let quality = followed.shot.quality;
        if quality.sharpness < self.rule.sharpness_min {
            return Ok(Picked::Blurred);
        }
        let track = self.names.track(followed.track.0);
        if self.choose(time, &track, quality.product()) == Choice::Spared {
            return Ok(Picked::Spared);
        }
        let event = CropEvent {
            id: self.names.next_event(),
            source: self.source.as_str().to_owned(),
            time,
            track: Some(track),
            quality: Some(quality.product()),
            content_type: "image/jpeg",
            image: followed.shot.jpeg()?,
        };
        Ok(Picked::Taken(event.encode(Form::Binary)))
    }

    /// What says that a track has ended, which faced the camera for so many milliseconds.
    pub fn presence(&self, ended: &Ended, facing: i64) -> Event {
        let event = PresenceEvent {
            id: self.names.presence(ended.track.0),
            source: self.source.as_str().to_owned(),
            track: self.names.track(ended.track.0),
            first: ended.first,
            last: ended.last,
            facing,
        };
        event.encode()
    }

    fn choose(&mut self, time: EventTime, track: &str, quality: f32) -> Choice {
        let Some(crops_max) = self.rule.crops_max else {
            return Choice::Taken;
        };
        // As the event states it.
        let stated = Quality::stated(&quality.to_string());
        let sight = Sight {
            source: &self.source,
            time,
            track: TrackId::of(track.as_bytes()),
            quality: stated.unwrap_or(Quality::of_size((0, 0))),
        };
        self.chooser.choose(&sight, crops_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Spans = Spans {
        pane: 10_000,
        lateness_max: 10_000,
    };

    /// Which of a person's faces, five a second with these qualities, are taken.
    fn taken(picker: &mut Picker, qualities: &[f32]) -> Vec<usize> {
        let faces = qualities.iter().enumerate();
        faces
            .filter(|(number, quality)| {
                let time = EventTime(*number as i64 * 200);
                picker.choose(time, "a", **quality) == Choice::Taken
            })
            .map(|(number, _)| number)
            .collect()
    }

    fn picker(crops_max: u32) -> Picker {
        let rule = Rule {
            crops_max: CropsMax::new(crops_max),
            spans: SPANS,
            sharpness_min: 0.0,
        };
        Picker::new(SourceId::new("lobby"), Names::new(1, 0), rule)
    }

    #[test]
    fn the_first_face_is_taken_then_better_ones_and_later_ones_up_to_three_in_ten_seconds() {
        let mut qualities = [0.5; 60];
        qualities[4] = 0.61;
        assert_eq!(taken(&mut picker(3), &qualities), [0, 4, 21, 50]);
        assert_eq!(taken(&mut picker(0), &qualities).len(), 60);
    }

    #[test]
    fn the_rule_applied_again_to_what_is_sent_spares_none() {
        let qualities: Vec<f32> = (0..300)
            .map(|n| 0.2 + 0.7 * ((n * n % 37) as f32 / 37.0))
            .collect();
        let sent = taken(&mut picker(3), &qualities);
        // A minute has six times ten seconds.
        assert!(sent.len() <= 18, "{sent:?}");
        let mut again = picker(3);
        for number in sent {
            let time = EventTime(number as i64 * 200);
            assert_eq!(
                again.choose(time, "a", qualities[number]),
                Choice::Taken,
                "{number}"
            );
        }
    }
}
