//! Streams that ffmpeg itself writes, whole and damaged.

use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

const SIZE: (u32, u32) = (48, 32);
const BYTES: usize = 48 * 32 * 3 / 2;

/// A test picture with these filters, as NUT.
fn stream(filters: &str) -> Vec<u8> {
    let source = format!("testsrc=size=48x32:rate=25:duration=4,{filters},format=yuv420p");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source])
        .args([
            "-fps_mode",
            "passthrough",
            "-c:v",
            "rawvideo",
            "-f",
            "nut",
            "-",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed: run setup/system-packages");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn pictures(bytes: &[u8]) -> (Vec<Picture>, NutError) {
    let mut nut = match Nut::open(bytes, BYTES) {
        Ok(nut) => nut,
        Err(error) => return (Vec::new(), error),
    };
    let mut pictures = Vec::new();
    loop {
        match nut.next_picture() {
            Ok(picture) => pictures.push(picture),
            Err(error) => return (pictures, error),
        }
    }
}

#[test]
fn pictures_and_their_times_are_those_that_ffmpeg_wrote() {
    let bytes = stream("fps=5");
    let nut = Nut::open(bytes.as_slice(), BYTES).unwrap();
    assert_eq!((nut.size(), &nut.fourcc()), (SIZE, b"I420"));
    let (pictures, end) = pictures(&bytes);
    assert!(matches!(end, NutError::Ended), "{end}");
    let times: Vec<i64> = pictures.iter().map(|picture| picture.pts).collect();
    assert_eq!(times, (0..20).map(|n| n * 200_000).collect::<Vec<_>>());
    assert!(pictures.iter().all(|picture| picture.data.len() == BYTES));

    // The same pictures without a container.
    let raw = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("testsrc=size=48x32:rate=25:duration=4,fps=5,format=yuv420p")
        .args(["-f", "rawvideo", "-"])
        .output()
        .unwrap();
    let data: Vec<u8> = pictures
        .into_iter()
        .flat_map(|picture| picture.data)
        .collect();
    assert!(data == raw.stdout, "the pictures differ");
}

#[test]
fn a_long_stream_ends_as_a_short_one_does() {
    // At its end ffmpeg writes an index with an entry a picture: here 150,000 bytes, more than any header has.
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("color=size=160x144:rate=5:duration=6000,format=yuv420p")
        .args(["-c:v", "rawvideo", "-f", "nut", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reader = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut nut = Nut::open(reader, 160 * 144 * 3 / 2).unwrap();
    let mut pictures = 0;
    let end = loop {
        match nut.next_picture() {
            Ok(_) => pictures += 1,
            Err(end) => break end,
        }
    };
    assert!(matches!(end, NutError::Ended), "{end}");
    assert_eq!(pictures, 30_000);
    drop(nut);
    assert!(child.wait().unwrap().success());
}

#[test]
fn uneven_times_gaps_and_leaps_ahead_are_kept() {
    // Frames 0, 1, 10, 11; then the last two, an hour later.
    let bytes = stream("select='lt(n,2)+between(n,10,11)+gte(n,98)',setpts='PTS+gte(N,4)*3600/TB'");
    let (pictures, _) = pictures(&bytes);
    let times: Vec<i64> = pictures.iter().map(|picture| picture.pts).collect();
    let later = 3_600_000_000;
    assert_eq!(
        times,
        [
            0,
            40_000,
            400_000,
            440_000,
            later + 98 * 40_000,
            later + 99 * 40_000
        ]
    );
}

#[test]
fn a_stream_that_is_cut_anywhere_gives_its_whole_pictures_and_ends() {
    let bytes = stream("fps=5");
    let (all, _) = pictures(&bytes);
    for cut in (0..bytes.len()).step_by(97) {
        let (some, end) = pictures(&bytes[..cut]);
        assert!(matches!(end, NutError::Ended), "{cut}: {end}");
        assert!(some.len() < all.len() && all.starts_with(&some), "{cut}");
    }
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let bytes = stream("fps=5");
    let error = Nut::open(bytes.as_slice(), BYTES - 1)
        .unwrap()
        .next_picture()
        .unwrap_err();
    assert!(error.to_string().contains("too many bytes"), "{error}");
    let error = Nut::open(&b"RIFF....AVI LIST and more of it...."[..], BYTES)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("does not begin as NUT"),
        "{error}"
    );
}

#[test]
fn damaged_bytes_never_panic() {
    let bytes = stream("fps=5");
    let config = ProptestConfig::with_cases(2_000);
    // Most of what can go wrong is in the headers and the first frames' heads.
    proptest!(config, |(flips in prop::collection::vec((25usize..600, any::<u8>()), 1..6))| {
        let mut damaged = bytes.clone();
        for (at, byte) in flips {
            damaged[at] = byte;
        }
        let (some, _) = pictures(&damaged);
        prop_assert!(some.iter().all(|picture| picture.data.len() <= BYTES));
    });
}
