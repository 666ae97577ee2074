//! What lies where in a file: the segments of a JPEG, the chunks of a PNG and of a WebP. No pixel is decoded.
//!
//! Promises: any bytes give an answer; a walk takes one step a segment or chunk, and reads only their heads.

/// What is known of a file without decoding it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout<'a> {
    /// Width and height in pixels, as stored.
    pub size: Option<(u32, u32)>,
    pub exif: Option<&'a [u8]>,
    /// Whether the file holds the end that its format asks for; what follows the end does not count.
    pub has_end: bool,
}

const EXIF: &[u8] = b"Exif\0\0";
const EOI: [u8; 2] = [0xFF, 0xD9];

/// Of a JPEG. A thumbnail in its EXIF has an end of its own, which is not the picture's.
pub(super) fn jpeg(bytes: &[u8]) -> Layout<'_> {
    let (mut size, mut exif) = (None, None);
    let mut at = 2;
    let has_end = loop {
        // To the next marker, as decoders go: over stray bytes, stuffed zeros and fill.
        let Some(stray) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|&b| b == 0xFF))
        else {
            break false;
        };
        at += stray + 1;
        let segment = at + 1;
        match bytes.get(at) {
            None => break false,
            Some(0xFF) => {}
            Some(0x00 | 0x01 | 0xD0..=0xD8) => at = segment,
            Some(0xD9) => break true,
            // In the pixels' data no other byte than 0 or a restart's follows 0xFF.
            Some(0xDA) => break has(&bytes[segment..], EOI),
            Some(&marker) => {
                let Some(&length) = bytes[segment..].first_chunk() else {
                    break false;
                };
                let length = usize::from(u16::from_be_bytes(length));
                if length < 2 {
                    break has(&bytes[segment..], EOI);
                }
                let Some(content) = bytes.get(segment + 2..segment + length) else {
                    break bytes.ends_with(&EOI);
                };
                if is_frame(marker)
                    && let [_, h, hh, w, ww, ..] = *content
                {
                    let side = |bytes| u32::from(u16::from_be_bytes(bytes));
                    size = size.or(Some((side([w, ww]), side([h, hh]))));
                }
                if marker == 0xE1 && content.starts_with(EXIF) {
                    exif = exif.or(Some(content));
                }
                at = segment + length;
            }
        }
    };
    Layout {
        size,
        exif,
        has_end,
    }
}

/// Whether the segment of this marker begins a frame: baseline, progressive, lossless, with either code.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// From the end, where it most likely is.
fn has(bytes: &[u8], pair: [u8; 2]) -> bool {
    bytes.windows(2).rev().any(|found| found == pair)
}

/// Of a PNG.
pub(super) fn png(bytes: &[u8]) -> Layout<'_> {
    let (mut size, mut exif) = (None, None);
    let mut rest = bytes.get(8..).unwrap_or_default();
    let has_end = loop {
        let (Some(&length), Some(kind)) = (rest.first_chunk(), rest.get(4..8)) else {
            break false;
        };
        let content = &rest[8..];
        let length = u32::from_be_bytes(length) as usize;
        // A checksum follows the content.
        if content.len() < length.saturating_add(4) {
            break false;
        }
        match kind {
            b"IEND" => break true,
            b"IHDR" => {
                let side = |at: usize| content.get(at..)?.first_chunk().copied();
                let sides = side(0).zip(side(4));
                size = size.or(sides.map(|(w, h)| (u32::from_be_bytes(w), u32::from_be_bytes(h))));
            }
            b"eXIf" => exif = exif.or(Some(&content[..length])),
            _ => {}
        }
        rest = &content[length + 4..];
    };
    Layout {
        size,
        exif,
        has_end,
    }
}

/// Of a WebP. Its EXIF counts only where the head of the extended format announces it.
pub(super) fn webp(bytes: &[u8]) -> Layout<'_> {
    const ANNOUNCED: u8 = 0x08;
    let size = bytes.get(4..).and_then(<[u8]>::first_chunk);
    let end = size.map(|&size| (u32::from_le_bytes(size) as usize).saturating_add(8));
    let has_end = end.is_some_and(|end| end <= bytes.len());
    let mut layout = Layout {
        size: webp_size(bytes),
        exif: None,
        has_end,
    };
    let file = &bytes[..end.unwrap_or(0).min(bytes.len())];
    let mut rest = file.get(12..).unwrap_or_default();
    if !rest.starts_with(b"VP8X") || rest.get(8).is_none_or(|flags| flags & ANNOUNCED == 0) {
        return layout;
    }
    while let (Some(kind), Some(&length)) = (
        rest.first_chunk::<4>(),
        rest.get(4..).and_then(<[u8]>::first_chunk),
    ) {
        let content = &rest[8..];
        let length = u32::from_le_bytes(length) as usize;
        if kind == b"EXIF" {
            layout.exif = content.get(..length);
            break;
        }
        // Chunks begin at even places.
        rest = content
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
    }
    layout
}

/// The first chunk is the head of the extended format, or the picture: lossy (a VP8 frame) or lossless.
fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (kind, content) = (bytes.get(12..16)?, bytes.get(20..)?);
    let number = |at: usize, len: usize| {
        let bytes = content.get(at..at + len)?.iter().rev();
        Some(bytes.fold(0, |number, &byte| number << 8 | u32::from(byte)))
    };
    match kind {
        b"VP8X" => Some((number(4, 3)? + 1, number(7, 3)? + 1)),
        b"VP8 " => Some((number(6, 2)? & 0x3FFF, number(8, 2)? & 0x3FFF)),
        b"VP8L" => {
            let sides = number(1, 4)?;
            Some(((sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1))
        }
        _ => None,
    }
}
