//! The address of a camera, put together from the config's parts, and fit to be shown. Pure.

use demograph_camera::ffmpeg::redact;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// With user and password. They may hold any character.
pub(crate) fn with_login(address: &str, user: Option<&str>, password: Option<&str>) -> String {
    let (Some(user), Some((scheme, rest))) = (user, address.split_once("://")) else {
        return address.to_owned();
    };
    let password = password.map_or(String::new(), |password| format!(":{}", encoded(password)));
    format!("{scheme}://{}{password}@{rest}", encoded(user))
}

/// Whether it holds a user or a password already.
pub(crate) fn has_login(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.contains('@')
}

/// Without users, passwords and tokens.
pub(crate) fn shown(address: &str) -> String {
    redact(address)
}

/// All but what RFC 3986 calls unreserved, as percent and two digits.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_stand_before_the_host_whatever_they_hold() {
        let of = |user, password| with_login("rtsp://cam:554/1?a=b", user, password);
        assert_eq!(of(None, None), "rtsp://cam:554/1?a=b");
        assert_eq!(of(Some("admin"), None), "rtsp://admin@cam:554/1?a=b");
        assert_eq!(
            of(Some("admin"), Some("p@ss/wörd:1")),
            "rtsp://admin:p%40ss%2Fw%C3%B6rd%3A1@cam:554/1?a=b"
        );
        assert_eq!(
            shown(&of(Some("admin"), Some("s3"))),
            "rtsp://***@cam:554/1?***"
        );
        assert!(has_login("rtsp://a@cam/1") && !has_login("rtsp://cam/a@b"));
    }
}
