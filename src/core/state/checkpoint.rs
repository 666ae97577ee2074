//! A partition's state as bytes: what a checkpoint file holds.
//!
//! ```text
//! "DGCKPT" | version u16 | Header | content | SHA-256 of all before
//! ```
//! Header and content are in the format of postcard; `wire` has the content's layout in each version. There is no
//! guessing: what does not check out is an error, and the chain stops at it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Fingerprint, LogIdentity, Publication, Terms, TrackKey, wire};
use crate::{
    choose::Chosen, periods::Periods, privacy::ReleasedWindow, record::EventTime, window::Sources,
};

const MAGIC: &[u8; 6] = b"DGCKPT";
const HASH_BYTES: usize = 32;

/// Identifies a checkpoint: the hash of its content.
pub type Hash = [u8; HASH_BYTES];

/// A checkpoint's place in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its number: one above that of the checkpoint before.
    pub seq: u64,
    /// The checkpoint before; none before the first.
    pub parent: Option<Hash>,
    /// Random for each process, so that no two attempts have the same bytes.
    pub writer: u64,
    /// When, by the writer's wall clock.
    pub written: EventTime,
    /// The last checkpoint before this one whose outbox was published.
    pub previous_publication: Option<u64>,
}

/// Everything of a partition that outlives the process that counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Which log its offsets are of. Unknown in what older programs wrote, and after a reset.
    pub log: LogIdentity,
    /// By which key its ids are hashed; none in what older programs wrote.
    pub track_key: Option<Fingerprint>,
    /// The terms on which its faces were counted.
    pub terms: Terms,
    /// Where its records went.
    pub ledger: Ledger,
    /// The open panes of each source.
    pub sources: Sources,
    /// What was chosen of each track, up to the next offset.
    pub chosen: Chosen,
    /// Released windows that are in no file yet.
    pub outbox: Vec<ReleasedWindow>,
    /// Unfinished hours and days, and finished ones that are in no file yet.
    pub periods: Periods,
    /// Whether the outbox is published under this checkpoint's number.
    pub publish: bool,
}

/// Where every record of the partition went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Where the chain began to read.
    pub first_offset: i64,
    /// The next offset to fold.
    pub next_offset: i64,
    /// Offsets in between that held no record: compacted, transaction marks, or deleted before they were read.
    pub skipped: u64,
    /// Presence events. They are in no row.
    pub presences: u64,
    /// Records that published rows stand for, without this checkpoint's own publication.
    pub published: u64,
    /// Since when the oldest row of the outbox waits. The next owner of the partition continues that wait.
    pub waiting_since: Option<EventTime>,
}

impl Ledger {
    /// The ledger of a partition that begins at this offset.
    pub fn beginning(offset: i64) -> Self {
        Self {
            first_offset: offset,
            next_offset: offset,
            skipped: 0,
            presences: 0,
            published: 0,
            waiting_since: None,
        }
    }
}

/// Why bytes are no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Damage {
    /// The bytes do not begin as a checkpoint does.
    #[error("it is no checkpoint")]
    Foreign,
    /// A version of the format that is too new.
    #[error(
        "its format is version {0}, and this program reads up to version {newest}: a newer program wrote it",
        newest = wire::VERSION
    )]
    Version(u16),
    /// The checksum does not fit the content.
    #[error("its checksum does not fit its content")]
    Checksum,
    /// The checksum fits, but the content does not decode.
    #[error("its content does not decode")]
    Content,
}

impl Saved {
    /// A partition that begins at this offset. Nothing was counted in it on any terms.
    pub fn beginning(offset: i64) -> Self {
        Self {
            log: LogIdentity::default(),
            track_key: None,
            terms: Terms::none(),
            ledger: Ledger::beginning(offset),
            sources: Sources::default(),
            chosen: Chosen::default(),
            outbox: Vec::new(),
            periods: Periods::default(),
            publish: false,
        }
    }

    /// The same, with what is known of the log that it is read from, as far as it does not say that itself.
    pub fn read_from(self, log: &LogIdentity) -> Self {
        Self {
            log: self.log.or(log.clone()),
            ..self
        }
    }

    /// What is left once the publication of this checkpoint, if it has one, is done.
    pub fn once_published(mut self) -> Self {
        if self.publish {
            self.ledger = self.ledger_after();
            self.outbox.clear();
            self.periods.take_finished();
            self.publish = false;
        }
        self
    }

    /// Records that wait in the outbox.
    pub fn waiting(&self) -> u64 {
        records(&self.outbox)
    }

    /// The ledger once the publication of this checkpoint, if it has one, is done.
    pub fn ledger_after(&self) -> Ledger {
        if !self.publish {
            return self.ledger;
        }
        Ledger {
            published: self.ledger.published + self.waiting(),
            waiting_since: None,
            ..self.ledger
        }
    }

    /// What the outbox is published as.
    pub fn publication(&self) -> Publication {
        Publication {
            windows: self.outbox.clone(),
            periods: self.periods.finished().to_vec(),
        }
    }

    /// The dates of the windows in the outbox.
    pub fn dates(&self) -> BTreeSet<String> {
        self.outbox.iter().map(ReleasedWindow::date).collect()
    }

    /// The same with keyed hashes, where they had no key yet. The key must be that of the chain ([`TrackKey::check`]).
    pub fn keyed(mut self, key: &TrackKey) -> Self {
        if self.track_key.is_none() {
            self.sources
                .rename(|track| key.track(track), |event| key.event(event));
            self.track_key = Some(key.fingerprint());
        }
        self
    }

    /// What a checkpoint file holds of it.
    pub fn encode(&self) -> Vec<u8> {
        wire::write(Parts {
            log: &self.log,
            track_key: self.track_key,
            terms: &self.terms,
            ledger: &self.ledger,
            sources: &self.sources,
            chosen: &self.chosen,
            outbox: &self.outbox,
            periods: &self.periods,
            publish: self.publish,
        })
    }

    /// What [`Saved::encode`] wrote, in this version of the format.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        wire::read(wire::VERSION, bytes).ok_or(Damage::Content)
    }

    /// Whether every record between the first and the next offset is accounted for exactly once.
    pub fn is_conserved(&self) -> bool {
        let ledger = self.ledger;
        let read = i128::from(ledger.next_offset) - i128::from(ledger.first_offset);
        let parts = [
            ledger.skipped,
            ledger.presences,
            ledger.published,
            self.waiting(),
            self.sources.records(),
        ];
        read == parts.into_iter().map(i128::from).sum()
    }
}

/// Records that windows stand for.
pub(super) fn records(windows: &[ReleasedWindow]) -> u64 {
    windows
        .iter()
        .map(|window| window.accounting.records())
        .sum()
}

/// A [`Saved`] whose parts lie elsewhere: it is written without copying them.
pub(super) struct Parts<'a> {
    pub log: &'a LogIdentity,
    pub track_key: Option<Fingerprint>,
    pub terms: &'a Terms,
    pub ledger: &'a Ledger,
    pub sources: &'a Sources,
    pub chosen: &'a Chosen,
    pub outbox: &'a [ReleasedWindow],
    pub periods: &'a Periods,
    pub publish: bool,
}

/// The file, and its hash.
pub(super) fn encode(header: &Header, saved: &[u8]) -> (Vec<u8>, Hash) {
    let mut bytes = Vec::with_capacity(saved.len() + 128);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&wire::VERSION.to_le_bytes());
    bytes = postcard::to_extend(header, bytes).expect("plain data in memory can always be written");
    bytes.extend_from_slice(saved);
    let hash: Hash = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&hash);
    (bytes, hash)
}

/// Reads a file back, or says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<(Header, Saved), Damage> {
    let content = bytes.strip_prefix(MAGIC).ok_or(Damage::Foreign)?;
    let (version, _) = content.split_first_chunk().ok_or(Damage::Foreign)?;
    let version = u16::from_le_bytes(*version);
    if version == 0 || version > wire::VERSION {
        return Err(Damage::Version(version));
    }
    let (covered, hash) = bytes
        .split_last_chunk::<HASH_BYTES>()
        .ok_or(Damage::Checksum)?;
    if Hash::from(Sha256::digest(covered)) != *hash {
        return Err(Damage::Checksum);
    }
    let content = covered
        .get(MAGIC.len() + size_of::<u16>()..)
        .ok_or(Damage::Content)?;
    let (header, rest) = postcard::take_from_bytes(content).map_err(|_| Damage::Content)?;
    let saved = wire::read(version, rest).ok_or(Damage::Content)?;
    Ok((header, saved))
}

/// The hash of a file that [`decode`] accepts.
pub fn hash(bytes: &[u8]) -> Option<Hash> {
    bytes.last_chunk().copied()
}
