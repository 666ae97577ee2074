//! Binary mode: the attributes in the record's headers. `ce_time` (CloudEvents over Kafka) and `ce-time` (over HTTP,
//! Spring, early SDKs) mean the same, in any case. Of two headers of one name the last counts, as everywhere in Kafka.

use std::borrow::Cow;

use super::attributes::{Attributes, Stated, Unreadable};
use crate::{event::Name, record::Record};

pub struct Headers<'a> {
    pub attributes: Attributes<'a>,
    pub content_type: Stated<'a>,
}

pub fn read(record: &Record) -> Headers<'_> {
    let mut attributes = Name::ALL.map(|_| Spellings::default());
    let mut content_type = Spellings::default();
    for (key, value) in &record.headers {
        let value = value.as_deref();
        if let Some((separator, rest)) = behind(key, "ce") {
            if let Some(name) = Name::parse(rest) {
                attributes[name as usize].note(separator, value);
            }
        } else if let Some((separator, rest)) = behind(key, "content")
            && rest.eq_ignore_ascii_case("type")
        {
            content_type.note(separator, value);
        }
    }
    let mut read = Attributes::default();
    for name in Name::ALL {
        read.set(name, attributes[name as usize].stated());
    }
    Headers {
        attributes: read,
        content_type: content_type.stated(),
    }
}

/// `CE-Time` behind `ce` -> `-`, `Time`
fn behind<'k>(key: &'k str, stem: &str) -> Option<(Separator, &'k str)> {
    let (head, rest) = key.split_at_checked(stem.len())?;
    if !head.eq_ignore_ascii_case(stem) {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('_') {
        return Some((Separator::Underscore, rest));
    }
    Some((Separator::Hyphen, rest.strip_prefix('-')?))
}

enum Separator {
    Underscore,
    Hyphen,
}

/// The last value under each of the two spellings of a name; a null is no value.
#[derive(Default, Clone, Copy)]
struct Spellings<'a> {
    underscore: Option<&'a [u8]>,
    hyphen: Option<&'a [u8]>,
}

impl<'a> Spellings<'a> {
    fn note(&mut self, separator: Separator, value: Option<&'a [u8]>) {
        match separator {
            Separator::Underscore => self.underscore = value,
            Separator::Hyphen => self.hyphen = value,
        }
    }

    fn stated(self) -> Stated<'a> {
        match (self.underscore, self.hyphen) {
            (Some(one), Some(other)) if one.trim_ascii() != other.trim_ascii() => {
                Err(Unreadable::TwoValues)
            }
            (one, other) => one
                .or(other)
                .map(|value| std::str::from_utf8(value).map(Cow::Borrowed))
                .transpose()
                .map_err(|_| Unreadable::NoText),
        }
    }
}
