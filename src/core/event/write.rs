//! Face-crop events as producers write them: CloudEvents over Kafka, contract in schemas/README.md.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::names::{CONTENT_TYPE, EVENT_TYPE, Name, SPEC_VERSION, STRUCTURED};
use crate::record::EventTime;

/// The two forms of CloudEvents over Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value is the image, the attributes are headers.
    Binary,
    /// The value is JSON with the image in base64.
    Structured,
}

/// One event as Kafka carries it. It holds a face, so it is not `Clone`, and its `Debug` shows sizes only.
#[derive(Default)]
pub struct Event {
    /// The source id: all events of a source go to one partition.
    pub key: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value: the image, or JSON with the image in it.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Event({} headers, {} bytes)",
            self.headers.len(),
            self.payload.len()
        )
    }
}

/// One face crop, as a camera's detector knows it. Not `Clone`, not `Debug`: it holds a face.
pub struct CropEvent {
    /// Names the event: a second one with the same id is a duplicate.
    pub id: String,
    /// The id of the camera.
    pub source: String,
    /// When the face was seen.
    pub time: EventTime,
    /// The track of the face, as the tracker names it.
    pub track: Option<String>,
    /// How good the crop is, 0 or greater; only the ratio of two crops of a track counts.
    pub quality: Option<f32>,
    /// The type of the image.
    pub content_type: &'static str,
    /// The bytes of the image.
    pub image: Vec<u8>,
}

impl CropEvent {
    /// The event in this form.
    pub fn encode(self, form: Form) -> Event {
        match form {
            Form::Binary => self.binary(),
            Form::Structured => self.structured(),
        }
    }

    fn binary(self) -> Event {
        let attributes = [
            (Name::SpecVersion, SPEC_VERSION.to_owned()),
            (Name::Type, EVENT_TYPE.to_owned()),
            (Name::Id, self.id),
            (Name::Source, self.source.clone()),
            (Name::Time, rfc3339(self.time)),
        ];
        let optional = optional(self.track, self.quality);
        let mut headers: Vec<(String, Vec<u8>)> = attributes
            .into_iter()
            .chain(optional)
            .map(|(name, value)| (name.header(), value.into_bytes()))
            .collect();
        headers.push((CONTENT_TYPE.to_owned(), self.content_type.into()));
        Event {
            key: self.source,
            headers,
            payload: self.image,
        }
    }

    fn structured(self) -> Event {
        let attributes = [
            (Name::SpecVersion, SPEC_VERSION.to_owned()),
            (Name::Type, EVENT_TYPE.to_owned()),
            (Name::Id, self.id),
            (Name::Source, self.source.clone()),
            (Name::Time, rfc3339(self.time)),
            (Name::DataContentType, self.content_type.to_owned()),
            (Name::DataBase64, BASE64_STANDARD.encode(&self.image)),
        ];
        let event: Value = attributes
            .into_iter()
            .chain(optional(self.track, self.quality))
            .map(|(name, value)| (name.as_str().to_owned(), value.into()))
            .collect::<Map<String, Value>>()
            .into();
        let content_type = format!("{STRUCTURED}; charset=UTF-8").into_bytes();
        Event {
            key: self.source,
            headers: vec![(CONTENT_TYPE.to_owned(), content_type)],
            payload: event.to_string().into_bytes(),
        }
    }
}

fn optional(track: Option<String>, quality: Option<f32>) -> impl Iterator<Item = (Name, String)> {
    let track = track.map(|track| (Name::TrackId, track));
    let quality = quality.map(|quality| (Name::Quality, quality.to_string()));
    track.into_iter().chain(quality)
}

/// By the name's ending; the receiver looks at the bytes anyway.
pub fn content_type(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// As events write a time: 2026-03-01T09:30:00.5Z.
pub fn rfc3339(time: EventTime) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        choose::Quality,
        event,
        golden::repository,
        record::{Position, Record},
    };

    fn event() -> CropEvent {
        let file = repository("tests/data/composites/white-female-25-34-a.jpg");
        CropEvent {
            id: "1".into(),
            source: "lobby".into(),
            time: EventTime(1_772_357_412_250),
            track: Some("412".into()),
            quality: Some(0.75),
            content_type: "image/jpeg",
            image: std::fs::read(file).unwrap(),
        }
    }

    #[test]
    fn what_is_published_in_either_form_is_read_as_it_was_meant() {
        for form in [Form::Binary, Form::Structured] {
            let published = event().encode(form);
            let record = Record {
                position: Position {
                    partition: 0,
                    offset: 0,
                },
                timestamp: Some(EventTime(1_772_357_413_000)),
                received: EventTime(1_772_357_413_000),
                key: None,
                headers: published
                    .headers
                    .into_iter()
                    .map(|(name, value)| (name, Some(value)))
                    .collect(),
                payload: published.payload,
            };
            let read = event::open(&record, 512 * 1024);
            assert_eq!(read.kind, Ok(()));
            assert_eq!(read.source.unwrap().as_str(), "lobby");
            assert_eq!(read.time, Ok(EventTime(1_772_357_412_250)));
            assert_eq!(read.track, Ok(Some("412".to_owned())));
            assert_eq!(read.quality, Ok(Quality::stated("0.75")));
            assert_eq!(*read.image.unwrap(), event().image);
        }
    }

    #[test]
    fn an_event_prints_no_byte_of_its_face() {
        let published = event().encode(Form::Binary);
        let expected = format!("Event(8 headers, {} bytes)", published.payload.len());
        assert_eq!(format!("{published:?}"), expected);
    }
}
