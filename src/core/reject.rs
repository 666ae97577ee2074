//! Why a record was not counted as a face. To add a reason: add a variant and its name here,
//! and a line to `schemas/README.md`; metrics, tables and tests follow from [`Reject::ALL`].

/// The reason, as it appears in metrics and in the `windows` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// No value at all (a tombstone).
    Empty,
    /// The event or one of its attributes cannot be read.
    MalformedEvent,
    /// The event is of another type.
    UnknownType,
    /// A version of CloudEvents or of the face-crop event that this program does not know.
    UnsupportedVersion,
    /// What is declared is clearly no image.
    UnknownContentType,
    /// The bytes are no JPEG, PNG or WebP, or are corrupt.
    NotAnImage,
    /// The image ends too early.
    Truncated,
    /// More bytes than `limits.payload_bytes_max`.
    TooManyBytes,
    /// More pixels than `limits.image_side_max` allows.
    TooManyPixels,
    /// A side of the image is shorter than `limits.image_side_min`.
    TooFewPixels,
    /// Neither `ce_time` nor a record timestamp.
    NoTime,
    /// `ce_time` cannot be read.
    InvalidTime,
    /// The event says it happened later than `windows.future_max` after the record's timestamp or its receipt.
    FutureTime,
    /// The event says it happened longer than `windows.past_max` before the record's receipt.
    PastTime,
    /// Neither `ce_source` nor a key, or the one that counts is empty.
    NoSource,
    /// The source is not configured and `policy.unknown_sources` is "deny".
    UnknownSource,
    /// The source is one more than `limits.sources_max`.
    TooManySources,
    /// An event with the same `ce_id` was counted already.
    Duplicate,
    /// The decoder panicked.
    DecoderPanic,
    /// The model's answer for this crop is not finite, or it cannot be computed for this crop.
    NoAnswer,
}

impl Reject {
    /// All reasons.
    pub const ALL: [Self; 20] = [
        Self::Empty,
        Self::MalformedEvent,
        Self::UnknownType,
        Self::UnsupportedVersion,
        Self::UnknownContentType,
        Self::NotAnImage,
        Self::Truncated,
        Self::TooManyBytes,
        Self::TooManyPixels,
        Self::TooFewPixels,
        Self::NoTime,
        Self::InvalidTime,
        Self::FutureTime,
        Self::PastTime,
        Self::NoSource,
        Self::UnknownSource,
        Self::TooManySources,
        Self::Duplicate,
        Self::DecoderPanic,
        Self::NoAnswer,
    ];

    /// The reason of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::MalformedEvent => "malformed_event",
            Self::UnknownType => "unknown_type",
            Self::UnsupportedVersion => "unsupported_version",
            Self::UnknownContentType => "unknown_content_type",
            Self::NotAnImage => "not_an_image",
            Self::Truncated => "truncated",
            Self::TooManyBytes => "too_many_bytes",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooFewPixels => "too_few_pixels",
            Self::NoTime => "no_time",
            Self::InvalidTime => "invalid_time",
            Self::FutureTime => "future_time",
            Self::PastTime => "past_time",
            Self::NoSource => "no_source",
            Self::UnknownSource => "unknown_source",
            Self::TooManySources => "too_many_sources",
            Self::Duplicate => "duplicate",
            Self::DecoderPanic => "decoder_panic",
            Self::NoAnswer => "no_answer",
        }
    }
}
