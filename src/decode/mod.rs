//! Record -> face crop, or the reason why not. Pure: no clock, no state, no side effect.
//!
//! Promises: every record yields exactly one [`Decoded`]; hostile bytes end as a [`Reject`], never as a panic;
//! what is cheap to refuse is refused before a pixel is decoded.

mod envelope;
mod image;
mod jpeg;
mod names;
mod reject;

pub use envelope::source_id;
pub use image::image;
pub use names::{CONTENT_TYPE, EVENT_TYPE, Name, SPEC_VERSION, STRUCTURED};
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
    pub image_side_max: u32,
    /// How far event time may run ahead of the record's timestamp, in milliseconds.
    pub future_max: i64,
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
    let envelope = envelope::open(record, limits);
    decoded.crop = fill(&mut decoded, record, (envelope, limits, policy));
    decoded
}

/// Notes source, time and track wherever each is known, so that a reject is accounted for where it belongs.
fn fill(
    decoded: &mut Decoded,
    record: &Record,
    (envelope, limits, policy): (Envelope<'_>, &Limits, &impl Admit),
) -> Result<Crop, Reject> {
    let admitted = envelope.source.and_then(|source| {
        let attributes = policy.admit(&source).ok_or(Reject::UnknownSource)?;
        decoded.source = source;
        Ok(attributes)
    });
    let time = envelope.time.and_then(|time| believe(time, record, limits));
    if let Ok(time) = time {
        decoded.time = time;
    }
    envelope.kind?;
    let attributes = admitted?;
    time?;
    let track = envelope.track?;
    decoded.track = track.map(|track| track_id(&decoded.source, &track));
    image(&envelope.image?, limits, attributes)
}

/// The time, if it can be true.
fn believe(time: EventTime, record: &Record, limits: &Limits) -> Result<EventTime, Reject> {
    let latest = record
        .timestamp
        .unwrap_or(record.received)
        .plus(limits.future_max);
    match time > latest {
        true => Err(Reject::FutureTime),
        false => Ok(time),
    }
}

/// A track is a track of its source: two cameras may count from 1 each.
fn track_id(source: &SourceId, track: &str) -> TrackId {
    TrackId::of(format!("{source}\0{track}").as_bytes())
}

#[cfg(test)]
mod tests;
