//! The other instances of a site: which there are, and what each answers.
//!
//! Promises: what one request costs is bounded in number, time and size. A peer that does not answer is said to be away; nobody
//! waits for it, and it is tried again only every few seconds. Peers answer for themselves alone, so no request goes round in a
//! circle.

mod client;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use demograph_core::{hex, record::EventTime};
use futures_util::future::join_all;
use url::Url;

pub use client::{Reply, Trouble};

use crate::{clock, config::Text};
use client::{Peer, Template};

/// The header by which an instance knows its own answer.
pub const INSTANCE: &str = "demograph-instance";

/// What is asked for the whole site: numbers of now.
const PATIENCE: Duration = Duration::from_secs(2);
/// What reads tables. Less than the endpoint waits for an answer.
const PATIENCE_OF_TABLES: Duration = Duration::from_secs(8);
/// For so long the addresses of a name hold.
const NAMES_HOLD: Duration = Duration::from_secs(10);
/// Addresses of one name.
const ADDRESSES_MAX: usize = 64;

/// What the config says of peers.
#[derive(Debug, Clone, Default)]
pub struct PeerSettings {
    /// Addresses such as "https://other:9464".
    pub urls: Vec<String>,
    /// A URL whose name has the address of each instance.
    pub dns: Option<String>,
    /// The bearer token that they ask for.
    pub token: Option<Text>,
    /// Certificates that vouch for them, PEM.
    pub ca: Option<PathBuf>,
}

/// The peers of this instance.
pub struct Peers {
    /// This instance, for as long as it runs.
    own: String,
    template: Template,
    named: Vec<Arc<Peer>>,
    dns: Option<Url>,
    found: Mutex<Found>,
}

/// The peers behind the name, by address.
#[derive(Default)]
struct Found {
    at: Option<Instant>,
    peers: BTreeMap<SocketAddr, Arc<Peer>>,
}

/// A peer, and what came of a request to it.
pub struct Said {
    /// As the config names it, or its address.
    pub instance: String,
    pub said: Result<Reply, Away>,
}

/// A peer does not answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Away {
    /// When it was found so.
    pub since: EventTime,
    pub why: String,
}

impl Peers {
    /// Nothing is asked yet. An error names the key of the config.
    pub fn open(settings: &PeerSettings) -> anyhow::Result<Self> {
        let own = hex(rand::random::<[u8; 16]>());
        let template = Template::of(settings, &own)?;
        let named = settings.urls.iter().map(|url| {
            let at = || format!("http.peers: {url:?}");
            let base = Url::parse(url).with_context(at)?;
            template.peer(url.clone(), base, None).with_context(at)
        });
        let named = named.collect::<anyhow::Result<_>>()?;
        let dns = settings.dns.as_deref().map(Url::parse).transpose();
        Ok(Self {
            own,
            template,
            named,
            dns: dns.context("http.peers_dns")?,
            found: Mutex::default(),
        })
    }

    /// Whether this instance stands alone.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.dns.is_none()
    }

    /// What `check` says.
    pub fn line(&self) -> String {
        let dns = match &self.dns {
            Some(url) => format!(", and each address of {url}"),
            None => String::new(),
        };
        format!("{} other instances are named{dns}", self.named.len())
    }

    /// The value of the header [`INSTANCE`] in this instance's answers.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// Asks every peer at once, and waits for none for long.
    pub async fn ask(&self, target: &str) -> Vec<Said> {
        let peers = self.all().await;
        let asked = peers.iter().map(async |peer| {
            Some(Said {
                said: peer.newest(target, PATIENCE).await?,
                instance: peer.name.clone(),
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Asks one peer for what it reads from its tables.
    pub async fn ask_one(&self, instance: &str, target: &str) -> Result<Reply, Trouble> {
        let peers = self.all().await;
        let peer = peers.iter().find(|peer| peer.name == instance);
        let Some(peer) = peer else {
            let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
            return Err(Trouble::Unknown(names.join(", ")));
        };
        peer.ask(target, PATIENCE_OF_TABLES).await
    }

    async fn all(&self) -> Vec<Arc<Peer>> {
        let mut peers = self.named.clone();
        if let Some(url) = &self.dns {
            peers.extend(self.behind(url).await);
        }
        peers
    }

    /// The peers behind a name. If it is not answered for, those that were there still are.
    async fn behind(&self, url: &Url) -> Vec<Arc<Peer>> {
        let now = clock::instant();
        let is_new = |at: Instant| now.saturating_duration_since(at) < NAMES_HOLD;
        let is_due = self.locked(|found| {
            let is_due = !found.at.is_some_and(is_new);
            found.at = Some(now);
            is_due
        });
        let (host, port) = (url.host_str(), url.port_or_known_default());
        if let (true, Some(host), Some(port)) = (is_due, host, port) {
            let looked_up = tokio::net::lookup_host((host.trim_matches(['[', ']']), port));
            match tokio::time::timeout(PATIENCE, looked_up).await {
                Ok(Ok(addresses)) => {
                    let addresses: Vec<_> = addresses.take(ADDRESSES_MAX).collect();
                    self.locked(|found| found.replace(&addresses, &self.template, url));
                }
                Ok(Err(error)) => tracing::warn!(%error, host, "http.peers_dns: no address"),
                Err(_) => tracing::warn!(host, "http.peers_dns: no answer in time"),
            }
        }
        self.locked(|found| found.peers.values().cloned().collect())
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Found) -> T) -> T {
        act(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Found {
    /// Peers whose address is still there stay as they are.
    fn replace(&mut self, addresses: &[SocketAddr], template: &Template, url: &Url) {
        self.peers.retain(|address, _| addresses.contains(address));
        for &address in addresses {
            if self.peers.contains_key(&address) {
                continue;
            }
            match template.peer(address.to_string(), url.clone(), Some(address)) {
                Ok(peer) => {
                    self.peers.insert(address, peer);
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(%address, error, "http.peers_dns: a peer cannot be asked");
                }
            }
        }
    }
}
