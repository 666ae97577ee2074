//! RFC 3339 times as libraries write them: `T`, `t` or a space, `Z`, `z` or an offset, any number of decimals.

use std::borrow::Cow;

use crate::record::EventTime;

/// More are cut off: they are below a nanosecond.
const DECIMALS_MAX: usize = 9;

/// `None` where it is no RFC 3339 time with a zone.
pub fn parse(text: &str) -> Option<EventTime> {
    let time: jiff::Timestamp = shortened(text.trim()).parse().ok()?;
    Some(EventTime(time.as_millisecond()))
}

fn shortened(text: &str) -> Cow<'_, str> {
    let Some(point) = text.find(['.', ',']) else {
        return Cow::Borrowed(text);
    };
    let (head, decimals) = text.split_at(point + 1);
    let digits = decimals.bytes().take_while(u8::is_ascii_digit).count();
    match digits > DECIMALS_MAX {
        false => Cow::Borrowed(text),
        true => Cow::Owned([head, &decimals[..DECIMALS_MAX], &decimals[digits..]].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_libraries_write_are_read() {
        for text in [
            "2026-03-01T09:30:12.25Z",
            "2026-03-01t09:30:12.250z",
            "2026-03-01 09:30:12.250Z",
            "2026-03-01 09:30:12.250+00:00",
            "2026-03-01T09:30:12.250-00:00",
            "2026-03-01T10:30:12.250+01:00",
            "2026-03-01T04:00:12.250000-05:30",
            "2026-03-01T09:30:12.2500000Z",
            "2026-03-01T09:30:12.250000000Z",
            "2026-03-01T09:30:12.250000000000123456789Z",
            "2026-03-01T09:30:12.250000000000+00:00",
            " 2026-03-01T09:30:12.250Z\n",
        ] {
            assert_eq!(parse(text), Some(EventTime(1_772_357_412_250)), "{text:?}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_before_it() {
        let second = |text| parse(text).unwrap().0 / 1_000;
        assert_eq!(
            second("2016-12-31T23:59:60Z"),
            second("2016-12-31T23:59:59Z")
        );
    }

    #[test]
    fn what_names_no_instant_is_refused() {
        for text in [
            "",
            "now",
            "2026-03-01",
            "2026-03-01T09:30:12",
            "2026-03-01T09:30:12.2500000000000",
            "2026-03-01T09:30:12 Europe/Berlin",
            "2026-03-01T09:30:12[Europe/Berlin]",
            "2026-02-30T09:30:12Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T09:30:61Z",
            "\"2026-03-01T09:30:12Z\"",
            "Sun, 01 Mar 2026 09:30:12 GMT",
            "03/01/2026 09:30:12",
            "1772357412",
            "1772357412250",
            "1772357412.25",
            "20260301",
            "20260301093012",
            "0",
            "-1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
