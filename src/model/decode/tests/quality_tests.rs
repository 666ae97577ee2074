//! How good a crop is, as far as it is known before it is decoded.

use demograph_core::{choose::Quality, golden::repository};
use serde_json::json;

use super::{
    super::{Limits, image},
    *,
};

const ANY_SIZE: Limits = Limits {
    image_side_min: 1,
    ..LIMITS
};

fn quality(headers: &[(&str, &str)], payload: Vec<u8>) -> Option<Quality> {
    decode(&record(headers, payload), &LIMITS, &OnlyCam).quality
}

#[test]
fn the_size_in_the_head_is_that_of_the_picture() {
    let mut compared = 0;
    for folder in [
        "tests/data/images",
        "tests/data/malformed",
        "tests/data/composites",
    ] {
        for entry in std::fs::read_dir(repository(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let decoded = image(&bytes, &ANY_SIZE, Attributes::NONE);
            let head = image::size(&bytes, &ANY_SIZE);
            if let Ok(crop) = decoded {
                let (width, height) =
                    head.unwrap_or_else(|| panic!("{} has a size", path.display()));
                // One that is turned has its sides exchanged.
                let sides = |a: u32, b: u32| (a.min(b), a.max(b));
                let expected = sides(crop.width, crop.height);
                assert_eq!(sides(width, height), expected, "{}", path.display());
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
    for format in [::image::ImageFormat::Png, ::image::ImageFormat::WebP] {
        assert_eq!(image::size(&encoded(format), &ANY_SIZE), Some((40, 30)));
    }
}

#[test]
fn quality_is_what_is_stated_else_the_area() {
    let area = Some(Quality::of_size((40, 30)));
    let png = || encoded(::image::ImageFormat::Png);
    assert_eq!(quality(&[], png()), area);
    let stated = |text: &str| Quality::stated(text);
    assert_eq!(quality(&[("ce_quality", " 0.93 ")], png()), stated("0.93"));
    assert_eq!(quality(&[("CE-Quality", "7")], png()), stated("7"));
    for (value, expected) in [
        (json!(0.93), stated("0.93")),
        (json!("0.93"), stated("0.93")),
        (json!(2), stated("2")),
        (json!(0), stated("0")),
    ] {
        let event = event_of(&json!({ "quality": value }));
        assert_eq!(decode(&event, &LIMITS, &OnlyCam).quality, expected);
    }
    let absent = event_of(&json!({ "quality": null }));
    let of_jpeg = quality(&[], jpeg());
    assert_eq!(decode(&absent, &LIMITS, &OnlyCam).quality, of_jpeg);
}

#[test]
fn a_quality_that_cannot_be_read_is_malformed() {
    for value in ["", "good", "-1", "NaN", "inf", "0,9"] {
        let headers = [("ce_quality", value)];
        assert_eq!(
            reject_of(&record(&headers, jpeg())),
            Some(Reject::MalformedEvent),
            "{value:?}"
        );
    }
    for value in [json!(-1), json!(true), json!([1]), json!("best")] {
        let event = event_of(&json!({ "quality": value }));
        assert_eq!(reject_of(&event), Some(Reject::MalformedEvent), "{value}");
    }
}

#[test]
fn what_the_decoder_will_reject_has_none_whatever_is_stated() {
    let cut = jpeg()[..2_000].to_vec();
    let small = std::fs::read(repository("tests/data/images/one-pixel.jpg")).unwrap();
    for payload in [
        cut,
        small,
        b"no image".to_vec(),
        b"\xFF\xD8\xFF\xD9".to_vec(),
    ] {
        let headers = [("ce_quality", "0.9")];
        assert!(reject_of(&record(&headers, payload.clone())).is_some());
        assert_eq!(quality(&headers, payload), None);
    }
}

fn event_of(changes: &serde_json::Value) -> Record {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let mut event = json!({
        "specversion": "1.0", "type": EVENT_TYPE, "id": "1", "source": "cam",
        "data_base64": BASE64_STANDARD.encode(jpeg()),
    });
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    structured(event)
}

proptest! {
    #[test]
    fn any_head_has_a_size_or_none(
        bytes in prop::collection::vec(any::<u8>(), 0..60), magic in 0usize..5,
    ) {
        let starts: [&[u8]; 5] = [
            b"\xFF\xD8\xFF\xC0", b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR", b"RIFF\x40\0\0\0WEBPVP8 ",
            b"RIFF\x40\0\0\0WEBPVP8L", b"RIFF\x40\0\0\0WEBPVP8X",
        ];
        let size = image::size(&[starts[magic], &bytes].concat(), &ANY_SIZE);
        prop_assert!(size.is_none_or(|(width, height)| width.max(height) <= ANY_SIZE.image_side_max));
    }
}
