//! What demograph computes, without any IO: no clock, no file, no network, no thread.
//!
//! ```text
//! event ─▶ … ─▶ window ─▶ privacy ─▶ state
//!                pane      released   checkpoint
//!                             ├─▶ views, people
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
pub mod sheets;
pub mod span;
pub mod winner;

pub mod choose;
pub mod estimate;
pub mod event;
pub mod people;
pub mod periods;
pub mod privacy;
pub mod state;
pub mod views;
pub mod window;

pub use hex::{hex, unhex};

#[cfg(any(test, feature = "testing"))]
pub mod golden;

#[cfg(test)]
extern crate self as demograph_core;
#[cfg(test)]
#[path = "examples/stays/tests.rs"]
mod stays_tests;
