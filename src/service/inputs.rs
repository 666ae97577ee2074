//! What feeds the service from within its own process, such as the cameras of `watch`: how each of them is, as plain data.
//! The service knows none of them, only whom to ask.

use std::sync::Arc;

use demograph_core::record::EventTime;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The source of what it sends.
    pub source: String,
    /// How it is.
    pub condition: Condition,
    /// The same more exactly: the word of its own metrics.
    pub state: &'static str,
    /// Since when it is in this condition.
    pub since: EventTime,
    /// Why nothing comes, and what to do; none while all is well.
    pub reason: Option<&'static str>,
    /// What it counts, by name.
    pub figures: Vec<(&'static str, u64)>,
}

/// How an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing has come yet.
    Starting,
    /// It gives what it should.
    Up,
    /// It gives nothing, and should.
    Down,
    /// It has given all that there is.
    Over,
}

/// Who has inputs.
pub trait Inputs: Send + Sync {
    /// How they are now, in the order of their names.
    fn inputs(&self) -> Vec<Input>;
}

/// How those of `who` are; nobody has none.
pub(crate) fn of(who: Option<&Arc<dyn Inputs>>) -> Vec<Input> {
    who.map_or_else(Vec::new, |who| who.inputs())
}
