//! The content of a checkpoint as bytes, a format a version: what is written today, and what the version before wrote.
//!
//! Promises: the formats are plain structs of their own, so that a change of a type elsewhere changes no byte here; the
//! version before is read as long as this program writes the next; a recorded file of each is read by a test.
//! The small types that these structs hold (names, times, tallies, cells) are part of the formats. Before you change the
//! fields of one, freeze the old ones in `v1` or `v2`. The recorded files fail until that is done.

mod chosen;
mod v1;
mod v2;

use super::checkpoint::{Parts, Saved};
use crate::privacy::ReleasedWindow;

/// The version that is written.
pub(super) const VERSION: u16 = 2;

/// How many bytes a window of the outbox takes in today's version.
pub(super) fn window_bytes(window: &ReleasedWindow) -> usize {
    let size = postcard::experimental::serialized_size(&v2::Released::from(window));
    size.expect("plain data in memory can always be measured")
}

/// The bytes of a state, in today's version.
pub(super) fn write(parts: Parts<'_>) -> Vec<u8> {
    postcard::to_stdvec(&v2::Saved::from(parts))
        .expect("plain data in memory can always be written")
}

/// The state in bytes of this version. `None` if they are not of it.
pub(super) fn read(version: u16, bytes: &[u8]) -> Option<Saved> {
    match version {
        1 => v2::Saved::from(whole::<v1::Saved>(bytes)?).try_into().ok(),
        2 => whole::<v2::Saved<'_>>(bytes)?.try_into().ok(),
        _ => None,
    }
}

/// Something in the bytes has no meaning in this program.
#[derive(Debug)]
struct Unknown;

/// All of the bytes, or nothing.
fn whole<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
