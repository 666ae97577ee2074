//! From pictures of people to face crops, as the pipeline takes them.
//!
//! ```text
//! frame ─▶ detect ─▶ align ─▶ quality ─▶ encode
//! planes   faces     crop     0..1       JPEG
//! ```
//! Core, model and service do not know this crate: who sends crops of their own needs none of it.

pub mod align;
pub mod detect;
mod encode;
pub mod face;
pub mod ffmpeg;
pub mod film;
pub mod finder;
pub mod follow;
pub mod frame;
pub mod mask;
pub mod nut;
pub mod quality;
pub mod shot;
pub mod sketch;
#[cfg(test)]
mod stage;
pub mod timeline;
pub mod track;
