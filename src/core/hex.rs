//! Bytes as text for people: lowercase hexadecimal digits.

/// Two digits a byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// The bytes of these digits; none where they are no whole number of bytes.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match *pair {
        [high, low] => {
            let digit = |one| char::from(one).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_lowercase_digits() {
        assert_eq!(hex([0x00, 0x0a, 0xff]), "000aff");
        assert_eq!(hex([]), "");
    }

    #[test]
    fn digits_are_read_back() {
        assert_eq!(unhex("000aFf"), Some(vec![0x00, 0x0a, 0xff]));
        for wrong in ["0", "0g", "+1", "é"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
