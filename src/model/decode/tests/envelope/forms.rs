//! Which form an event has, and which content types leave the decision to the first bytes.

use super::*;

#[test]
fn the_first_bytes_decide_unless_something_else_is_declared() {
    for open in [
        "",
        " ",
        "image/jpeg",
        "image/jpg",
        "image/pjpeg",
        "image/x-png",
        "image/png",
        "IMAGE/WEBP ; q=1",
        "image/gif",
        "image/*",
        "application/octet-stream",
        "binary/octet-stream",
        "\"image/jpeg\"",
        "jpeg",
        "*/*",
        "application/x-binary",
        "application/jpeg",
    ] {
        for name in [
            "content-type",
            "Content-Type",
            "ce_datacontenttype",
            "ce-datacontenttype",
        ] {
            assert_eq!(
                reject_of(&record(&[(name, open)], jpeg())),
                None,
                "{name}: {open}"
            );
        }
        assert_eq!(
            reject_of(&event(json!({"datacontenttype": open}))),
            None,
            "{open}"
        );
        let text = record(&[("content-type", open)], b"text".to_vec());
        assert_eq!(reject_of(&text), Some(Reject::NotAnImage), "{open}");
    }
    for other in [
        "video/mp4",
        "video/x-jpeg",
        "text/plain",
        "text/html; charset=utf-8",
        "application/json",
        "audio/mpeg",
        "application/avro",
        "application/pdf",
        "application/x-protobuf",
        "multipart/form-data",
        "application/xml",
    ] {
        let reason = Some(Reject::UnknownContentType);
        for name in ["content-type", "ce_datacontenttype"] {
            assert_eq!(
                reject_of(&record(&[(name, other)], jpeg())),
                reason,
                "{other}"
            );
        }
        assert_eq!(
            reject_of(&event(json!({"datacontenttype": other}))),
            reason,
            "{other}"
        );
    }
}

#[test]
fn a_structured_event_is_known_by_its_content_type_or_else_by_its_version() {
    let payload = event(json!({})).payload;
    let marked = [b"\xEF\xBB\xBF\n ", &payload[..]].concat();
    for content_type in [
        STRUCTURED,
        "application/cloudevents",
        "Application/CloudEvents+JSON; charset=utf-8",
        "",
        "application/json",
        "application/octet-stream",
    ] {
        for name in ["content-type", "Content-Type"] {
            for payload in [&payload, &marked] {
                let decoded = of(&record(&[(name, content_type)], payload.clone()));
                assert_eq!((decoded.time, decoded.track), (SEEN, Some(track("7"))));
                decoded.crop.unwrap();
            }
        }
    }
    assert_eq!(of(&record(&[], payload.clone())).time, SEEN);
    let other = b"{\"image\": null}".to_vec();
    assert_eq!(
        reject_of(&record(&[], other.clone())),
        Some(Reject::NotAnImage)
    );
    for (headers, payload, reason) in [
        (
            [("content-type", "application/json")],
            other,
            Reject::UnknownContentType,
        ),
        (
            [("content-type", "text/plain")],
            payload.clone(),
            Reject::UnknownContentType,
        ),
        // Attributes in headers: the value is meant to be the image.
        ([("ce_specversion", "1.0")], payload, Reject::NotAnImage),
    ] {
        assert_eq!(reject_of(&record(&headers, payload)), Some(reason));
    }
}

#[test]
fn a_structured_event_of_the_largest_image_fits_however_it_is_encoded() {
    let mut image = jpeg();
    image.extend((image.len()..LIMITS.payload_bytes_max).map(|n| (n * n / 7) as u8));
    let lines: Vec<String> = BASE64_STANDARD
        .encode(&image)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let json = event(json!({"data_base64": lines.join("\r\n")}));
    // As PHP writes it.
    let json = String::from_utf8(json.payload).unwrap().replace('/', "\\/");
    assert_ne!(reject_of(&text_event(&json)), Some(Reject::TooManyBytes));
    image.push(0);
    let larger = event(json!({"data_base64": BASE64_STANDARD.encode(&image)}));
    assert_eq!(reject_of(&larger), Some(Reject::TooManyBytes));
}

#[test]
fn what_the_json_schema_says_of_an_attribute_is_what_is_read() {
    let schema = include_str!("../../../../../schemas/face-crop-event.v1.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut allowed = 0;
    for changes in [
        json!({}),
        json!({"trackid": "7"}),
        json!({"trackid": 7}),
        json!({"trackid": true}),
        json!({"trackid": null}),
        json!({"trackid": 7.5}),
        json!({"trackid": [7]}),
        json!({"time": null}),
        json!({"time": 7}),
        json!({"source": "__x"}),
        json!({"source": " __x"}),
        json!({"source": 7}),
        json!({"source": ""}),
        json!({"specversion": "0.3"}),
        json!({"type": "x"}),
        json!({"datacontenttype": null}),
        json!({"datacontenttype": ""}),
        json!({"datacontenttype": "application/octet-stream"}),
        json!({"datacontenttype": "image/x-png"}),
        json!({"datacontenttype": "application/json"}),
        json!({"datacontenttype": "video/mp4"}),
        json!({"datacontenttype": 7}),
        json!({"quality": 0.93}),
        json!({"quality": 0}),
        json!({"quality": "  .93 "}),
        json!({"quality": "93e-2"}),
        json!({"quality": null}),
        json!({"quality": -1}),
        json!({"quality": ""}),
        json!({"quality": "good"}),
        json!({"quality": true}),
        json!({"data_base64": ""}),
        json!({"data_base64": 7}),
        json!({"data_base64": null}),
    ] {
        let record = event(changes.clone());
        let json = serde_json::from_slice(&record.payload).unwrap();
        let is_allowed = schema.is_valid(&json);
        assert_eq!(is_allowed, reject_of(&record).is_none(), "{changes}");
        allowed += usize::from(is_allowed);
    }
    assert_eq!(allowed, 15);
}
