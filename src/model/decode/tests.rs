//! Examples of events, good and bad, and what holds for any bytes.

use proptest::prelude::*;

mod decoded;
mod envelope;
mod jpegs;
mod quality_tests;

use decoded::{Decoded, decode};
use demograph_core::{
    event::{EVENT_TYPE, STRUCTURED},
    privacy::Admit,
    record::{Attribute, Attributes, EventId, Position, SourceId, TrackId},
};

use super::{opened::track_id, *};

const LIMITS: Limits = Limits {
    payload_bytes_max: 512 * 1024,
    image_side_min: 16,
    image_side_max: 2048,
    future_max: 60_000,
    past_max: 30 * 86_400_000,
};

/// Knows the source `cam`.
struct OnlyCam;

impl Admit for OnlyCam {
    fn admit(&self, source: &SourceId) -> Option<Attributes> {
        (source.as_str() == "cam").then(|| [Attribute::Age].into_iter().collect())
    }
}

fn encoded(format: ::image::ImageFormat) -> Vec<u8> {
    let gradient =
        ::image::RgbImage::from_fn(40, 30, |x, y| ::image::Rgb([x as u8 * 6, y as u8 * 8, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    gradient.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg() -> Vec<u8> {
    std::fs::read(demograph_core::golden::repository(
        "tests/data/composites/white-female-25-34-a.jpg",
    ))
    .unwrap()
}

fn record(headers: &[(&str, &str)], payload: Vec<u8>) -> Record {
    Record {
        position: Position {
            partition: 0,
            offset: 7,
        },
        timestamp: Some(EventTime(1_000_000)),
        received: EventTime(1_000_500),
        key: Some(b"cam".to_vec()),
        headers: headers
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Some(value.as_bytes().to_vec())))
            .collect(),
        payload,
    }
}

fn reject_of(record: &Record) -> Option<Reject> {
    decode(record, &LIMITS, &OnlyCam).crop.err()
}

fn structured(json: serde_json::Value) -> Record {
    let headers = [(
        "content-type",
        "application/cloudevents+json; charset=UTF-8",
    )];
    record(&headers, json.to_string().into_bytes())
}

#[test]
fn an_image_with_its_source_as_key_is_an_event() {
    let decoded = decode(&record(&[], jpeg()), &LIMITS, &OnlyCam);
    let crop = decoded.crop.unwrap();
    assert!(crop.width >= 100 && crop.height >= 100);
    assert_eq!(
        (decoded.source.as_str(), decoded.time),
        ("cam", EventTime(1_000_000))
    );
}

#[test]
fn binary_attributes_come_from_the_headers() {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_type", EVENT_TYPE),
        ("CE_Time", "1970-01-01T00:16:39.5Z"),
        ("ce_trackid", "7"),
        ("Content-Type", "Image/JPEG; q=1"),
    ];
    let decoded = decode(&record(&headers, jpeg()), &LIMITS, &OnlyCam);
    assert_eq!(decoded.time, EventTime(999_500));
    assert_eq!(decoded.track, Some(TrackId::of(b"cam\x007")));
    assert!(decoded.crop.is_ok());
}

#[test]
fn a_structured_event_says_the_same_as_a_binary_one() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let decoded = decode(
        &structured(serde_json::json!({
            "specversion": "1.0", "type": EVENT_TYPE, "id": "1", "source": "cam", "trackid": "7",
            "time": "1970-01-01T00:16:39.5Z", "datacontenttype": "image/jpeg",
            "data_base64": BASE64_STANDARD.encode(jpeg()),
        })),
        &LIMITS,
        &OnlyCam,
    );
    assert_eq!(
        (decoded.time, decoded.track),
        (EventTime(999_500), Some(TrackId::of(b"cam\x007")))
    );
    assert!(decoded.crop.is_ok());
}

#[test]
fn png_and_webp_are_decoded_whatever_was_declared() {
    for format in [::image::ImageFormat::Png, ::image::ImageFormat::WebP] {
        let decoded = decode(
            &record(&[("content-type", "image/jpeg")], encoded(format)),
            &LIMITS,
            &OnlyCam,
        );
        let crop = decoded.crop.unwrap();
        assert_eq!((crop.width, crop.height), (40, 30));
    }
}

/// The reject and the time under which it is accounted for, of a record with this timestamp and `ce_time`.
fn timed(timestamp: i64, stated: Option<&str>) -> (Option<Reject>, i64) {
    let headers: Vec<_> = stated.map(|time| ("ce_time", time)).into_iter().collect();
    let mut record = record(&headers, jpeg());
    record.timestamp = Some(EventTime(timestamp));
    record.received = NOW;
    let decoded = decode(&record, &LIMITS, &OnlyCam);
    (decoded.crop.err(), decoded.time.0)
}

/// 2026-03-01T00:00:00Z
const NOW: EventTime = EventTime(1_772_323_200_000);

#[test]
fn no_timestamp_is_believed_that_lies_beyond_the_wall_clock() {
    let second = 1_000;
    for (ahead, reject) in [
        (59, None),
        (61, Some(Reject::FutureTime)),
        (3_000, Some(Reject::FutureTime)),
    ] {
        let timestamp = NOW.0 + ahead * second;
        let time = if reject.is_some() { NOW.0 } else { timestamp };
        assert_eq!(timed(timestamp, None), (reject, time), "{ahead} s ahead");
    }
    // A record of 2099 is accounted for when it was received.
    let far = 4_070_908_800_000;
    assert_eq!(timed(far, None), (Some(Reject::FutureTime), NOW.0));
    let stated = Some("2099-01-01T00:00:00Z");
    assert_eq!(timed(far, stated), (Some(Reject::FutureTime), NOW.0));
    assert_eq!(
        timed(NOW.0 - 5, stated),
        (Some(Reject::FutureTime), NOW.0 - 5)
    );
    // A timestamp that is wrong harms no time that is right.
    for timestamp in [far, 0, 1_772_323_200] {
        let right = Some("2026-03-01T00:00:00Z");
        assert_eq!(timed(timestamp, right), (None, NOW.0), "{timestamp}");
    }
}

#[test]
fn what_is_older_than_past_max_is_rejected() {
    assert_eq!(timed(0, None), (Some(Reject::PastTime), NOW.0));
    assert_eq!(
        timed(NOW.0, Some("1970-01-01T00:00:00Z")),
        (Some(Reject::PastTime), NOW.0)
    );
    let month = 30 * 86_400_000;
    assert_eq!(timed(NOW.0 - month, None), (None, NOW.0 - month));
    assert_eq!(timed(NOW.0 - month - 1, None).0, Some(Reject::PastTime));
}

#[test]
fn an_old_topic_is_read_again_where_the_config_says_so() {
    let mut record = record(&[("ce_time", "2019-06-01T12:00:00Z")], jpeg());
    record.timestamp = Some(EventTime(1_559_390_400_000));
    record.received = NOW;
    let limits = Limits {
        past_max: 3_650 * 86_400_000,
        ..LIMITS
    };
    let decoded = decode(&record, &limits, &OnlyCam);
    assert!(decoded.crop.is_ok());
    assert_eq!(decoded.time, EventTime(1_559_390_400_000));
}

#[test]
fn a_time_that_cannot_be_is_kept_beside_the_one_that_counts() {
    let mut record = record(&[("ce_time", "2026-03-01T00:50:00Z")], jpeg());
    record.timestamp = Some(NOW);
    record.received = NOW;
    let decoded = decode(&record, &LIMITS, &OnlyCam);
    assert_eq!(decoded.stated, Some(NOW.plus(50 * 60_000)));
    assert_eq!((decoded.time, decoded.source.as_str()), (NOW, "cam"));
}

#[test]
fn an_id_is_the_same_in_both_forms_and_belongs_to_its_source() {
    let id = |record: &Record| decode(record, &LIMITS, &OnlyCam).id;
    let binary = id(&record(&[("ce_id", "7")], jpeg()));
    assert_eq!(binary, Some(EventId::of(b"cam\x007")));
    for json in [serde_json::json!("7"), serde_json::json!(7)] {
        let event = serde_json::json!({ "id": json, "source": "cam", "data_base64": "" });
        assert_eq!(id(&structured(event)), binary);
    }
    assert_eq!(id(&record(&[], jpeg())), None);
    assert_eq!(id(&record(&[("ce_id", "")], jpeg())), None);
}

#[test]
fn an_image_cut_anywhere_is_truncated() {
    for whole in [
        jpeg(),
        encoded(::image::ImageFormat::Png),
        encoded(::image::ImageFormat::WebP),
    ] {
        for percent in [10, 50, 90, 99] {
            let mut cut = whole.clone();
            cut.truncate(whole.len() * percent / 100);
            let kind = String::from_utf8_lossy(&whole[..4]).into_owned();
            let reason = reject_of(&record(&[], cut));
            assert_eq!(
                reason,
                Some(Reject::Truncated),
                "{kind}, {percent} % of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn a_reject_keeps_the_source_and_time_that_are_known() {
    let decoded = decode(
        &record(&[("ce_time", "1970-01-01T00:16:39Z")], b"text".to_vec()),
        &LIMITS,
        &OnlyCam,
    );
    assert_eq!(decoded.crop.unwrap_err(), Reject::NotAnImage);
    assert_eq!(
        (decoded.source.as_str(), decoded.time),
        ("cam", EventTime(999_000))
    );
}

#[test]
fn a_source_that_the_policy_does_not_know_is_not_named() {
    let decoded = decode(
        &record(&[("ce_source", "stranger")], jpeg()),
        &LIMITS,
        &OnlyCam,
    );
    assert_eq!(decoded.crop.unwrap_err(), Reject::UnknownSource);
    assert_eq!(decoded.source, SourceId::unknown());
}

#[test]
fn a_record_without_key_source_or_time_says_so() {
    let mut bare = record(&[], jpeg());
    bare.key = None;
    assert_eq!(reject_of(&bare), Some(Reject::NoSource));
    let mut timeless = record(&[], jpeg());
    timeless.timestamp = None;
    assert_eq!(reject_of(&timeless), Some(Reject::NoTime));
}

/// The corpus: one file a payload; `index.json` says with which headers it comes and why it is rejected.
#[test]
fn every_payload_of_the_corpus_is_rejected_for_its_reason() {
    let folder = demograph_core::golden::repository("tests/data/malformed");
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: Vec<serde_json::Value> = serde_json::from_str(&index).unwrap();
    assert!(index.len() >= 40, "{} payloads", index.len());
    let mut seen = std::collections::BTreeSet::new();
    for entry in &index {
        let file = entry["file"].as_str().unwrap();
        let headers: Vec<(&str, &str)> = entry["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
            .collect();
        let reason = reject_of(&record(&headers, std::fs::read(folder.join(file)).unwrap()));
        assert_eq!(reason.map(Reject::name), entry["reason"].as_str(), "{file}");
        seen.insert(reason);
    }
    assert!(seen.len() >= 11, "{seen:?}");
}

#[test]
fn every_reason_stands_in_the_published_contract() {
    let contract = include_str!("../../../schemas/README.md");
    for reason in Reject::ALL {
        assert!(
            contract.contains(&format!("`{}`", reason.name())),
            "{} is missing",
            reason.name()
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_and_headers_bring_the_decoder_down(
        payload in prop::collection::vec(any::<u8>(), 0..400),
        headers in prop::collection::vec(("(ce|CE)[_-](time|type|source|specversion|trackid|datacontenttype)|content[_-]type", ".{0,40}"), 0..5),
        magic in 0usize..4,
    ) {
        let starts: [&[u8]; 4] = [b"", b"\xFF\xD8\xFF\xE0", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 "];
        let payload = [starts[magic], &payload].concat();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        prop_assert_ne!(reject_of(&record(&headers, payload)), Some(Reject::DecoderPanic));
    }
}
