//! Structured mode: the event in JSON, read attribute by attribute, so that one which is no text does not hide the
//! others, and what stands before a fault in the JSON still counts. Of two of one name the last counts; case does not
//! matter; null is absent.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Number, Value};

use super::{
    attributes::{Attributes, Stated, Unreadable},
    track,
};
use crate::{event::Name, reject::Reject};

/// Some writers put it before their JSON.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Beyond it a floating-point number stands for several integers.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads the attributes; with a fault, those before it.
pub fn read(bytes: &[u8]) -> (Attributes<'static>, Result<(), Reject>) {
    let mut attributes = Attributes::default();
    let mut json = serde_json::Deserializer::from_slice(unmarked(bytes));
    let read = Members(&mut attributes)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    (attributes, read.map_err(|_| Reject::MalformedEvent))
}

/// Whether the bytes may be a JSON object.
pub fn begins(bytes: &[u8]) -> bool {
    unmarked(bytes).trim_ascii_start().starts_with(b"{")
}

/// Whether it is JSON with the attribute that every CloudEvent has.
pub fn names_a_version(bytes: &[u8]) -> bool {
    *read(bytes).0.get(Name::SpecVersion) != Ok(None)
}

fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Takes the members of an object into the attributes.
struct Members<'m>(&'m mut Attributes<'static>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            match Name::parse(&key) {
                Some(name) => self.0.set(name, stated(name, members.next_value()?)),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

fn stated(name: Name, value: Value) -> Stated<'static> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => Some(text),
        Value::Number(number) if name == Name::Quality => Some(number.to_string()),
        // CloudEvents has integers and booleans too; the attributes that it defines itself are texts.
        Value::Number(number) if has_any_type(name) => integer(&number),
        Value::Bool(value) if has_any_type(name) => Some(value.to_string()),
        _ => None,
    };
    text.map(|text| Some(Cow::Owned(text)))
        .ok_or(Unreadable::NoText)
}

/// `trackid` is an extension; an `id` should be a text, and is often a number.
fn has_any_type(name: Name) -> bool {
    matches!(name, Name::TrackId | Name::Id)
}

/// `7` and `7.0` -> "7". A number too large to be exact is unreadable, unless it means "not tracked".
fn integer(number: &Number) -> Option<String> {
    match number.as_f64() {
        Some(value) if number.is_f64() => {
            let text = number.to_string();
            let is_exact = value.fract() == 0.0 && value.abs() <= EXACT_MAX;
            match is_exact {
                true => Some(format!("{value:.0}")),
                false => track::person(&text).is_none().then_some(text),
            }
        }
        _ => Some(number.to_string()),
    }
}
