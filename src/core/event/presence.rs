//! Presence events: that somebody was before a camera, from when to when, without an image. Contract in schemas/README.md.

use serde_json::json;

use super::{
    Event, headers,
    names::{CONTENT_TYPE, Name, SPEC_VERSION},
    write::rfc3339,
};
use crate::record::{EventTime, Record};

/// The type of the events, version included.
pub const PRESENCE_TYPE: &str = "org.demograph.presence.v1";

/// Whether a record is a presence event. Nothing else of it is read.
pub fn is_presence(record: &Record) -> bool {
    // Nearly all records are faces: their headers are not read twice.
    let mut values = record
        .headers
        .iter()
        .filter_map(|(_, value)| value.as_deref());
    values.any(|value| value.trim_ascii() == PRESENCE_TYPE.as_bytes()) && {
        let attributes = headers::read(record).attributes;
        attributes.text(Name::Type) == Ok(Some(PRESENCE_TYPE))
    }
}

/// One track that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceEvent {
    /// Names the event: a second one with the same id is a duplicate.
    pub id: String,
    /// The id of the camera.
    pub source: String,
    /// As in the face-crop events of this track.
    pub track: String,
    /// When the track was seen first.
    pub first: EventTime,
    /// When it was seen last.
    pub last: EventTime,
    /// For how long its face was turned to the camera, in milliseconds.
    pub facing: i64,
}

impl PresenceEvent {
    /// In binary mode: the attributes are headers, the value is JSON.
    pub fn encode(self) -> Event {
        let value = json!({
            "first_seen": rfc3339(self.first),
            "last_seen": rfc3339(self.last),
            "facing_seconds": self.facing as f64 / 1000.0,
        });
        let attributes = [
            (Name::SpecVersion, SPEC_VERSION.to_owned()),
            (Name::Type, PRESENCE_TYPE.to_owned()),
            (Name::Id, self.id),
            (Name::Source, self.source.clone()),
            (Name::Time, rfc3339(self.last)),
            (Name::TrackId, self.track),
        ];
        let mut headers: Vec<(String, Vec<u8>)> = attributes
            .into_iter()
            .map(|(name, value)| (name.header(), value.into_bytes()))
            .collect();
        headers.push((CONTENT_TYPE.to_owned(), b"application/json".into()));
        Event {
            key: self.source,
            headers,
            payload: value.to_string().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::record::Position;

    fn event() -> Event {
        let event = PresenceEvent {
            id: "1".into(),
            source: "lobby".into(),
            track: "412".into(),
            first: EventTime(1_772_357_400_250),
            last: EventTime(1_772_357_412_250),
            facing: 3_400,
        };
        event.encode()
    }

    /// A record with these headers.
    fn record(headers: &[(&str, &str)]) -> Record {
        let headers = headers.iter();
        Record {
            position: Position {
                partition: 0,
                offset: 0,
            },
            timestamp: None,
            received: EventTime(0),
            key: None,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), Some((*value).into())))
                .collect(),
            payload: Vec::new(),
        }
    }

    #[test]
    fn the_type_says_what_is_a_presence_and_nothing_else_does() {
        let written = event().headers;
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let texts: Vec<_> = written
            .iter()
            .map(|(name, value)| (name.as_str(), text(value)))
            .collect();
        let texts: Vec<_> = texts
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert!(is_presence(&record(&texts)));
        assert!(is_presence(&record(&[(
            "CE-Type",
            " org.demograph.presence.v1 "
        )])));
        for other in [
            ("ce_type", "org.demograph.presence.v2"),
            ("ce_type", "org.demograph.face-crop.v1"),
            ("ce_subject", PRESENCE_TYPE),
            ("ce_trackid", PRESENCE_TYPE),
        ] {
            assert!(!is_presence(&record(&[other])), "{other:?}");
        }
        let twice = [("ce_type", PRESENCE_TYPE), ("ce-type", "other")];
        assert!(!is_presence(&record(&twice)), "two values are a reject");
        assert!(!is_presence(&record(&[])));
    }

    #[test]
    fn a_presence_says_from_when_to_when_and_holds_no_image() {
        let event = event();
        assert_eq!(event.key, "lobby");
        let value: Value = serde_json::from_slice(&event.payload).unwrap();
        let expected = json!({
            "first_seen": "2026-03-01T09:30:00.25Z",
            "last_seen": "2026-03-01T09:30:12.25Z",
            "facing_seconds": 3.4,
        });
        assert_eq!(value, expected);
        let header = |name: &str| {
            let found = event.headers.iter().find(|(key, _)| key == name);
            String::from_utf8(found.unwrap().1.clone()).unwrap()
        };
        assert_eq!(header("ce_type"), PRESENCE_TYPE);
        assert_eq!(header("ce_time"), "2026-03-01T09:30:12.25Z");
        assert_eq!(header("ce_trackid"), "412");
    }
}
