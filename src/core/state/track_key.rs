//! The secret by which the hashes of track ids and event ids in a checkpoint are keyed. Without it a checkpoint does not
//! say which ids it holds: a hash without a key is found by trying all small numbers.
//!
//! The secret lies in a file of its own, apart from the checkpoints, and is made once; or the operator gives it. What is
//! keyed is the hash that a [`TrackId`] already is, so that a checkpoint of an older version, which has no key, is
//! converted when it is read, and its open tracks are known again.
//!
//! Promises: the same key and the same log give the same state; all instances agree on one key; a checkpoint says by
//! which key it was written, in a way that does not help to find the key or an id.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Created, Objects, plain};
use crate::{
    hex,
    record::{EventId, TrackId},
};

/// Says which key it was, and nothing else of it.
pub type Fingerprint = [u8; 8];

/// A key that is ready to be used.
#[derive(Clone)]
pub struct TrackKey {
    mac: Hmac<Sha256>,
    fingerprint: Fingerprint,
}

/// What is keyed: equal numbers of different kinds have different hashes.
#[derive(Clone, Copy)]
enum Kind {
    Fingerprint,
    Track,
    Event,
}

/// The open panes of a chain hold hashes by another key, so that their tracks would not be known again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the checkpoints were written with another track key (its fingerprint was {was}, and is {is})"
)]
pub struct OtherKey {
    was: String,
    is: String,
}

/// The file that holds a key which demograph made.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    track_key: String,
}

impl OtherKey {
    /// What to do where the checkpoints have another key, or the key is gone.
    pub const WHAT_TO_DO: &str = "the tracks in open panes would not be known again, and would vote twice. Put the key \
        back, in its file or as state.track_key. If it is lost, write state.on_other_track_key = \"cut\": open panes are \
        then closed and published as they are, and a track that goes on votes once more";
}

impl TrackKey {
    /// A shorter secret could be guessed.
    pub const CHARACTERS_MIN: usize = 32;

    /// The key of a secret.
    pub fn of(secret: &str) -> anyhow::Result<Self> {
        let characters = secret.chars().count();
        anyhow::ensure!(
            characters >= Self::CHARACTERS_MIN,
            "the track key has {characters} characters, and needs at least {}: make one with `openssl rand -hex 32`",
            Self::CHARACTERS_MIN
        );
        let mac = Hmac::new_from_slice(secret.as_bytes()).expect("a key may have any length");
        let mut key = Self {
            mac,
            fingerprint: [0; 8],
        };
        key.fingerprint = key.hash(Kind::Fingerprint, 0).to_le_bytes();
        Ok(key)
    }

    /// The key in the store; `None` where none was made yet.
    pub fn find(objects: &dyn Objects, group: &str, topic: &str) -> anyhow::Result<Option<Self>> {
        let path = Self::path(group, topic);
        let bytes = objects.read(&path)?;
        bytes.map(|bytes| Self::decode(&path, &bytes)).transpose()
    }

    /// The key in the store. Where none is, it is made of the secret that `begin` gives, unless `begin` refuses.
    pub fn settle(
        objects: &dyn Objects,
        group: &str,
        topic: &str,
        begin: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        if let Some(found) = Self::find(objects, group, topic)? {
            return Ok(found);
        }
        let path = Self::path(group, topic);
        let file = KeyFile {
            track_key: begin()?,
        };
        let bytes = serde_json::to_vec(&file).expect("a text can always be written");
        match objects.create(&path, &bytes)? {
            Created::New => Self::of(&file.track_key),
            // Another instance was faster.
            Created::Exists => {
                let found = Self::find(objects, group, topic)?;
                found.ok_or_else(|| {
                    anyhow::anyhow!("the store says that {path} exists, and does not return it")
                })
            }
        }
    }

    /// Where the key of a group's topic lies in the store of the checkpoints.
    pub fn path(group: &str, topic: &str) -> String {
        format!("keys/v1/{}/{}/track-key.json", plain(group), plain(topic))
    }

    /// What checkpoints say of the key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether what a checkpoint holds can be known again with this key. One without a key is converted.
    pub fn check(&self, was: Option<Fingerprint>) -> Result<(), OtherKey> {
        match was {
            Some(was) if was != self.fingerprint => Err(OtherKey {
                was: hex(was),
                is: hex(self.fingerprint),
            }),
            _ => Ok(()),
        }
    }

    /// The id as state holds it.
    pub fn track(&self, id: TrackId) -> TrackId {
        TrackId::from_hash(self.hash(Kind::Track, id.hash()))
    }

    /// The id as state holds it.
    pub fn event(&self, id: EventId) -> EventId {
        EventId::from_hash(self.hash(Kind::Event, id.hash()))
    }

    /// The first eight bytes of the keyed hash.
    fn hash(&self, kind: Kind, number: u64) -> u64 {
        let mut mac = self.mac.clone();
        mac.update(&[kind as u8]);
        mac.update(&number.to_le_bytes());
        let whole = mac.finalize().into_bytes();
        let head = whole.first_chunk().expect("SHA-256 has 32 bytes");
        u64::from_le_bytes(*head)
    }

    fn decode(path: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        let read = serde_json::from_slice(bytes)
            .map_err(anyhow::Error::from)
            .and_then(|file: KeyFile| Self::of(&file.track_key));
        // The cause would quote what the file holds.
        read.map_err(|_| {
            anyhow::anyhow!(
                "{path} holds no track key: put the file back as it was; without it the tracks in open panes are not \
                 known again"
            )
        })
    }
}

impl fmt::Debug for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackKey(..)")
    }
}

#[cfg(any(test, feature = "testing"))]
impl TrackKey {
    /// A key for tests.
    pub fn example() -> Self {
        Self::of("no secret: the key of the tests, only").expect("it is long enough")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::memory::{Luck, Memory},
        *,
    };

    const GROUP: &str = "group";
    const TOPIC: &str = "topic";
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn other() -> String {
        SECRET.replace('0', "9")
    }

    fn fresh() -> anyhow::Result<String> {
        Ok(SECRET.to_owned())
    }

    fn refuse() -> anyhow::Result<String> {
        anyhow::bail!("there are checkpoints")
    }

    #[test]
    fn a_key_is_made_once_and_all_instances_take_it() {
        let store = Memory::default();
        let first = TrackKey::settle(&store, GROUP, TOPIC, fresh).unwrap();
        let second = TrackKey::settle(&store, GROUP, TOPIC, || Ok(other())).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        // Another group has a key of its own, and no checkpoint lies beside it.
        let of_others = TrackKey::settle(&store, "others", TOPIC, || Ok(other())).unwrap();
        assert_ne!(first.fingerprint(), of_others.fingerprint());
        let is_apart = |path: &String| !path.starts_with("state/");
        assert!(store.checkpoints.borrow().keys().all(is_apart));
    }

    #[test]
    fn who_is_slower_takes_the_key_of_the_faster() {
        let store = Memory::default();
        let faster = || {
            TrackKey::settle(&store, GROUP, TOPIC, fresh)?;
            Ok(other())
        };
        let slower = TrackKey::settle(&store, GROUP, TOPIC, faster).unwrap();
        let key = TrackKey::of(SECRET).unwrap();
        assert_eq!(slower.fingerprint(), key.fingerprint());
    }

    #[test]
    fn a_lost_answer_is_an_error_and_the_next_start_finds_the_key() {
        let store = Memory::default();
        store.luck.set(Luck::Silent);
        TrackKey::settle(&store, GROUP, TOPIC, fresh).unwrap_err();
        let found = TrackKey::settle(&store, GROUP, TOPIC, refuse).unwrap();
        let key = TrackKey::of(SECRET).unwrap();
        assert_eq!(found.fingerprint(), key.fingerprint());
    }

    #[test]
    fn a_key_that_is_gone_is_not_made_anew_against_the_refusal() {
        let store = Memory::default();
        let error = TrackKey::settle(&store, GROUP, TOPIC, refuse).unwrap_err();
        assert!(error.to_string().contains("there are checkpoints"));
        assert!(store.checkpoints.borrow().is_empty());
    }

    #[test]
    fn a_file_without_a_key_is_an_error_that_does_not_quote_it() {
        for content in ["{", r#"{"track_key":"short-secret"}"#, r#""short-secret""#] {
            let store = Memory::default();
            let path = TrackKey::path("group", "topic");
            store.create(&path, content.as_bytes()).unwrap();
            let error = format!(
                "{:#}",
                TrackKey::settle(&store, GROUP, TOPIC, fresh).unwrap_err()
            );
            assert!(error.contains("track-key.json"), "{error}");
            assert!(!error.contains("short-secret"), "{error}");
        }
    }

    #[test]
    fn a_short_secret_is_refused_with_what_to_do() {
        let error = TrackKey::of(&SECRET[1..]).unwrap_err().to_string();
        assert!(error.contains("31 characters"), "{error}");
        assert!(error.contains("openssl rand"), "{error}");
        assert!(!error.contains(&SECRET[1..]), "{error}");
    }

    #[test]
    fn hashes_depend_on_the_key_the_kind_and_the_id() {
        let [key, others] = [SECRET.to_owned(), other()].map(|text| TrackKey::of(&text).unwrap());
        let id = TrackId::of(b"lobby\x007");
        assert_eq!(key.track(id), key.clone().track(id));
        assert_ne!(key.track(id), id);
        assert_ne!(key.track(id), others.track(id));
        assert_ne!(key.track(id), key.track(TrackId::of(b"lobby\x008")));
        let event = key.event(EventId::of(b"lobby\x007"));
        assert_ne!(event.hash(), key.track(id).hash());
    }

    #[test]
    fn another_key_is_told_and_no_key_is_not() {
        let [key, others] = [SECRET.to_owned(), other()].map(|text| TrackKey::of(&text).unwrap());
        assert_eq!(key.check(None), Ok(()));
        assert_eq!(key.check(Some(key.fingerprint())), Ok(()));
        let error = key.check(Some(others.fingerprint())).unwrap_err();
        assert!(error.to_string().contains("another track key"), "{error}");
    }
}
