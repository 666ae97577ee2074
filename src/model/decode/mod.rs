//! Record -> face crop, or the reason why not. Pure: no clock, no state, no side effect.
//!
//! Promises: every record yields exactly one [`Opened`]; hostile bytes end as a [`Reject`], never as a panic;
//! what is cheap to refuse is refused before a pixel is decoded.

mod exif;
mod huffman;
mod image;
mod jpeg;
mod layout;
mod mend;
mod opened;
mod turn;

pub use image::image;
pub use opened::{EncodedCrop, Opened, open};

use demograph_core::{
    record::{EventTime, Record},
    reject::Reject,
};

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

#[cfg(test)]
mod tests;
