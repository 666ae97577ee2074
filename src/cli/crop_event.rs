//! Face-crop events as producers write them: CloudEvents over Kafka, contract in schemas/README.md.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{kafka, record::EventTime};

/// The version of the event contract that this program writes.
const TYPE: &str = "org.demograph.face-crop.v1";

/// The two ways of CloudEvents over Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// The value is the image, the attributes are headers.
    Binary,
    /// The value is JSON with the image in base64.
    Structured,
}

/// One face crop, as a camera's detector knows it.
#[derive(Debug, Clone)]
pub(super) struct CropEvent {
    pub id: String,
    pub source: String,
    pub time: EventTime,
    pub track: Option<String>,
    pub content_type: &'static str,
    pub image: Vec<u8>,
}

impl CropEvent {
    pub(super) fn encode(self, format: Format) -> kafka::Event {
        match format {
            Format::Binary => self.binary(),
            Format::Structured => self.structured(),
        }
    }

    fn binary(self) -> kafka::Event {
        let mut headers = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_type", TYPE.to_owned()),
            ("ce_id", self.id),
            ("ce_source", self.source.clone()),
            ("ce_time", rfc3339(self.time)),
            ("content-type", self.content_type.to_owned()),
        ];
        headers.extend(self.track.map(|track| ("ce_trackid", track)));
        kafka::Event {
            key: self.source,
            headers: headers
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into_bytes()))
                .collect(),
            payload: self.image,
        }
    }

    fn structured(self) -> kafka::Event {
        let mut event = json!({
            "specversion": "1.0",
            "type": TYPE,
            "id": self.id,
            "source": self.source,
            "time": rfc3339(self.time),
            "datacontenttype": self.content_type,
            "data_base64": BASE64_STANDARD.encode(&self.image),
        });
        if let Some(track) = self.track {
            event["trackid"] = track.into();
        }
        let content_type = b"application/cloudevents+json; charset=UTF-8".to_vec();
        kafka::Event {
            key: self.source,
            headers: vec![("content-type".into(), content_type)],
            payload: event.to_string().into_bytes(),
        }
    }
}

/// By the name's ending; the receiver looks at the bytes anyway.
pub(super) fn content_type(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

fn rfc3339(time: EventTime) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .unwrap_or_default()
        .to_string()
}
