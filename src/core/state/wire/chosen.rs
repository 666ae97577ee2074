//! What the chooser remembers, as bytes. Times are kept by their distance from the newest one: most are short.

use serde::{Deserialize, Serialize};

use crate::{
    choose::{self, Quality},
    record::{EventTime, SourceId, TrackId},
};

#[derive(Serialize, Deserialize)]
pub(super) struct Source {
    source: SourceId,
    newest: EventTime,
    tracks: Vec<Track>,
}

#[derive(Serialize, Deserialize)]
struct Track {
    id: TrackId,
    span: i64,
    before: u64,
    /// Milliseconds before the newest time.
    since: i64,
    taken: u32,
    best: u64,
    /// Milliseconds before the newest time.
    last: i64,
}

pub(super) fn write(chosen: &choose::Chosen) -> Vec<Source> {
    let sources = chosen.sources.iter();
    let sources = sources.map(|(id, source)| Source {
        source: id.clone(),
        newest: source.newest,
        tracks: source
            .tracks
            .iter()
            .map(|(&id, track)| Track {
                id,
                span: track.span,
                before: track.before,
                since: source.newest.0.wrapping_sub(track.since.0),
                taken: track.taken,
                best: track.best.0,
                last: source.newest.0.wrapping_sub(track.last.0),
            })
            .collect(),
    });
    sources.collect()
}

pub(super) fn read(sources: Vec<Source>) -> choose::Chosen {
    let sources = sources.into_iter().map(|wire| {
        let before = |distance| EventTime(wire.newest.0.wrapping_sub(distance));
        let tracks = wire.tracks.into_iter().map(|track| {
            let own = choose::Track {
                span: track.span,
                before: track.before,
                since: before(track.since),
                taken: track.taken,
                best: Quality(track.best),
                last: before(track.last),
            };
            (track.id, own)
        });
        let source = choose::Source {
            newest: wire.newest,
            tracks: tracks.collect(),
        };
        (wire.source, source)
    });
    choose::Chosen {
        sources: sources.collect(),
    }
}
