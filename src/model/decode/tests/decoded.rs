//! A record through opening and decoding, as the service does both.

use demograph_core::{
    choose::Quality,
    privacy::Admit,
    record::{Crop, EventId, EventTime, Record, SourceId, TrackId},
    reject::Reject,
};

use super::super::{Limits, open};

/// What became of it.
#[derive(Debug)]
pub struct Decoded {
    pub source: SourceId,
    pub time: EventTime,
    pub stated: Option<EventTime>,
    pub id: Option<EventId>,
    pub track: Option<TrackId>,
    pub quality: Option<Quality>,
    pub crop: Result<Crop, Reject>,
}

pub fn decode(record: &Record, limits: &Limits, policy: &impl Admit) -> Decoded {
    let again = Record {
        position: record.position,
        timestamp: record.timestamp,
        received: record.received,
        key: record.key.clone(),
        headers: record.headers.clone(),
        payload: record.payload.clone(),
    };
    let opened = open(again, limits, policy);
    assert_eq!(opened.position, record.position);
    Decoded {
        source: opened.source,
        time: opened.time,
        stated: opened.stated,
        id: opened.id,
        track: opened.track,
        quality: opened.quality,
        crop: opened.crop.and_then(|crop| crop.decode(limits)),
    }
}
