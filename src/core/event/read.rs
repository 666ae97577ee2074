//! CloudEvents over Kafka: binary (attributes in headers, the value is the image) and structured (all in JSON).
//! A plain producer that sends the image with the source as key, without any header, is understood too.
//!
//! Promises: each attribute is absent, readable or unreadable, and unreadable is never taken for absent; what both
//! forms of an event say is judged here, once; a part that cannot be used does not spoil the others.

use std::borrow::Cow;

use super::{
    attributes::{Attributes, Unreadable},
    base64,
    content::{self, Content},
    headers, json,
    names::{self, Name},
    time, track,
};
use crate::{
    choose::Quality,
    record::{EventTime, Record, SourceId},
    reject::Reject,
};

/// The JSON round the image of a structured event.
const STRUCTURED_OVERHEAD: usize = 4096;
const SOURCE_BYTES_MAX: usize = 256;

/// What an event says. Parts that cannot be used hold the reason, so that the others still count.
pub struct Envelope<'a> {
    /// Whether it is an event of ours at all: its form, its version, its type.
    pub kind: Result<(), Reject>,
    /// The camera: what the event states, else the key.
    pub source: Result<SourceId, Reject>,
    /// When the face was seen: what the event states, else the timestamp of the record.
    pub time: Result<EventTime, Reject>,
    /// The id of the event; `None` where it has none.
    pub id: Result<Option<String>, Reject>,
    /// The hash of the track id; `None` where the face is not tracked.
    pub track: Result<Option<String>, Reject>,
    /// `None` where none is stated.
    pub quality: Result<Option<Quality>, Reject>,
    /// The bytes of the image.
    pub image: Result<Cow<'a, [u8]>, Reject>,
}

/// Reads the envelope.
pub fn open<'a>(record: &'a Record, payload_bytes_max: usize) -> Envelope<'a> {
    let headers = headers::read(record);
    let declared = headers.content_type.as_ref().map(Content::of);
    match declared {
        Ok(Content::Event) => structured(record, payload_bytes_max),
        // Many a producer of JSON cannot set headers. No image begins like JSON.
        Ok(Content::Open | Content::Json)
            if headers.attributes.are_absent() && json::begins(&record.payload) =>
        {
            match json::names_a_version(&record.payload) {
                true => structured(record, payload_bytes_max),
                false => binary(record, headers, payload_bytes_max),
            }
        }
        _ => binary(record, headers, payload_bytes_max),
    }
}

fn binary<'a>(
    record: &'a Record,
    headers: headers::Headers<'a>,
    payload_bytes_max: usize,
) -> Envelope<'a> {
    let image = image_of(Cow::Borrowed(&record.payload), payload_bytes_max)
        .and_then(|image| content::check(&headers.content_type).map(|()| image));
    envelope(headers.attributes, Ok(()), image, record)
}

fn structured<'a>(record: &'a Record, payload_bytes_max: usize) -> Envelope<'a> {
    // Base64 is a third longer; line ends and escaped slashes make it up to a half.
    let bytes_max = payload_bytes_max / 2 * 3 + STRUCTURED_OVERHEAD;
    let (attributes, form) = match record.payload.len() {
        0 => (Attributes::default(), Err(Reject::Empty)),
        n if n > bytes_max => (Attributes::default(), Err(Reject::TooManyBytes)),
        _ => json::read(&record.payload),
    };
    let image = match attributes.get(Name::DataBase64) {
        Ok(Some(text)) => base64::decode(text)
            .ok_or(Reject::MalformedEvent)
            .and_then(|image| image_of(Cow::Owned(image), payload_bytes_max)),
        Ok(None) | Err(_) => Err(Reject::MalformedEvent),
    };
    envelope(attributes, form, image, record)
}

fn image_of<'a>(bytes: Cow<'a, [u8]>, payload_bytes_max: usize) -> Result<Cow<'a, [u8]>, Reject> {
    match bytes.len() {
        0 => Err(Reject::Empty),
        n if n > payload_bytes_max => Err(Reject::TooManyBytes),
        _ => Ok(bytes),
    }
}

fn envelope<'a>(
    attributes: Attributes<'_>,
    form: Result<(), Reject>,
    image: Result<Cow<'a, [u8]>, Reject>,
    record: &Record,
) -> Envelope<'a> {
    Envelope {
        kind: form.and_then(|()| check_version(&attributes)),
        source: source(&attributes, record),
        time: time(&attributes, record),
        id: id(&attributes),
        track: track(&attributes),
        quality: quality(&attributes),
        image: image.and_then(|image| {
            content::check(attributes.get(Name::DataContentType)).map(|()| image)
        }),
    }
}

fn check_version(attributes: &Attributes<'_>) -> Result<(), Reject> {
    let spec = attributes.text(Name::SpecVersion)?;
    let spec = spec.unwrap_or(names::SPEC_VERSION);
    if !spec.starts_with("1.") {
        return Err(Reject::UnsupportedVersion);
    }
    match attributes.text(Name::Type)?.unwrap_or(names::EVENT_TYPE) {
        names::EVENT_TYPE => Ok(()),
        other if other.starts_with(names::EVENT_TYPE_STEM) => Err(Reject::UnsupportedVersion),
        _ => Err(Reject::UnknownType),
    }
}

/// What is stated counts; the key only where nothing is.
fn source(attributes: &Attributes<'_>, record: &Record) -> Result<SourceId, Reject> {
    let name = match attributes.text(Name::Source)? {
        Some(name) => name,
        None => {
            let key = record.key.as_deref().ok_or(Reject::NoSource)?;
            std::str::from_utf8(key).map_err(|_| Reject::MalformedEvent)?
        }
    };
    source_id(name)
}

/// The source of that name, if a camera may have it.
pub fn source_id(name: &str) -> Result<SourceId, Reject> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Reject::NoSource);
    }
    if name.len() > SOURCE_BYTES_MAX
        || name.chars().any(char::is_control)
        || SourceId::is_reserved(name)
    {
        return Err(Reject::MalformedEvent);
    }
    Ok(SourceId::new(name))
}

fn time(attributes: &Attributes<'_>, record: &Record) -> Result<EventTime, Reject> {
    match attributes.get(Name::Time) {
        Ok(None) => record.timestamp.ok_or(Reject::NoTime),
        Ok(Some(text)) => time::parse(text).ok_or(Reject::InvalidTime),
        Err(Unreadable::NoText) => Err(Reject::InvalidTime),
        Err(Unreadable::TwoValues) => Err(Reject::MalformedEvent),
    }
}

/// An empty id names no event.
fn id(attributes: &Attributes<'_>) -> Result<Option<String>, Reject> {
    let id = attributes.text(Name::Id)?;
    Ok(id.filter(|id| !id.is_empty()).map(str::to_owned))
}

fn track(attributes: &Attributes<'_>) -> Result<Option<String>, Reject> {
    match attributes.text(Name::TrackId)? {
        Some(text) if text.chars().any(char::is_control) => Err(Reject::MalformedEvent),
        text => Ok(text.and_then(track::person).map(str::to_owned)),
    }
}

fn quality(attributes: &Attributes<'_>) -> Result<Option<Quality>, Reject> {
    let text = attributes.text(Name::Quality)?;
    text.map(|text| Quality::stated(text).ok_or(Reject::MalformedEvent))
        .transpose()
}
