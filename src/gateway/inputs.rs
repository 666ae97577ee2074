//! How the cameras are, for whoever shows it: since when, and in words why nothing comes and what to do.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use demograph_camera::ffmpeg::End;
use demograph_core::record::EventTime;
use demograph_service::inputs::{Condition, Input, Inputs};

use crate::metrics::CameraMetrics;

/// What a camera does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// No picture has come yet.
    Connecting,
    /// Pictures come.
    Up,
    /// None come, and some should.
    Down(End),
    /// All that there are were taken.
    Over,
}

impl Doing {
    /// The value of the label `state`.
    pub fn state(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Down(end) => end.name(),
            Self::Over => End::Ended.name(),
        }
    }

    fn condition(self) -> Condition {
        match self {
            Self::Connecting => Condition::Starting,
            Self::Up => Condition::Up,
            Self::Down(_) => Condition::Down,
            Self::Over => Condition::Over,
        }
    }

    /// Why nothing comes, and what to do.
    fn reason(self) -> Option<&'static str> {
        let Self::Down(end) = self else { return None };
        Some(match end {
            End::Unauthorized => "The camera refuses the user or the password. Mend them.",
            End::NotFound => "There is nothing at this address. Mend its path, or the device's.",
            End::NoVideo => "Only sound comes from this address. Name the one with pictures.",
            End::Unreachable => "Nobody answers. Check power, address and network.",
            End::Silent => "It is connected and sends no picture. Restart the camera.",
            End::Refused => "It cannot be opened. The log has ffmpeg's last words.",
            End::Died => "It broke off. The log has ffmpeg's last words.",
            End::Malformed => "What comes is no video. The log has ffmpeg's last words.",
            End::Ended => "The camera closes the stream. Another client may have its last place.",
        })
    }
}

/// What each camera does, and since when. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<BTreeMap<String, Turn>>>);

#[derive(Debug, Clone, Copy)]
struct Turn {
    doing: Doing,
    since: EventTime,
}

impl Turns {
    /// A camera does this now. One that is down for another reason than before has been down all the time.
    pub fn turn(&self, camera: &str, doing: Doing, now: EventTime) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = turns.get(camera).copied();
        let same = before.filter(|turn| turn.doing.condition() == doing.condition());
        let since = same.map_or(now, |turn| turn.since);
        turns.insert(camera.to_owned(), Turn { doing, since });
    }

    fn all(&self) -> BTreeMap<String, Turn> {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.clone()
    }
}

impl Inputs for CameraMetrics {
    fn inputs(&self) -> Vec<Input> {
        let turns = self.turns().all().into_iter();
        let input = |(camera, turn): (String, Turn)| {
            let status = self.status(&camera);
            Input {
                condition: turn.doing.condition(),
                state: turn.doing.state(),
                since: turn.since,
                reason: turn.doing.reason(),
                // How many people there were is said of released windows only.
                figures: vec![
                    ("frames", status.frames),
                    ("skipped_busy", status.skipped),
                    ("restarts", status.restarts),
                ],
                source: camera,
            }
        };
        turns.map(input).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_down_since_its_first_failure_whatever_the_next_ones_are() {
        let turns = Turns::default();
        let mut said = Vec::new();
        for (now, doing) in [
            (1, Doing::Connecting),
            (2, Doing::Down(End::Unreachable)),
            (3, Doing::Down(End::Unauthorized)),
            (4, Doing::Up),
            (5, Doing::Up),
            (6, Doing::Over),
        ] {
            turns.turn("door", doing, EventTime(now));
            let turn = turns.all()["door"];
            said.push((turn.doing.state(), turn.since.0));
        }
        assert_eq!(
            said,
            [
                ("connecting", 1),
                ("unreachable", 2),
                ("unauthorized", 2),
                ("up", 4),
                ("up", 4),
                ("ended", 6)
            ]
        );
    }

    #[test]
    fn each_reason_is_one_of_a_camera_that_is_down_and_says_what_to_do() {
        for end in End::ALL {
            let down = Doing::Down(end);
            assert_eq!(down.condition(), Condition::Down);
            assert!(down.reason().is_some_and(|words| words.ends_with('.')));
        }
        for well in [Doing::Connecting, Doing::Up, Doing::Over] {
            assert_eq!(well.reason(), None);
        }
    }
}
