//! Base64 as encoders write it: the standard alphabet or the one for URLs, padded or not, in one line or in many.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `None` where it is no base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok().or_else(|| {
        let standard: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => other,
            })
            .collect();
        ENGINE.decode(standard).ok()
    })
}

#[cfg(test)]
mod tests {
    use base64::prelude::{
        BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD,
    };
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_form_of_the_same_bytes_is_read(bytes: Vec<u8>, line in 1usize..80) {
            for engine in [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD] {
                let text = engine.encode(&bytes);
                prop_assert_eq!(decode(&text), Some(bytes.clone()));
                let lines: Vec<&str> = text
                    .as_bytes()
                    .chunks(line)
                    .map(|line| std::str::from_utf8(line).unwrap())
                    .collect();
                prop_assert_eq!(decode(&(lines.join("\r\n") + "\n")), Some(bytes.clone()));
            }
        }
    }

    #[test]
    fn other_texts_are_no_base64() {
        for text in [
            "###",
            "A",
            "AAAA=AAA",
            "data:image/png;base64,AAAA",
            "Zm9v\u{e9}",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
