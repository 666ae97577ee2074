//! What demograph computes, without any IO: no clock, no file, no network, no thread.
//!
//! ```text
//! event ─▶ … ─▶ window ─▶ privacy ─▶ state
//!                pane      released   checkpoint
//!                             ├─▶ views
//!                             └─▶ periods
//! ```
//! `record` is the vocabulary of all crates; `estimate` corrects shares for the model's error.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod checked;
pub mod facts;
mod hex;
pub mod record;
pub mod reject;
pub mod span;
pub mod winner;

pub mod estimate;
pub mod event;
pub mod periods;
pub mod privacy;
pub mod state;
#[expect(missing_docs, reason = "some are still to be written")]
pub mod views;
#[expect(missing_docs, reason = "some are still to be written")]
pub mod window;

pub use hex::hex;

#[cfg(any(test, feature = "testing"))]
pub mod golden;
