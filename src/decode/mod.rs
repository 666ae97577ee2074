//! Record -> face crop, or the reason why not. Pure: no clock, no state, no side effect.
//!
//! Promises: every record yields exactly one [`Decoded`]; hostile bytes end as a [`Reject`], never as a panic;
//! what is cheap to refuse is refused before a pixel is decoded.

mod envelope;
mod exif;
mod huffman;
mod image;
mod jpeg;
mod layout;
mod mend;
mod reject;
mod turn;

pub use envelope::EVENT_TYPE;
pub use image::image;
pub use reject::Reject;

use crate::record::{Attributes, Crop, EventTime, Position, Record, SourceId, TrackId};
use envelope::Envelope;

/// A record after decoding: always accountable (source, time), with a crop or the reason why there is none.
#[derive(Debug)]
pub struct Decoded {
    pub position: Position,
    /// [`SourceId::unknown`] where the record names none, or one that the policy does not know.
    pub source: SourceId,
    /// When the face was seen. For a reject without a usable time: the record's timestamp, else when it was received.
    pub time: EventTime,
    pub track: Option<TrackId>,
    pub crop: Result<Crop, Reject>,
}

/// What decoding may accept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub payload_bytes_max: usize,
    pub image_side_min: u32,
    pub image_side_max: u32,
    /// How far event time may run ahead of the record's timestamp, in milliseconds.
    pub future_max: i64,
}

impl Limits {
    /// Whether an image may have these sides. One without pixels is none, which its decoder tells.
    fn check(&self, (width, height): (usize, usize)) -> Result<(), Reject> {
        if width.max(height) > self.image_side_max as usize {
            Err(Reject::TooManyPixels)
        } else if width.min(height) == 0 {
            Err(Reject::NotAnImage)
        } else if width.min(height) < self.image_side_min as usize {
            Err(Reject::TooFewPixels)
        } else {
            Ok(())
        }
    }
}

/// Which attributes the policy allows for a source; `None` denies the source.
pub trait Admit {
    fn admit(&self, source: &SourceId) -> Option<Attributes>;
}

/// Decodes one record.
pub fn decode(record: &Record, limits: &Limits, policy: &impl Admit) -> Decoded {
    let mut decoded = Decoded {
        position: record.position,
        source: SourceId::unknown(),
        time: record.timestamp.unwrap_or(record.received),
        track: None,
        crop: Err(Reject::MalformedEvent),
    };
    decoded.crop = envelope::open(record, limits)
        .and_then(|envelope| fill(&mut decoded, record, (envelope, limits, policy)));
    decoded
}

/// Notes source, time and track as soon as each is known, so that a later reject is accounted for where it belongs.
fn fill(
    decoded: &mut Decoded,
    record: &Record,
    (envelope, limits, policy): (Envelope<'_>, &Limits, &impl Admit),
) -> Result<Crop, Reject> {
    let source = envelope.source?;
    let attributes = policy.admit(&source).ok_or(Reject::UnknownSource)?;
    decoded.track = envelope.track.map(|track| track_id(&source, &track));
    decoded.source = source;

    let time = envelope.time?;
    let latest = record
        .timestamp
        .unwrap_or(record.received)
        .plus(limits.future_max);
    if time > latest {
        return Err(Reject::FutureTime);
    }
    decoded.time = time;
    image(&envelope.image?, limits, attributes)
}

/// A track is a track of its source: two cameras may count from 1 each.
fn track_id(source: &SourceId, track: &str) -> TrackId {
    TrackId::of(format!("{source}\0{track}").as_bytes())
}

#[cfg(test)]
mod tests;
