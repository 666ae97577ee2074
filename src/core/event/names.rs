//! The names of the event contract (schemas/README.md): one place for what reads events and for what publishes them.

/// The type of the events, version included.
pub const EVENT_TYPE: &str = "org.demograph.face-crop.v1";
/// What the type of every version begins with.
pub(super) const EVENT_TYPE_STEM: &str = "org.demograph.face-crop.v";
/// The version of CloudEvents that is written; every 1.x is read.
pub const SPEC_VERSION: &str = "1.0";
/// The header that tells the two forms of an event apart; in binary mode the type of the image.
pub const CONTENT_TYPE: &str = "content-type";
/// The content type of an event in structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";

/// An attribute of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The version of CloudEvents.
    SpecVersion,
    /// The type of the event.
    Type,
    /// The id of the event.
    Id,
    /// The camera.
    Source,
    /// When the face was seen.
    Time,
    /// The track of the face.
    TrackId,
    /// How good the crop is.
    Quality,
    /// The type of the image.
    DataContentType,
    /// The image itself, in structured mode only.
    DataBase64,
}

impl Name {
    /// All attributes that are read.
    pub const ALL: [Self; 9] = [
        Self::SpecVersion,
        Self::Type,
        Self::Id,
        Self::Source,
        Self::Time,
        Self::TrackId,
        Self::Quality,
        Self::DataContentType,
        Self::DataBase64,
    ];

    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpecVersion => "specversion",
            Self::Type => "type",
            Self::Id => "id",
            Self::Source => "source",
            Self::Time => "time",
            Self::TrackId => "trackid",
            Self::Quality => "quality",
            Self::DataContentType => "datacontenttype",
            Self::DataBase64 => "data_base64",
        }
    }

    /// As it stands in a header of binary mode.
    pub fn header(self) -> String {
        format!("ce_{}", self.as_str())
    }

    /// Case does not matter.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str().eq_ignore_ascii_case(text))
    }
}
