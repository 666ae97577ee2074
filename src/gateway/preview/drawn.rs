//! What is drawn: each face, whether it is followed, how good it is, how large.

use demograph_camera::{
    detect::Wanted,
    face::Face,
    ffmpeg::Seen,
    follow::{Followed, Outcome},
    sketch::{Ink, Mark, Sketch},
};
use demograph_core::event::rfc3339;

/// The frame with its faces, as a JPEG.
pub(crate) fn draw(
    name: &str,
    seen: &Seen,
    outcome: &Outcome,
    wanted: Wanted,
) -> anyhow::Result<Vec<u8>> {
    let mut sketch = Sketch::of(&seen.frame)?;
    for face in &outcome.strangers {
        sketch.mark(&stranger(face, wanted));
    }
    for face in &outcome.faces {
        sketch.mark(&followed(face));
    }
    sketch.caption(&format!("{name} {}", rfc3339(seen.time)));
    sketch.jpeg()
}

/// Its track's number, its quality, its shorter side.
fn followed(followed: &Followed) -> Mark {
    let rect = followed.face.rect;
    Mark {
        rect,
        ink: Ink::GREEN,
        words: format!(
            "#{} {:.2} {:.0}px",
            followed.track.0,
            followed.shot.quality.product(),
            rect.side()
        ),
    }
}

/// Its shorter side, and whether that is enough.
fn stranger(face: &Face, wanted: Wanted) -> Mark {
    let side = face.rect.side();
    let (ink, words) = match side < wanted.min_face {
        true => (Ink::RED, format!("{side:.0}px: too small")),
        false => (Ink::YELLOW, format!("{side:.0}px")),
    };
    Mark {
        rect: face.rect,
        ink,
        words,
    }
}

#[cfg(test)]
mod tests {
    use demograph_camera::face::{Landmarks, Point, Rect};

    use super::*;

    #[test]
    fn a_face_that_is_too_small_is_red_and_one_that_is_not_followed_yet_yellow() {
        let wanted = Wanted {
            min_face: 40.0,
            ..Wanted::default()
        };
        let of = |side: f32| {
            let face = Face {
                rect: Rect {
                    corner: Point::default(),
                    width: side,
                    height: 2.0 * side,
                },
                landmarks: Landmarks::of([Point::default(); 5]),
                score: 0.9,
            };
            let mark = stranger(&face, wanted);
            (mark.ink, mark.words)
        };
        assert_eq!(of(39.4), (Ink::RED, "39px: too small".into()));
        assert_eq!(of(40.0), (Ink::YELLOW, "40px".into()));
    }
}
