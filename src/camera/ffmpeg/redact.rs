//! Addresses without the user and the password that they may hold. Pure.

/// Every `scheme://user:password@host` in a text becomes `scheme://***@host`.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        // A password may hold what should have been written as %40 or %2F: up to the last @ of the word nothing is shown.
        let word = after.find(char::is_whitespace).unwrap_or(after.len());
        let user = after[..word].rfind('@');
        rest = match user {
            Some(at) => {
                clean.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_and_passwords_are_taken_out_and_nothing_else_is() {
        for (text, clean) in [
            (
                "rtsp://admin:s3cret@10.0.0.7:554/main",
                "rtsp://***@10.0.0.7:554/main",
            ),
            ("rtsp://admin@cam/1", "rtsp://***@cam/1"),
            (
                "[rtsp @ 0x5] rtsp://u:p@cam: Unauthorized",
                "[rtsp @ 0x5] rtsp://***@cam: Unauthorized",
            ),
            (
                "rtsp://u:p@ss@cam/1 and http://v:q@w/",
                "rtsp://***@cam/1 and http://***@w/",
            ),
            ("rtsp://u:p/a@cam/1", "rtsp://***@cam/1"),
            ("http://cam/a@b", "http://***@b"),
            ("rtsp://cam:554/main", "rtsp://cam:554/main"),
            ("/dev/video0", "/dev/video0"),
            ("", ""),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    proptest! {
        #[test]
        fn no_password_is_left(password in "[a-zA-Z0-9:@/%$!]{6,20}", before in ".{0,20}") {
            let clean = redact(&format!("{before} rtsp://user:{password}@camera.example/stream: failed"));
            prop_assert!(!clean.contains(&format!("user:{password}")), "{clean}");
            prop_assert!(clean.ends_with("***@camera.example/stream: failed"), "{clean}");
        }
    }
}
