//! Record -> face crop, or the reason why not. Pure: no clock, no state, no side effect.
//!
//! Promises: every record yields exactly one [`Decoded`]; hostile bytes end as a [`Reject`], never as a panic.

mod reject;

pub use reject::Reject;

use crate::record::{Attributes, Crop, EventTime, Position, Record, SourceId, TrackId};

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
#[derive(Debug, Clone)]
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
pub fn decode(_record: &Record, _limits: &Limits, _policy: &impl Admit) -> Decoded {
    todo!("decode")
}
