//! What a declared content type decides: which form the event has, and whether it is clearly no image. Which image
//! it is, the first bytes say.

use std::borrow::Cow;

use super::{attributes::Stated, names};
use crate::reject::Reject;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing that speaks against an image: the first bytes decide.
    Open,
    /// An event in structured mode.
    Event,
    Json,
    /// Clearly something else.
    Other,
}

/// What is written for "some bytes", under `application/` and elsewhere, and old names of images.
const OPEN_SUBTYPES: [&str; 10] = [
    "octet-stream",
    "x-octet-stream",
    "binary",
    "x-binary",
    "unknown",
    "*",
    "jpeg",
    "jpg",
    "png",
    "webp",
];

impl Content {
    /// `"Image/JPEG; q=1"` -> open
    pub fn of(declared: &Option<Cow<'_, str>>) -> Self {
        let text = declared.as_deref().unwrap_or_default();
        let media_type = text
            .trim_matches(|c: char| c == '"' || c.is_whitespace())
            .split(';')
            .next()
            .unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        let Some((family, subtype)) = media_type.split_once('/') else {
            return Self::Open;
        };
        match (family, subtype) {
            ("application", "cloudevents") => Self::Event,
            ("application", "json") => Self::Json,
            _ if media_type == names::STRUCTURED => Self::Event,
            ("image", _) => Self::Open,
            ("text" | "video" | "audio", _) => Self::Other,
            _ if OPEN_SUBTYPES.contains(&subtype) => Self::Open,
            _ => Self::Other,
        }
    }
}

/// Refuses what is declared to be no image.
pub fn check(declared: &Stated<'_>) -> Result<(), Reject> {
    match declared.as_ref().map(Content::of) {
        Ok(Content::Open) => Ok(()),
        Ok(Content::Event | Content::Json | Content::Other) => Err(Reject::UnknownContentType),
        Err(_) => Err(Reject::MalformedEvent),
    }
}
