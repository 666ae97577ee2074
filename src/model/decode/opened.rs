//! Record -> its envelope: who was seen where and when, and the image still as bytes. No pixel is decoded.
//!
//! Promises: every record yields exactly one [`Opened`], always accountable; it is opened once.

use std::{borrow::Cow, fmt};

use demograph_core::{
    choose::Quality,
    event::{self, Envelope},
    privacy::Admit,
    record::{Attributes, Crop, EventId, EventTime, Position, Record, SourceId, TrackId},
    reject::Reject,
};

use super::{Limits, image};

/// A record that was opened. It may hold a face: not `Clone`, and its `Debug` shows the position only.
pub struct Opened {
    /// Where it lies in the topic.
    pub position: Position,
    /// The broker's or the producer's stamp.
    pub timestamp: Option<EventTime>,
    /// The wall clock when the record was polled.
    pub received: EventTime,
    /// [`SourceId::unknown`] where the record names none, or one that the policy does not know.
    pub source: SourceId,
    /// When the face was seen. For a reject without a time that can be: the record's timestamp if that can be, else
    /// when it was received.
    pub time: EventTime,
    /// What the event says of its time, whether that can be or not.
    pub stated: Option<EventTime>,
    /// The event, if it has a name.
    pub id: Option<EventId>,
    /// Who was seen.
    pub track: Option<TrackId>,
    /// How good the crop is: what the producer states, else the area of the image. `None` where its head says already that
    /// the decoder will reject it: then it stands for no other crop.
    pub quality: Option<Quality>,
    /// The crop, or the reason why there is none.
    pub crop: Result<EncodedCrop, Reject>,
}

/// An image that is not decoded yet. It may hold a face: not `Clone`, and its `Debug` shows the size only.
pub struct EncodedCrop {
    bytes: Vec<u8>,
    /// What may be estimated of this face, by the policy of its source.
    attributes: Attributes,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?})", self.position)
    }
}

impl fmt::Debug for EncodedCrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedCrop({} bytes)", self.bytes.len())
    }
}

impl EncodedCrop {
    /// The pixels.
    pub fn decode(&self, limits: &Limits) -> Result<Crop, Reject> {
        image::image(&self.bytes, limits, self.attributes)
    }
}

/// Opens one record.
pub fn open(record: Record, limits: &Limits, policy: &impl Admit) -> Opened {
    let sent = record.timestamp;
    let plausible = sent.filter(|&sent| limits.check_time(sent, &record).is_ok());
    let mut opened = Opened {
        position: record.position,
        timestamp: record.timestamp,
        received: record.received,
        source: SourceId::unknown(),
        time: plausible.unwrap_or(record.received),
        stated: None,
        id: None,
        track: None,
        quality: None,
        crop: Err(Reject::MalformedEvent),
    };
    let envelope = event::open(&record, limits.payload_bytes_max);
    let filled = fill(&mut opened, &record, envelope, limits, policy);
    opened.crop = filled.map(|(decoded, attributes)| EncodedCrop {
        // In binary mode the image is the payload as it is.
        bytes: decoded.unwrap_or(record.payload),
        attributes,
    });
    opened
}

/// Notes source, time, id and track wherever each is known, so that a reject is accounted for where it belongs. Returns the
/// bytes of the image if they are not the payload, and what may be estimated.
fn fill(
    opened: &mut Opened,
    record: &Record,
    envelope: Envelope<'_>,
    limits: &Limits,
    policy: &impl Admit,
) -> Result<(Option<Vec<u8>>, Attributes), Reject> {
    let admitted = envelope.source.and_then(|source| {
        let attributes = policy.admit(&source).ok_or(Reject::UnknownSource)?;
        opened.source = source;
        opened.stated = envelope.time.ok();
        Ok(attributes)
    });
    let time = envelope.time.and_then(|time| {
        limits.check_time(time, record)?;
        opened.time = time;
        Ok(())
    });
    envelope.kind?;
    let attributes = admitted?;
    time?;
    let id = envelope.id?;
    opened.id = id.map(|id| event_id(&opened.source, &id));
    let track = envelope.track?;
    opened.track = track.map(|track| track_id(&opened.source, &track));
    let stated = envelope.quality?;
    let bytes = envelope.image?;
    let size = image::size(&bytes, limits);
    opened.quality = size.map(|size| stated.unwrap_or(Quality::of_size(size)));
    match bytes {
        Cow::Borrowed(_) => Ok((None, attributes)),
        Cow::Owned(bytes) => Ok((Some(bytes), attributes)),
    }
}

/// A track is a track of its source: two cameras may count from 1 each.
pub(super) fn track_id(source: &SourceId, track: &str) -> TrackId {
    TrackId::of(format!("{source}\0{track}").as_bytes())
}

/// An id is an id of its source, as CloudEvents has it.
pub(super) fn event_id(source: &SourceId, id: &str) -> EventId {
    EventId::of(format!("{source}\0{id}").as_bytes())
}
