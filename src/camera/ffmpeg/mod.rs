//! ffmpeg as a child of this process: decodes files and the streams of cameras.
//!
//! Promises: at most one child for a stream, and none is left behind; a child that gives no picture for a time is ended, first
//! kindly; a live stream is never slowed down, what nobody takes in time is dropped and counted; no password is in a message.

mod backoff;
mod child;
mod command;
mod redact;
mod stream;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use child::End;
pub use command::Settings;
pub use redact::redact;
pub use stream::{Event, Seen, Taken, run};
