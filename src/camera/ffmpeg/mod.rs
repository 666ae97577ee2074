//! ffmpeg as a child of this process: decodes files and the streams of cameras, and writes the films of the demo.
//!
//! Promises: at most one child for a stream, and none is left behind, not even when this process is killed; a child that gives no picture for a time is ended, first
//! kindly; a live stream is never slowed down, what nobody takes in time is dropped and counted; no password is in a message or in the list of processes.

mod backoff;
mod child;
mod command;
mod probe;
mod redact;
mod refusal;
mod spawn;
mod stream;
mod write;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use child::{End, Skipped};
pub use command::{Settings, Times, WHOLE, is_of_name, is_stream};
pub use probe::{duration, rate};
pub use redact::redact;
pub use stream::{Event, Seen, Taken, run};
pub use write::write;
