//! Runs the faces through decoding and inference, one thread a session, and takes the time.
//!
//! Promises: decoding and inference are the service's own; the outcomes are in the order of the rows.

pub(crate) mod clocks;
mod open;
mod run;
mod views;

pub use clocks::processor;
pub use open::{AGE_BANDS, Answered, Inputs, Opened};
pub use views::{VIEWS, view_size};

use std::{collections::BTreeMap, time::Duration};

use demograph_model::infer::{Engine, Passed};

use crate::{
    dataset::Labelled,
    evaluate::{Answer, Face},
};

/// Told how many more faces are done, from several threads.
pub type Progress<'a> = &'a (dyn Fn(usize) + Sync);

/// What came of every row, in order.
pub struct Measured {
    /// The answer, or why there is none.
    pub outcomes: Vec<Result<Answer, &'static str>>,
    /// CPU time of the whole program, less that of reading files and of preparing figures.
    pub cpu: Duration,
    pub wall: Duration,
    pub sessions: usize,
    pub engine: Engine,
    pub self_test: Passed,
}

impl Measured {
    /// The rows that have an answer.
    pub fn faces(&self, rows: &[Labelled]) -> Vec<Face> {
        let both = rows.iter().zip(&self.outcomes);
        both.filter_map(|(row, outcome)| {
            Some(Face {
                truth: row.truth.clone(),
                answer: outcome.as_ref().ok()?.clone(),
            })
        })
        .collect()
    }

    /// The rows without one, by reason.
    pub fn rejected(&self) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        for reason in self.outcomes.iter().filter_map(|o| o.as_ref().err()) {
            *reasons.entry(*reason).or_default() += 1;
        }
        reasons
    }
}
