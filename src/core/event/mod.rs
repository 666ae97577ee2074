//! The event contract (schemas/README.md): face crops as CloudEvents over Kafka, read and written. Pure.
//!
//! Promises: what is written here is read here as it was meant; each attribute is absent, readable or unreadable.

mod attributes;
mod base64;
mod content;
mod headers;
mod json;
mod names;
mod presence;
mod read;
mod time;
mod track;
mod write;

pub use names::{CONTENT_TYPE, EVENT_TYPE, Name, SPEC_VERSION, STRUCTURED};
pub use presence::{PRESENCE_TYPE, PresenceEvent, is_presence};
pub use read::{Envelope, open, source_id};
pub use track::WORDS_FOR_NOBODY;
pub use write::{CropEvent, Event, Form, content_type, rfc3339};
