//! Requests to one peer. The only user of reqwest.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use reqwest::{Certificate, Client, header, redirect};
use tokio::{
    sync::{Mutex as Turn, Semaphore},
    time::timeout,
};
use url::Url;

use super::{Away, INSTANCE, PeerSettings};
use crate::clock;

/// Requests of one kind to one peer at a time; more wait.
const AT_A_TIME: usize = 2;
/// An answer: 10,000 sources are 3 MB.
const BYTES_MAX: usize = 8 << 20;
/// An answer holds for so long, for all who ask the same.
const HOLDS: Duration = Duration::from_millis(900);
/// Answers that are kept for so long, and the largest of them.
const KEPT_MAX: usize = 64;
const KEPT_BYTES_MAX: usize = 256 << 10;
/// How often a peer that is away is tried.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// What a peer answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub kind: String,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// There is no such peer; these are there.
    Unknown(String),
    /// It did not answer, for this reason.
    Silent(String),
}

/// What all peers have in common.
pub(super) struct Template {
    own: String,
    headers: header::HeaderMap,
    ca: Option<Vec<Certificate>>,
}

/// One peer.
pub(super) struct Peer {
    pub name: String,
    own: String,
    base: Url,
    client: Client,
    /// Of questions about now.
    turns: Semaphore,
    /// Of questions about tables, which take longer.
    turns_of_tables: Semaphore,
    state: Mutex<State>,
    kept: Mutex<BTreeMap<String, Arc<Turn<Kept>>>>,
}

/// The newest answer to a question. Those who ask the same wait for one another.
type Kept = Option<(Instant, Reply)>;

#[derive(Debug, Clone)]
enum State {
    Here,
    /// It is this instance.
    Own,
    Away {
        away: Away,
        tried: Instant,
    },
}

/// Why a request got no answer.
enum Silence {
    /// The peer's fault.
    Of(String),
    /// Others ask the peer from here.
    Busy,
}

const BUSY: &str = "too much is asked of it from here at this moment";

/// What is known of a peer before it is asked.
enum Before {
    Ask,
    Own,
    /// It is away; whether it should be tried beside this request.
    Away(Away, bool),
}

impl Template {
    pub(super) fn of(settings: &PeerSettings, own: &str) -> anyhow::Result<Self> {
        let mut headers = header::HeaderMap::new();
        if let Some(token) = &settings.token {
            let token = token.resolve().map_err(anyhow::Error::msg);
            let token = token.context("http.peers_token")?;
            let value = header::HeaderValue::from_str(&format!("Bearer {}", token.trim()));
            // The token is not shown.
            let value = value.map_err(|_| anyhow::anyhow!("no header can have this value"));
            let mut value = value.context("http.peers_token")?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let ca = settings.ca.as_ref().map(|path| {
            let at = || format!("http.peers_ca = {:?}", path.display());
            let pem = std::fs::read(path).with_context(at)?;
            let found = Certificate::from_pem_bundle(&pem).with_context(at)?;
            // Else no peer would be trusted, and none would say why.
            anyhow::ensure!(!found.is_empty(), "{}: no certificate is in it", at());
            Ok(found)
        });
        Ok(Self {
            own: own.to_owned(),
            headers,
            ca: ca.transpose()?,
        })
    }

    /// A peer at a URL, and at this address if its name has several.
    pub(super) fn peer(
        &self,
        name: String,
        base: Url,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Arc<Peer>> {
        let mut client = Client::builder()
            .default_headers(self.headers.clone())
            // A redirect could carry the token elsewhere.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only();
        if let Some(ca) = &self.ca {
            client = client.tls_certs_only(ca.clone());
        }
        if let (Some(address), Some(host)) = (address, base.host_str()) {
            client = client.resolve(host, address);
        }
        Ok(Arc::new(Peer {
            name,
            own: self.own.clone(),
            base,
            client: client.build()?,
            turns: Semaphore::new(AT_A_TIME),
            turns_of_tables: Semaphore::new(AT_A_TIME),
            state: Mutex::new(State::Here),
            kept: Mutex::default(),
        }))
    }
}

impl Peer {
    /// What it said lately, or says now. None if it is this instance.
    pub(super) async fn newest(
        self: &Arc<Self>,
        target: &str,
        patience: Duration,
    ) -> Option<Result<Reply, Away>> {
        match self.before() {
            Before::Own => return None,
            Before::Away(away, is_due) => {
                if is_due {
                    let (peer, target) = (self.clone(), target.to_owned());
                    tokio::spawn(async move {
                        let _its_state_says_it = peer.now(&target, patience).await;
                    });
                }
                return Some(Err(away));
            }
            Before::Ask => {}
        }
        let place = self.place(target);
        let Ok(mut kept) = timeout(patience, place.lock()).await else {
            return Some(Err(for_once(BUSY.into())));
        };
        let now = clock::instant();
        if let Some((at, reply)) = &*kept
            && now.saturating_duration_since(*at) < HOLDS
        {
            return Some(Ok(reply.clone()));
        }
        // It may have been found away while this request waited for another.
        if let Before::Away(away, _) = self.before() {
            return Some(Err(away));
        }
        let said = self.now(target, patience).await?;
        let small = said.as_ref().ok();
        let small = small.filter(|reply| reply.body.len() <= KEPT_BYTES_MAX);
        *kept = small.map(|reply| (clock::instant(), reply.clone()));
        Some(said)
    }

    /// What it reads from its tables, or its refusal. Whether it is away is not judged by that.
    pub(super) async fn ask(&self, target: &str, patience: Duration) -> Result<Reply, Trouble> {
        match self.fetch(target, patience, &self.turns_of_tables).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Trouble::Unknown("this one".into())),
            Err(Silence::Of(why)) => Err(Trouble::Silent(why)),
            Err(Silence::Busy) => Err(Trouble::Silent(BUSY.into())),
        }
    }

    /// What it says of now; notes whether it answers. None if it is this instance.
    async fn now(&self, target: &str, patience: Duration) -> Option<Result<Reply, Away>> {
        let said = match self.fetch(target, patience, &self.turns).await {
            Ok(None) => {
                self.locked(|state| *state = State::Own);
                return None;
            }
            Ok(Some(reply)) => match reply.status {
                200 => {
                    self.locked(|state| *state = State::Here);
                    Ok(reply)
                }
                401 | 403 | 500.. => Err(self.is_away(refusal(reply.status))),
                // It does not know the question: one request must not make it away for all.
                other => Err(for_once(refusal(other))),
            },
            Err(Silence::Of(why)) => Err(self.is_away(why)),
            Err(Silence::Busy) => Err(for_once(BUSY.into())),
        };
        Some(said)
    }

    fn place(&self, target: &str) -> Arc<Turn<Kept>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            // Others hold theirs until they are answered.
            kept.retain(|_, place| Arc::strong_count(place) > 1);
        }
        kept.entry(target.to_owned()).or_default().clone()
    }

    fn before(&self) -> Before {
        self.locked(|state| match state {
            State::Here => Before::Ask,
            State::Own => Before::Own,
            State::Away { away, tried } => {
                let now = clock::instant();
                let is_due = now.saturating_duration_since(*tried) >= TRY_EVERY;
                if is_due {
                    *tried = now;
                }
                Before::Away(away.clone(), is_due)
            }
        })
    }

    /// Its answer, whatever it is; else why there is none. None if it is this instance.
    async fn fetch(
        &self,
        target: &str,
        patience: Duration,
        turns: &Semaphore,
    ) -> Result<Option<Reply>, Silence> {
        let turn = timeout(patience, turns.acquire()).await;
        let _turn = turn.map_err(|_| Silence::Busy)?;
        match timeout(patience, self.request(target)).await {
            // The whole chain: reqwest's own words end before the cause.
            Ok(answered) => answered.map_err(|error| {
                let why = format!("{error:#}");
                let hint = match why.contains("invalid peer certificate") {
                    true => ": http.peers_ca must vouch for its certificate, which must name its address",
                    false => "",
                };
                Silence::Of(format!("{why}{hint}"))
            }),
            Err(_) => Err(Silence::Of(format!(
                "no answer in {} s",
                patience.as_secs()
            ))),
        }
    }

    async fn request(&self, target: &str) -> anyhow::Result<Option<Reply>> {
        let url = self.base.join(target)?;
        let answer = self.client.get(url).send().await;
        let mut answer = answer.map_err(reqwest::Error::without_url)?;
        let headers = answer.headers();
        let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if word(INSTANCE) == Some(&self.own) {
            return Ok(None);
        }
        let kind = word("content-type").unwrap_or_default().to_owned();
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            anyhow::ensure!(
                body.len() + part.len() <= BYTES_MAX,
                "its answer is longer than {} MiB",
                BYTES_MAX >> 20
            );
            body.extend_from_slice(&part);
        }
        Ok(Some(Reply {
            status,
            kind,
            body: body.into(),
        }))
    }

    fn is_away(&self, why: String) -> Away {
        self.locked(|state| {
            let since = match state {
                State::Away { away, .. } => away.since,
                _ => {
                    tracing::warn!(peer = self.name, why, "a peer does not answer");
                    clock::now()
                }
            };
            let away = Away { since, why };
            *state = State::Away {
                away: away.clone(),
                tried: clock::instant(),
            };
            away
        })
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Of this request; the next one is asked as before.
fn for_once(why: String) -> Away {
    Away {
        since: clock::now(),
        why,
    }
}

/// It answers, but not to this instance, or not to this question.
fn refusal(status: u16) -> String {
    let hint = match status {
        401 => ": http.peers_token does not fit its http.tokens",
        _ => "",
    };
    format!("it answers {status}{hint}")
}
