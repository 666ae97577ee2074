//! What an event says of each attribute: nothing, a text, or something that cannot be read. Three things, never two.

use std::borrow::Cow;

use crate::{event::Name, reject::Reject};

/// Of one attribute: `Ok(None)` where it is absent.
pub type Stated<'a> = Result<Option<Cow<'a, str>>, Unreadable>;

/// Why an attribute that is there cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Its value is no text.
    NoText,
    /// It is spelled in two ways with different values.
    TwoValues,
}

/// All attributes of an event, from either form.
#[derive(Debug)]
pub struct Attributes<'a>([Stated<'a>; Name::ALL.len()]);

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self(Name::ALL.map(|_| Ok(None)))
    }
}

impl<'a> Attributes<'a> {
    pub fn set(&mut self, name: Name, stated: Stated<'a>) {
        self.0[name as usize] = stated;
    }

    pub fn get(&self, name: Name) -> &Stated<'a> {
        &self.0[name as usize]
    }

    /// The text without the spaces round it.
    pub fn text(&self, name: Name) -> Result<Option<&str>, Reject> {
        match self.get(name) {
            Ok(text) => Ok(text.as_deref().map(str::trim)),
            Err(Unreadable::NoText | Unreadable::TwoValues) => Err(Reject::MalformedEvent),
        }
    }

    pub fn are_absent(&self) -> bool {
        self.0.iter().all(|stated| *stated == Ok(None))
    }
}
