//! Who may look: users with passwords (bcrypt), and bearer tokens (SHA-256).
//!
//! Promises: a login that was right is known again without bcrypt. What wrong logins cost is bounded: one is verified at a
//! time, and so many of an address and of all in a time. Neither passwords nor tokens are kept.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::attempts::Attempts;
use crate::clock;

type Hash = [u8; 32];

/// Logins that are known again.
const REMEMBERED_MAX: usize = 100;

/// The users and the tokens of the files.
#[derive(Default)]
pub(super) struct Users {
    passwords: BTreeMap<String, String>,
    tokens: Vec<Hash>,
}

/// What a request shows.
enum Shown {
    Password { user: String, password: Vec<u8> },
    Token(Hash),
}

/// Whether a request may go on.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Welcome,
    Stranger,
    /// Too many wrong logins; another try counts after this time.
    Later(Duration),
}

impl Users {
    /// Users by name, and the text of the file of tokens.
    pub(super) fn of(passwords: BTreeMap<String, String>, tokens: &str) -> anyhow::Result<Self> {
        let lines = tokens.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let tokens = lines.map(|(number, line)| {
            // The line may hold a token that is not hashed: it is not shown.
            token(line).with_context(|| format!("line {}", number + 1))
        });
        Ok(Self {
            passwords,
            tokens: tokens.collect::<anyhow::Result<_>>()?,
        })
    }

    pub(super) fn has_passwords(&self) -> bool {
        !self.passwords.is_empty()
    }

    pub(super) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub(super) fn passwords(&self) -> usize {
        self.passwords.len()
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Looks at all tokens, whichever fits.
    fn has_token(&self, shown: &Hash) -> bool {
        let equal = self.tokens.iter().map(|token| token.ct_eq(shown));
        equal
            .fold(0.into(), |any: subtle::Choice, one| any | one)
            .into()
    }

    /// The hash of the user's password. A stranger gets one that no password fits, and that costs as much.
    fn hash_of(&self, user: &str) -> Option<&str> {
        let known = self.passwords.get(user);
        known
            .or_else(|| self.passwords.values().next())
            .map(String::as_str)
    }
}

/// `HASH  NAME`, as sha256sum writes it.
fn token(line: &str) -> anyhow::Result<Hash> {
    const FORM: &str = "it is no \"HASH  NAME\" with the SHA-256 of a token as 64 hexadecimal digits: \
        printf %s \"$TOKEN\" | sha256sum | sed 's/-$/NAME/'";
    let mut words = line.split_whitespace();
    let (Some(hash), Some(_)) = (words.next(), words.next()) else {
        bail!(FORM)
    };
    let bytes = demograph_core::unhex(hash).context(FORM)?;
    bytes.try_into().ok().context(FORM)
}

impl Shown {
    fn of(header: Option<&HeaderValue>) -> Option<Self> {
        let (scheme, word) = header?.to_str().ok()?.split_once(' ')?;
        let word = word.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Token(Sha256::digest(word).into()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let login = STANDARD.decode(word).ok()?;
        let colon = login.iter().position(|&byte| byte == b':')?;
        Some(Self::Password {
            user: String::from_utf8(login[..colon].to_vec()).ok()?,
            password: login[colon + 1..].to_vec(),
        })
    }
}

/// Judges logins; it stays where the files change.
pub(super) struct Doorkeeper {
    /// One bcrypt at a time.
    verifying: Semaphore,
    memory: Mutex<Memory>,
}

struct Memory {
    attempts: Attempts,
    /// Logins that were right, oldest first, as hashes with a salt of this process.
    right: VecDeque<Hash>,
    salt: Hash,
}

impl Doorkeeper {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            verifying: Semaphore::new(1),
            memory: Mutex::new(Memory {
                attempts: Attempts::new(now),
                right: VecDeque::new(),
                salt: rand::random(),
            }),
        }
    }

    /// Whether the request with this header `Authorization` may go on.
    pub(super) async fn judge(
        &self,
        users: &Users,
        header: Option<&HeaderValue>,
        from: IpAddr,
    ) -> Verdict {
        match Shown::of(header) {
            None => Verdict::Stranger,
            Some(Shown::Token(hash)) => match users.has_token(&hash) {
                true => Verdict::Welcome,
                // Tokens cannot be guessed, and their hash costs nothing.
                false => Verdict::Stranger,
            },
            Some(Shown::Password { user, password }) => {
                self.verify(users, &user, password, from).await
            }
        }
    }

    async fn verify(&self, users: &Users, user: &str, password: Vec<u8>, from: IpAddr) -> Verdict {
        let Some(hash) = users.hash_of(user).map(str::to_owned) else {
            return Verdict::Stranger;
        };
        let is_known = users.passwords.contains_key(user);
        let mark = self.mark(user, &password, &hash);
        if is_known && self.remembers(&mark) {
            return Verdict::Welcome;
        }
        let Ok(_turn) = self.verifying.acquire().await else {
            return Verdict::Stranger;
        };
        // The same login may have waited before this one.
        if is_known && self.remembers(&mark) {
            return Verdict::Welcome;
        }
        if let Err(later) = self.locked(|memory| memory.attempts.take(from, clock::instant())) {
            return Verdict::Later(later);
        }
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = is_known && matches!(verified, Ok(Ok(true)));
        match is_right {
            false => Verdict::Stranger,
            true => {
                self.locked(|memory| {
                    memory.attempts.give_back(from);
                    memory.right.push_back(mark);
                    if memory.right.len() > REMEMBERED_MAX {
                        memory.right.pop_front();
                    }
                });
                Verdict::Welcome
            }
        }
    }

    /// The login as a hash. It holds the hash of the password, too: where that changes, the old login is not known again.
    fn mark(&self, user: &str, password: &[u8], hash: &str) -> Hash {
        let mut mark = Sha256::new();
        mark.update(self.locked(|memory| memory.salt));
        for part in [user.as_bytes(), hash.as_bytes(), password] {
            mark.update((part.len() as u64).to_le_bytes());
            mark.update(part);
        }
        mark.finalize().into()
    }

    fn remembers(&self, mark: &Hash) -> bool {
        self.locked(|memory| {
            let equal = memory.right.iter().map(|right| right.ct_eq(mark));
            equal
                .fold(0.into(), |any: subtle::Choice, one| any | one)
                .into()
        })
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
