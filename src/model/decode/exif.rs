//! EXIF -> how the picture must be turned. EXIF is TIFF (6.0, 1992): a header, then a table of tags of twelve bytes each.
//!
//! Promises: a tag that is damaged, missing or absurd means "upright" and never costs the image; no more is read
//! than the first table.

use super::turn::Orientation;

/// Some writers put it before the TIFF header in PNG and WebP too.
const PREFIX: &[u8] = b"Exif\0\0";
/// The tag `Orientation`.
const ORIENTATION: u16 = 0x0112;
const ENTRY_BYTES: usize = 12;

/// The orientation that an EXIF block states.
pub(super) fn orientation(exif: &[u8]) -> Orientation {
    let tiff = exif.strip_prefix(PREFIX).unwrap_or(exif);
    stated(tiff)
        .and_then(Orientation::of_tag)
        .unwrap_or_default()
}

fn stated(tiff: &[u8]) -> Option<u32> {
    let bytes = match tiff {
        [b'I', b'I', 42, 0, ..] => Bytes { tiff, big: false },
        [b'M', b'M', 0, 42, ..] => Bytes { tiff, big: true },
        _ => return None,
    };
    let table = usize::try_from(bytes.long(4)?).ok()?;
    let count = usize::from(bytes.short(table)?);
    let first = table.checked_add(2)?;
    let entries = tiff.get(first..)?.chunks_exact(ENTRY_BYTES).take(count);
    for (number, _) in entries.enumerate() {
        let entry = first + number * ENTRY_BYTES;
        if bytes.short(entry)? != ORIENTATION {
            continue;
        }
        return match (bytes.short(entry + 2)?, bytes.long(entry + 4)?) {
            // The types BYTE, SHORT (the standard's) and LONG, one value.
            (1, 1) => tiff.get(entry + 8).copied().map(u32::from),
            (3, 1) => bytes.short(entry + 8).map(u32::from),
            (4, 1) => bytes.long(entry + 8),
            _ => None,
        };
    }
    None
}

/// TIFF in either order of bytes.
struct Bytes<'a> {
    tiff: &'a [u8],
    big: bool,
}

impl Bytes<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}
