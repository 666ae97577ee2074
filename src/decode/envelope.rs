//! CloudEvents over Kafka: binary (attributes in headers, the value is the image) and structured (all in JSON).
//! A plain producer that sends the image with the source as key, without any header, is understood too.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::{Limits, Reject};
use crate::record::{EventTime, Record, SourceId};

/// The type of the events, version included.
pub const EVENT_TYPE: &str = "org.demograph.face-crop.v1";
/// What the type of every version begins with.
const EVENT_TYPE_STEM: &str = "org.demograph.face-crop.v";
const STRUCTURED: &str = "application/cloudevents+json";
/// Base64 and the JSON round it: an image of the largest size must fit in.
const STRUCTURED_OVERHEAD: usize = 4096;
const SOURCE_BYTES_MAX: usize = 256;

/// What an event says. Parts that cannot be used hold the reason, so that the others still count.
pub(super) struct Envelope<'a> {
    pub source: Result<SourceId, Reject>,
    pub time: Result<EventTime, Reject>,
    pub track: Option<String>,
    pub id: Option<String>,
    pub image: Result<Cow<'a, [u8]>, Reject>,
}

/// The attributes of an event, from either form.
#[derive(Deserialize, Default)]
struct Attributes {
    specversion: Option<String>,
    r#type: Option<String>,
    id: Option<Id>,
    source: Option<String>,
    time: Option<String>,
    trackid: Option<String>,
    datacontenttype: Option<String>,
    data_base64: Option<String>,
}

/// The id in the JSON form. CloudEvents asks for a string; another kind of value is as good, for it is only compared.
#[derive(Deserialize)]
#[serde(from = "serde_json::Value")]
struct Id(Option<String>);

impl From<serde_json::Value> for Id {
    fn from(value: serde_json::Value) -> Self {
        Self(match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }
}

/// Reads the envelope; an error means that nothing in it can be trusted.
pub(super) fn open<'a>(record: &'a Record, limits: &Limits) -> Result<Envelope<'a>, Reject> {
    let content_type = header(record, "content-type").map(media_type);
    let is_structured = content_type.as_deref() == Some(STRUCTURED);
    let (mut attributes, image) = if is_structured {
        structured(record, limits)?
    } else {
        let attributes = binary(record, content_type);
        let image = payload(record, limits);
        (attributes, image)
    };
    check_version(&attributes)?;
    let image = image.and_then(|image| {
        check_content_type(attributes.datacontenttype.as_deref())?;
        Ok(image)
    });
    Ok(Envelope {
        source: source(attributes.source.take(), record),
        time: time(attributes.time.as_deref(), record),
        track: attributes.trackid,
        id: attributes
            .id
            .and_then(|id| id.0)
            .filter(|id| !id.is_empty()),
        image,
    })
}

fn binary(record: &Record, content_type: Option<String>) -> Attributes {
    let text = |name| header(record, name).map(str::to_owned);
    Attributes {
        specversion: text("ce_specversion"),
        r#type: text("ce_type"),
        id: text("ce_id").map(|id| Id(Some(id))),
        source: text("ce_source"),
        time: text("ce_time"),
        trackid: text("ce_trackid"),
        datacontenttype: content_type,
        data_base64: None,
    }
}

fn payload<'a>(record: &'a Record, limits: &Limits) -> Result<Cow<'a, [u8]>, Reject> {
    match record.payload.len() {
        0 => Err(Reject::Empty),
        n if n > limits.payload_bytes_max => Err(Reject::TooManyBytes),
        _ => Ok(Cow::Borrowed(&record.payload)),
    }
}

type Opened<'a> = (Attributes, Result<Cow<'a, [u8]>, Reject>);

fn structured<'a>(record: &'a Record, limits: &Limits) -> Result<Opened<'a>, Reject> {
    if record.payload.is_empty() {
        return Err(Reject::Empty);
    }
    if record.payload.len() > limits.payload_bytes_max * 4 / 3 + STRUCTURED_OVERHEAD {
        return Err(Reject::TooManyBytes);
    }
    let mut attributes: Attributes =
        serde_json::from_slice(&record.payload).map_err(|_| Reject::MalformedEvent)?;
    attributes.datacontenttype = attributes.datacontenttype.as_deref().map(media_type);
    let image = attributes
        .data_base64
        .take()
        .and_then(|text| BASE64_STANDARD.decode(text).ok())
        .ok_or(Reject::MalformedEvent)
        .and_then(|image| match image.len() {
            0 => Err(Reject::Empty),
            n if n > limits.payload_bytes_max => Err(Reject::TooManyBytes),
            _ => Ok(Cow::Owned(image)),
        });
    Ok((attributes, image))
}

fn check_version(attributes: &Attributes) -> Result<(), Reject> {
    let spec = attributes.specversion.as_deref().unwrap_or("1.0");
    if spec != "1.0" && !spec.starts_with("1.") {
        return Err(Reject::UnsupportedVersion);
    }
    match attributes.r#type.as_deref().unwrap_or(EVENT_TYPE) {
        EVENT_TYPE => Ok(()),
        other if other.starts_with(EVENT_TYPE_STEM) => Err(Reject::UnsupportedVersion),
        _ => Err(Reject::UnknownType),
    }
}

/// What is declared must be an image; which one, the bytes say.
fn check_content_type(declared: Option<&str>) -> Result<(), Reject> {
    match declared {
        None | Some("image/jpeg" | "image/jpg" | "image/png" | "image/webp") => Ok(()),
        Some(_) => Err(Reject::UnknownContentType),
    }
}

fn source(named: Option<String>, record: &Record) -> Result<SourceId, Reject> {
    let key = || String::from_utf8(record.key.clone()?).ok();
    let name = named.or_else(key).filter(|name| !name.is_empty());
    let name = name.ok_or(Reject::NoSource)?;
    if name.len() > SOURCE_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Reject::MalformedEvent);
    }
    Ok(SourceId::new(&name))
}

fn time(stated: Option<&str>, record: &Record) -> Result<EventTime, Reject> {
    match stated {
        None => record.timestamp.ok_or(Reject::NoTime),
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .map(|time| EventTime(time.as_millisecond()))
            .map_err(|_| Reject::InvalidTime),
    }
}

/// Header names are compared without regard to case; a value that is no text counts as absent.
fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let (_, value) = record
        .headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}

/// `Image/JPEG; q=1` -> `image/jpeg`
fn media_type(text: &str) -> String {
    let media_type = text.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}
