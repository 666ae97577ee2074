//! Presence events: that somebody was before a camera, from when to when, without an image. Contract in schemas/README.md.

use serde_json::json;

use super::{
    Event,
    names::{CONTENT_TYPE, Name, SPEC_VERSION},
    write::rfc3339,
};
use crate::record::EventTime;

/// The type of the events, version included.
pub const PRESENCE_TYPE: &str = "org.demograph.presence.v1";

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

    #[test]
    fn a_presence_says_from_when_to_when_and_holds_no_image() {
        let event = PresenceEvent {
            id: "1".into(),
            source: "lobby".into(),
            track: "412".into(),
            first: EventTime(1_772_357_400_250),
            last: EventTime(1_772_357_412_250),
            facing: 3_400,
        };
        let event = event.encode();
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
