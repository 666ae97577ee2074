//! Attributes in both forms of the event: absent, readable, unreadable.

mod forms;

use base64::{Engine, prelude::BASE64_STANDARD};
use demograph_core::event::{Name, WORDS_FOR_NOBODY};
use serde_json::{Value, json};

use super::*;

/// Half a second before the record's timestamp.
const TIME: &str = "1970-01-01T00:16:39.5Z";
const SEEN: EventTime = EventTime(999_500);
const STAMP: EventTime = EventTime(1_000_000);

fn of(record: &Record) -> Decoded {
    decode(record, &LIMITS, &OnlyCam)
}

/// A crop with headers that are no text, or null.
fn raw(headers: &[(&str, Option<&[u8]>)]) -> Record {
    let mut record = record(&[], jpeg());
    record.headers = headers
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.map(<[u8]>::to_vec)))
        .collect();
    record
}

/// A structured event with some attributes changed.
fn event(changes: Value) -> Record {
    let mut event = json!({
        "specversion": "1.0", "type": EVENT_TYPE, "id": "1", "source": "cam", "time": TIME, "trackid": "7",
        "datacontenttype": "image/jpeg", "data_base64": BASE64_STANDARD.encode(jpeg()),
    });
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    structured(event)
}

fn text_event(json: &str) -> Record {
    record(&[("content-type", STRUCTURED)], json.as_bytes().to_vec())
}

fn track(name: &str) -> TrackId {
    track_id(&SourceId::new("cam"), name)
}

/// A reason, and where the record is accounted for.
fn account(record: &Record) -> (Option<Reject>, String, EventTime) {
    let decoded = of(record);
    let source = decoded.source.to_string();
    (decoded.crop.err(), source, decoded.time)
}

fn at(reason: Reject, source: &str, time: EventTime) -> (Option<Reject>, String, EventTime) {
    (Some(reason), source.to_owned(), time)
}

#[test]
fn an_unreadable_header_is_its_reason_and_never_absent() {
    let binary = 1_772_357_412_250_i64.to_be_bytes();
    let not_text: &[u8] = b"\xFF\xFE";
    for (header, value, reason) in [
        ("ce_time", &binary[..], Reject::InvalidTime),
        ("ce_time", not_text, Reject::InvalidTime),
        ("ce_time", b"", Reject::InvalidTime),
        ("ce_time", b" ", Reject::InvalidTime),
        ("ce-time", &binary, Reject::InvalidTime),
        ("ce_trackid", not_text, Reject::MalformedEvent),
        (
            "ce_trackid",
            &(-1_i64).to_be_bytes(),
            Reject::MalformedEvent,
        ),
        ("ce_trackid", &7_i64.to_be_bytes(), Reject::MalformedEvent),
        ("ce_id", not_text, Reject::MalformedEvent),
        ("ce_type", not_text, Reject::MalformedEvent),
        ("ce_specversion", not_text, Reject::MalformedEvent),
        ("content-type", not_text, Reject::MalformedEvent),
        ("ce_datacontenttype", not_text, Reject::MalformedEvent),
    ] {
        let decoded = account(&raw(&[(header, Some(value))]));
        assert_eq!(decoded, at(reason, "cam", STAMP), "{header} {value:?}");
    }
    for value in [
        not_text,
        b"\0\0\0\x07",
        b"__unknown__",
        b"__other__",
        b"__x",
    ] {
        let decoded = account(&raw(&[("ce_source", Some(value))]));
        let expected = at(Reject::MalformedEvent, SourceId::UNKNOWN, STAMP);
        assert_eq!(decoded, expected, "{value:?}");
    }
    for value in [&b""[..], b"  "] {
        let decoded = account(&raw(&[("ce_source", Some(value))]));
        assert_eq!(decoded, at(Reject::NoSource, SourceId::UNKNOWN, STAMP));
    }
}

#[test]
fn a_null_header_is_absent_in_every_attribute() {
    let names = Name::ALL.map(|name| name.header());
    let mut headers: Vec<(&str, Option<&[u8]>)> =
        names.iter().map(|name| (name.as_str(), None)).collect();
    headers.push(("content-type", None));
    let decoded = of(&raw(&headers));
    assert_eq!((decoded.source.as_str(), decoded.time), ("cam", STAMP));
    assert_eq!(decoded.track, None);
    decoded.crop.unwrap();
}

#[test]
fn a_key_is_read_like_a_source() {
    for (key, reason, source) in [
        (&b" cam\n"[..], None, "cam"),
        (b"", Some(Reject::NoSource), SourceId::UNKNOWN),
        (b" ", Some(Reject::NoSource), SourceId::UNKNOWN),
        (b"cam\xFF", Some(Reject::MalformedEvent), SourceId::UNKNOWN),
        (
            b"\0\0\0\0\x05cam",
            Some(Reject::MalformedEvent),
            SourceId::UNKNOWN,
        ),
        (
            b"__unknown__",
            Some(Reject::MalformedEvent),
            SourceId::UNKNOWN,
        ),
    ] {
        let mut record = record(&[], jpeg());
        record.key = Some(key.to_vec());
        assert_eq!(
            account(&record),
            (reason, source.to_owned(), STAMP),
            "{key:?}"
        );
    }
    // What is stated counts, whatever the key is.
    let mut record = record(&[("ce_source", "cam")], jpeg());
    record.key = Some(b"\xFF".to_vec());
    assert_eq!(account(&record), (None, "cam".to_owned(), STAMP));
}

#[test]
fn a_name_is_read_in_any_case_with_a_hyphen_or_an_underscore() {
    for [time, source, trackid, content_type] in [
        ["ce_time", "ce_source", "ce_trackid", "content-type"],
        ["ce-time", "ce-source", "ce-trackid", "Content-Type"],
        ["CE-Time", "Ce-Source", "CE_TrackID", "CONTENT_TYPE"],
    ] {
        let headers = [
            (time, TIME),
            (source, "cam"),
            (trackid, "7"),
            (content_type, "image/jpeg"),
        ];
        let mut record = record(&headers, jpeg());
        record.key = None;
        let decoded = of(&record);
        assert_eq!((decoded.source.as_str(), decoded.time), ("cam", SEEN));
        assert_eq!(decoded.track, Some(track("7")));
        decoded.crop.unwrap();
    }
    let structured = event(json!({"TrackId": "8"}));
    assert_eq!(of(&structured).track, Some(track("8")));
}

#[test]
fn of_two_headers_of_one_name_the_last_counts_and_two_spellings_must_agree() {
    let two = |first, second| of(&record(&[first, second], jpeg()));
    let last = two(("ce_trackid", "6"), ("CE_trackid", "7"));
    assert_eq!(last.track, Some(track("7")));
    let agreed = two(("ce_time", TIME), ("ce-time", TIME));
    assert_eq!((agreed.time, agreed.crop.is_ok()), (SEEN, true));
    for (name, other) in [
        ("ce_time", "ce-time"),
        ("ce_source", "ce-source"),
        ("ce_trackid", "ce-trackid"),
        ("ce_type", "ce-type"),
        ("ce_specversion", "ce-specversion"),
        ("content-type", "content_type"),
    ] {
        let differ = two((name, "1"), (other, "2"));
        assert_eq!(differ.crop.err(), Some(Reject::MalformedEvent), "{name}");
    }
    // A null takes back what stood before it.
    let withdrawn = raw(&[("ce_time", Some(TIME.as_bytes())), ("ce_time", None)]);
    assert_eq!(account(&withdrawn), (None, "cam".to_owned(), STAMP));
    let json = format!(
        r#"{{"specversion": "1.0", "source": "x", "trackid": "6", "source": "cam", "trackid": 7, "data_base64": "{}"}}"#,
        BASE64_STANDARD.encode(jpeg())
    );
    let decoded = of(&text_event(&json));
    assert_eq!(
        (decoded.track, decoded.crop.is_ok()),
        (Some(track("7")), true)
    );
}

#[test]
fn no_track_is_said_alike_in_both_forms() {
    for text in [
        "",
        " ",
        "-1",
        "None",
        "null",
        "18446744073709551615",
        "-1.0",
        "UNDEFINED",
    ] {
        let header = of(&record(&[("ce_trackid", text)], jpeg()));
        let json = of(&event(json!({"trackid": text})));
        for decoded in [header, json] {
            assert_eq!(decoded.track, None, "{text:?}");
            decoded.crop.unwrap();
        }
    }
    for value in [
        json!(null),
        json!(-1),
        json!(-1.0),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(u32::MAX),
        json!(18446744073709551615.0),
        json!(false),
        json!(true),
    ] {
        let decoded = of(&event(json!({"trackid": value.clone()})));
        assert_eq!(decoded.track, None, "{value}");
        decoded.crop.unwrap();
    }
}

#[test]
fn a_track_is_the_same_as_text_and_as_a_number() {
    for value in [json!("7"), json!(" 7 "), json!(7), json!(7.0)] {
        let decoded = of(&event(json!({"trackid": value.clone()})));
        assert_eq!(decoded.track, Some(track("7")), "{value}");
        decoded.crop.unwrap();
    }
    let large = event(json!({"trackid": 18446744073709551614_u64}));
    assert_eq!(of(&large).track, Some(track("18446744073709551614")));
}

#[test]
fn an_unreadable_attribute_in_json_keeps_source_and_time() {
    for (changes, reason, source, time) in [
        (json!({"trackid": 7.5}), Reject::MalformedEvent, "cam", SEEN),
        (
            json!({"trackid": 3e30}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (json!({"trackid": [7]}), Reject::MalformedEvent, "cam", SEEN),
        (
            json!({"trackid": {"id": 7}}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"trackid": "7\u{1}"}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"time": 1_772_357_412_250_i64}),
            Reject::InvalidTime,
            "cam",
            STAMP,
        ),
        (json!({"time": ""}), Reject::InvalidTime, "cam", STAMP),
        (json!({"time": {}}), Reject::InvalidTime, "cam", STAMP),
        (
            json!({"time": "1772357412250"}),
            Reject::InvalidTime,
            "cam",
            STAMP,
        ),
        (
            json!({"source": 7}),
            Reject::MalformedEvent,
            "__unknown__",
            SEEN,
        ),
        (json!({"source": ""}), Reject::NoSource, "__unknown__", SEEN),
        (
            json!({"source": "__x"}),
            Reject::MalformedEvent,
            "__unknown__",
            SEEN,
        ),
        (
            json!({"specversion": 1.0}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"specversion": "0.3"}),
            Reject::UnsupportedVersion,
            "cam",
            SEEN,
        ),
        (json!({"id": []}), Reject::MalformedEvent, "cam", SEEN),
        (json!({"type": 1}), Reject::MalformedEvent, "cam", SEEN),
        (
            json!({"type": "org.demograph.face-crop.v2"}),
            Reject::UnsupportedVersion,
            "cam",
            SEEN,
        ),
        (
            json!({"type": "order.created"}),
            Reject::UnknownType,
            "cam",
            SEEN,
        ),
        (
            json!({"datacontenttype": 1}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"datacontenttype": "application/json"}),
            Reject::UnknownContentType,
            "cam",
            SEEN,
        ),
        (
            json!({"data_base64": 1}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"data_base64": null}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (
            json!({"data_base64": null, "data": BASE64_STANDARD.encode(jpeg())}),
            Reject::MalformedEvent,
            "cam",
            SEEN,
        ),
        (json!({"data_base64": ""}), Reject::Empty, "cam", SEEN),
    ] {
        let decoded = account(&event(changes.clone()));
        assert_eq!(decoded, at(reason, source, time), "{changes}");
    }
    for absent in [
        "trackid",
        "time",
        "source",
        "datacontenttype",
        "id",
        "type",
        "specversion",
    ] {
        let decoded = of(&event(json!({ absent: null })));
        assert_eq!(decoded.source.as_str(), "cam", "{absent}");
        decoded.crop.unwrap();
    }
}

#[test]
fn what_stands_before_a_fault_in_the_json_counts() {
    let head = format!(r#"{{"source": "cam", "time": "{TIME}", "trackid": "#);
    for rest in [
        "",
        "NaN}",
        "7, \"data_base64\": \"AAAA",
        "7} trailing",
        "\"\\ud800\"}",
    ] {
        let mut record = text_event(&format!("{head}{rest}"));
        record.key = None;
        let expected = at(Reject::MalformedEvent, "cam", SEEN);
        assert_eq!(account(&record), expected, "{rest}");
    }
    // Nothing of it can be read: the key says which camera sends such events.
    for json in ["{", "[1, 2]", "\0\0\0\0\x05{}", "null", "7"] {
        let expected = at(Reject::MalformedEvent, "cam", STAMP);
        assert_eq!(account(&text_event(json)), expected, "{json}");
    }
    assert_eq!(account(&text_event("")), at(Reject::Empty, "cam", STAMP));
}

#[test]
fn what_is_unreadable_in_headers_keeps_source_and_time() {
    let rest = [
        ("ce_time", Some(TIME.as_bytes())),
        ("ce_source", Some(&b"cam"[..])),
    ];
    for (header, value, reason) in [
        ("ce_trackid", &b"\xFF"[..], Reject::MalformedEvent),
        ("ce_type", b"\xFF", Reject::MalformedEvent),
        ("ce_specversion", b"0.3", Reject::UnsupportedVersion),
        ("ce_specversion", b"\"1.0\"", Reject::UnsupportedVersion),
        ("content-type", b"video/mp4", Reject::UnknownContentType),
        (
            "content-type",
            b"application/cloudevents-batch+json",
            Reject::UnknownContentType,
        ),
        (
            "content-type",
            b"application/cloudevents+avro",
            Reject::UnknownContentType,
        ),
    ] {
        let headers = [&rest[..], &[(header, Some(value))]].concat();
        let mut record = raw(&headers);
        record.key = None;
        assert_eq!(account(&record), at(reason, "cam", SEEN), "{header}");
    }
    let stranger = record(&[("ce_source", "stranger"), ("ce_time", TIME)], jpeg());
    let expected = at(Reject::UnknownSource, SourceId::UNKNOWN, SEEN);
    assert_eq!(account(&stranger), expected);
}

#[test]
fn the_contract_names_every_word_for_nobody() {
    let contract = include_str!("../../../../schemas/README.md");
    for word in WORDS_FOR_NOBODY {
        assert!(contract.contains(&format!("`{word}`")), "{word}");
    }
}
