//! Why a camera gave no picture at all, as far as ffmpeg's messages tell. Pure.

use super::End;

/// What ffmpeg says, in its words and in those of the C library.
const WORDS: [(&str, End); 15] = [
    ("401 Unauthorized", End::Unauthorized),
    ("authorization failed", End::Unauthorized),
    ("403 Forbidden", End::Unauthorized),
    ("access denied", End::Unauthorized),
    ("404 Not Found", End::NotFound),
    ("404 Stream Not Found", End::NotFound),
    ("Connection refused", End::Unreachable),
    ("No route to host", End::Unreachable),
    ("Network is unreachable", End::Unreachable),
    ("Host is down", End::Unreachable),
    ("timed out", End::Unreachable),
    ("Failed to resolve hostname", End::Unreachable),
    ("Name or service not known", End::Unreachable),
    ("No such file or directory", End::NotFound),
    ("matches no streams", End::NoVideo),
];

/// The first known word of the first line that has one.
pub(super) fn refusal<'a>(lines: impl IntoIterator<Item = &'a String>) -> End {
    let told = lines.into_iter().find_map(|line| {
        let word = WORDS.iter().find(|(word, _)| line.contains(word));
        word.map(|(_, end)| *end)
    });
    told.unwrap_or(End::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_say_why_a_camera_gave_no_picture() {
        for (lines, end) in [
            (
                &[
                    "[rtsp @ 0x1] method DESCRIBE failed: 401 Unauthorized",
                    "pipe:0: Server returned 401 Unauthorized (authorization failed)",
                ][..],
                End::Unauthorized,
            ),
            (
                &["[rtsp @ 0x1] method DESCRIBE failed: 404 Not Found"],
                End::NotFound,
            ),
            (
                &[
                    "[tcp @ 0x1] Connection to tcp://127.0.0.1:1?timeout=0 failed: Connection refused",
                ],
                End::Unreachable,
            ),
            (
                &["[in#0 @ 0x1] Error opening input: Connection timed out"],
                End::Unreachable,
            ),
            (&["Stream map '0:v:0' matches no streams."], End::NoVideo),
            (&["Invalid data found when processing input"], End::Refused),
            (&[], End::Refused),
        ] {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(refusal(&lines), end, "{lines:?}");
        }
    }
}
