//! The texts in place of a track id that mean "not tracked". As ids they would make one person of a crowd. The list is
//! part of the contract (schemas/README.md) and holds for both forms of the event.

/// What programs write for "no value", and what cannot tell people apart.
pub const WORDS_FOR_NOBODY: [&str; 11] = [
    "null",
    "none",
    "nil",
    "nan",
    "na",
    "n/a",
    "undefined",
    "unknown",
    "untracked",
    "true",
    "false",
];

/// -1 and the ends of the integer types, as trackers and casts from NaN leave them; the last two as JavaScript writes
/// the largest.
const NUMBERS_FOR_NOBODY: [i128; 9] = [
    -1,
    i32::MIN as i128,
    i32::MAX as i128,
    u32::MAX as i128,
    i64::MIN as i128,
    i64::MAX as i128,
    u64::MAX as i128,
    9_223_372_036_854_776_000,
    18_446_744_073_709_552_000,
];

/// Digits of a UUID.
const UUID_DIGITS: usize = 32;

/// The track id; `None` where the text means "not tracked".
pub fn person(text: &str) -> Option<&str> {
    let text = text.trim();
    // `"null"`, `(null)`, `<nil>`, `<NA>`
    let core = text.trim_matches(|c: char| "\"'`<>()[]{}".contains(c) || c.is_whitespace());
    // C writes `-nan`.
    let unsigned = core.trim_start_matches(['-', '+']);
    let is_word = WORDS_FOR_NOBODY
        .iter()
        .any(|word| word.eq_ignore_ascii_case(unsigned));
    let says_nothing = !core.chars().any(char::is_alphanumeric);
    (!is_word && !is_number_for_nobody(core) && !says_nothing && !is_nil_uuid(core)).then_some(text)
}

/// `-1`, and `-1.0` and `1.8446744073709552e19` too: where it went through a floating-point number.
fn is_number_for_nobody(text: &str) -> bool {
    if let Ok(number) = text.parse() {
        return NUMBERS_FOR_NOBODY.contains(&number);
    }
    text.parse::<f64>().is_ok_and(|number| {
        NUMBERS_FOR_NOBODY
            .iter()
            .any(|&nobody| nobody as f64 == number)
    })
}

fn is_nil_uuid(text: &str) -> bool {
    let zeros = text.bytes().filter(|&byte| byte == b'0').count();
    zeros == UUID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_trackers_send_for_nobody_is_no_person() {
        for text in [
            "",
            "  ",
            "\t",
            "-",
            "--",
            "?",
            "\"\"",
            "null",
            "NULL",
            "Null",
            "None",
            "none",
            "nil",
            "<nil>",
            "(null)",
            "NaN",
            "nan",
            "-nan",
            "<NA>",
            "N/A",
            "undefined",
            "unknown",
            "untracked",
            "true",
            "False",
            "-1",
            " -1 ",
            "-1.0",
            "-1.",
            "\"-1\"",
            "'-1'",
            "2147483647",
            "-2147483648",
            "4294967295",
            "4294967295.0",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "18446744073709551615.0",
            "1.8446744073709552e19",
            "1.8446744073709552E+19",
            "18446744073709552000",
            "00000000-0000-0000-0000-000000000000",
            "00000000000000000000000000000000",
        ] {
            assert_eq!(person(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_names_somebody_is_kept() {
        for text in [
            "0",
            "7",
            "-2",
            "007",
            "1.5",
            "nano",
            "nobody",
            "none-1",
            "person 3",
            "65535",
            "٣",
            "é",
            "4294967294",
            "2147483646",
            "1e400",
            "12e45678",
            "true-7",
            "id:-1",
            "0000",
            "0b1e8a52-6f0c-4d6c-9d5c-3f4b8f3f4b8f",
            "00000000-0000-0000-0000-000000000001",
        ] {
            assert_eq!(person(text), Some(text));
        }
        assert_eq!(person(" 7\n"), Some("7"));
    }

    proptest! {
        #[test]
        fn a_counter_names_somebody(id in 0u32..i32::MAX as u32) {
            let text = id.to_string();
            prop_assert_eq!(person(&text), Some(text.as_str()));
        }
    }
}
