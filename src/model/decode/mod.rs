//! Record -> face crop, or the reason why not. Pure: no clock, no state, no side effect.
//!
//! Promises: every record yields exactly one [`Decoded`]; hostile bytes end as a [`Reject`], never as a panic;
//! what is cheap to refuse is refused before a pixel is decoded.

mod exif;
mod huffman;
mod image;
mod jpeg;
mod layout;
mod mend;
mod turn;

pub use image::image;

use demograph_core::{
    event::{self, Envelope},
    privacy::Admit,
    record::{Crop, EventId, EventTime, Position, Record, SourceId, TrackId},
    reject::Reject,
};

/// A record after decoding: always accountable (source, time), with a crop or the reason why there is none.
#[derive(Debug)]
pub struct Decoded {
    pub position: Position,
    /// [`SourceId::unknown`] where the record names none, or one that the policy does not know.
    pub source: SourceId,
    /// When the face was seen. For a reject without a plausible time: the record's timestamp if that is plausible, else
    /// its receipt.
    pub time: EventTime,
    /// The time that the event states, plausible or not.
    pub stated: Option<EventTime>,
    pub id: Option<EventId>,
    pub track: Option<TrackId>,
    pub crop: Result<Crop, Reject>,
}

/// What decoding may accept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub payload_bytes_max: usize,
    pub image_side_min: u32,
    pub image_side_max: u32,
    /// How far event time may run ahead of the record's timestamp, and of its receipt, in milliseconds.
    pub future_max: i64,
    /// How far event time may lie before the record's receipt, in milliseconds.
    pub past_max: i64,
}

/// What the service accepts of an image unless its config says otherwise; seen at any time before now.
impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 512 * 1024,
            image_side_min: 16,
            image_side_max: 2048,
            future_max: 0,
            past_max: i64::MAX,
        }
    }
}

impl Limits {
    /// Whether a face of this record can have been seen then: not after the record was sent, nor after it was received,
    /// nor too long ago. A timestamp that is too old itself says nothing.
    fn check_time(&self, time: EventTime, record: &Record) -> Result<(), Reject> {
        let oldest = record.received.minus(self.past_max);
        let sent = record.timestamp.filter(|&sent| sent >= oldest);
        let latest = sent.map_or(record.received, |sent| sent.min(record.received));
        if time > latest.plus(self.future_max) {
            Err(Reject::FutureTime)
        } else if time < oldest {
            Err(Reject::PastTime)
        } else {
            Ok(())
        }
    }
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

/// Decodes one record.
pub fn decode(record: &Record, limits: &Limits, policy: &impl Admit) -> Decoded {
    let sent = record.timestamp;
    let plausible = sent.filter(|&sent| limits.check_time(sent, record).is_ok());
    let mut decoded = Decoded {
        position: record.position,
        source: SourceId::unknown(),
        time: plausible.unwrap_or(record.received),
        stated: None,
        id: None,
        track: None,
        crop: Err(Reject::MalformedEvent),
    };
    let envelope = event::open(record, limits.payload_bytes_max);
    decoded.crop = fill(&mut decoded, record, envelope, limits, policy);
    decoded
}

/// Notes source, time, id and track wherever each is known, so that a reject is accounted for where it belongs.
fn fill(
    decoded: &mut Decoded,
    record: &Record,
    envelope: Envelope<'_>,
    limits: &Limits,
    policy: &impl Admit,
) -> Result<Crop, Reject> {
    let admitted = envelope.source.and_then(|source| {
        let attributes = policy.admit(&source).ok_or(Reject::UnknownSource)?;
        decoded.source = source;
        decoded.stated = envelope.time.ok();
        Ok(attributes)
    });
    let time = envelope.time.and_then(|time| {
        limits.check_time(time, record)?;
        decoded.time = time;
        Ok(())
    });
    envelope.kind?;
    let attributes = admitted?;
    time?;
    let id = envelope.id?;
    decoded.id = id.map(|id| event_id(&decoded.source, &id));
    let track = envelope.track?;
    decoded.track = track.map(|track| track_id(&decoded.source, &track));
    image(&envelope.image?, limits, attributes)
}

/// A track is a track of its source: two cameras may count from 1 each.
fn track_id(source: &SourceId, track: &str) -> TrackId {
    TrackId::of(format!("{source}\0{track}").as_bytes())
}

/// An id is an id of its source, as CloudEvents has it.
fn event_id(source: &SourceId, id: &str) -> EventId {
    EventId::of(format!("{source}\0{id}").as_bytes())
}

#[cfg(test)]
mod tests;
