//! The files that say who may look: read, held against the address, and read again when they change.
//!
//! Promises: an address that others reach is served with TLS and logins, unless the config says that it may be without. A
//! changed file that has a fault changes nothing, and is logged.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use axum::http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::{
    Listen,
    tls::{self, Tls},
    users::Users,
    web_config::WebConfig,
};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the files say.
pub(super) struct Door {
    /// Without it the endpoint speaks plain HTTP.
    pub tls: Option<Tls>,
    pub users: Users,
    /// Added to every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    requires_clients: bool,
    mark: Mark,
}

/// Which files were read, and a hash of what they held.
#[derive(Debug, Clone, Default, PartialEq)]
struct Mark {
    paths: Vec<PathBuf>,
    hash: [u8; 32],
}

impl Mark {
    fn of(paths: Vec<PathBuf>, contents: &[Vec<u8>]) -> Self {
        let mut hash = Sha256::new();
        for content in contents {
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
        let hash = hash.finalize().into();
        Self { paths, hash }
    }

    /// The same files as they are now; one that cannot be read counts as empty.
    fn now(&self) -> Self {
        let contents = self.paths.iter().map(std::fs::read);
        let contents: Vec<_> = contents.map(Result::unwrap_or_default).collect();
        Self::of(self.paths.clone(), &contents)
    }
}

/// The files in the order of reading.
#[derive(Default)]
struct Reading {
    paths: Vec<PathBuf>,
    contents: Vec<Vec<u8>>,
}

impl Reading {
    fn read(&mut self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let read = std::fs::read(path);
        self.paths.push(path.to_owned());
        self.contents
            .push(read.as_ref().cloned().unwrap_or_default());
        read.with_context(|| format!("read {}", path.display()))
    }

    fn text(&mut self, path: &Path) -> anyhow::Result<String> {
        let text = String::from_utf8(self.read(path)?);
        text.with_context(|| format!("{} is no UTF-8", path.display()))
    }
}

impl Door {
    /// Reads the files, and holds them against the address.
    pub(super) fn open(listen: &Listen) -> anyhow::Result<Self> {
        Self::read(listen, &mut Reading::default())
    }

    fn read(listen: &Listen, files: &mut Reading) -> anyhow::Result<Self> {
        let (config, tls) = match &listen.web_config {
            None => (WebConfig::default(), None),
            Some(path) => {
                let at = || format!("http.web_config = {:?}", path.display());
                of_exporters(path, files).with_context(at)?
            }
        };
        let tokens = match &listen.tokens {
            None => String::new(),
            Some(path) => files.text(path).context("http.tokens")?,
        };
        let users = config.users();
        let users = users.map(|(name, hash)| (name.clone(), hash.clone()));
        let users = Users::of(users.collect(), &tokens).context("http.tokens")?;
        if listen.tokens.is_some() && !users.has_tokens() {
            // Without it a file that was emptied would let everyone in.
            bail!("http.tokens: the file holds no token; leave the key out if there are none");
        }
        let auth = config.tls_server_config.as_ref();
        let requires_clients = auth.is_some_and(|tls| {
            tls.client_auth_type.verifies() && tls.client_auth_type.is_required()
        });
        let headers = config.http_server_config.iter();
        let headers = headers.flat_map(|server| server.headers.iter().flatten());
        let headers = headers.filter_map(|(header, value)| {
            let value = HeaderValue::from_str(value).ok()?;
            Some((HeaderName::from_static(header.name()), value))
        });
        let door = Self {
            tls,
            users,
            headers: headers.collect(),
            requires_clients,
            mark: Mark::of(files.paths.clone(), &files.contents),
        };
        door.is_enough(listen)?;
        Ok(door)
    }

    /// Whether requests must show who they are.
    pub(super) fn asks(&self) -> bool {
        self.users.has_passwords() || self.users.has_tokens()
    }

    /// Others reach the address: what they send is encrypted, and they show who they are.
    fn is_enough(&self, listen: &Listen) -> anyhow::Result<()> {
        if listen.insecure || super::is_local(&listen.address) {
            return Ok(());
        }
        let missing = match (&self.tls, self.asks() || self.requires_clients) {
            (Some(_), true) => return Ok(()),
            (None, true) => {
                "passwords and tokens would go over the network without TLS: add tls_server_config to http.web_config"
            }
            (Some(_), false) => {
                "everyone who reaches it may look: add basic_auth_users or client certificates to http.web_config, or http.tokens"
            }
            (None, false) => {
                "others can read this address, and the endpoint has neither TLS nor users: add them to http.web_config"
            }
        };
        bail!(
            "http.listen = {:?}: {missing}. Or bind to 127.0.0.1, or set http.insecure_listen = true behind a proxy or a network policy",
            listen.address
        )
    }

    /// What `check` says.
    pub(super) fn line(&self) -> String {
        let tls = match (&self.tls, self.requires_clients) {
            (None, _) => "no TLS",
            (Some(_), false) => "TLS",
            (Some(_), true) => "TLS, clients need a certificate",
        };
        let (users, tokens) = (self.users.passwords(), self.users.tokens());
        match self.asks() {
            true => format!(
                "{tls}; {users} users, {tokens} tokens; /healthz and /readyz ask for no login"
            ),
            false => format!("{tls}; no users: everyone who reaches the address may look"),
        }
    }
}

/// The file at `http.web_config`, and the files that it names.
fn of_exporters(path: &Path, files: &mut Reading) -> anyhow::Result<(WebConfig, Option<Tls>)> {
    let text = files.text(path)?;
    if text.trim().is_empty() {
        // A file that is just being written must not let everyone in.
        bail!("the file is empty; leave the key out where there is nothing to say");
    }
    let config = WebConfig::parse(&text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let Some(server) = &config.tls_server_config else {
        return Ok((config, None));
    };
    let certificate = files
        .read(&folder.join(&server.cert_file))
        .context("tls_server_config.cert_file")?;
    let key = files
        .read(&folder.join(&server.key_file))
        .context("tls_server_config.key_file")?;
    let client_ca = match &server.client_ca_file {
        None => None,
        Some(file) => Some(
            files
                .read(&folder.join(file))
                .context("tls_server_config.client_ca_file")?,
        ),
    };
    let tls = tls::of(
        server,
        &tls::Files {
            certificate: &certificate,
            key: &key,
            client_ca: client_ca.as_deref(),
        },
    )?;
    Ok((config, Some(tls)))
}

/// The door as the files are now. Cloning shares it.
#[derive(Clone)]
pub(super) struct Doors(Arc<Mutex<Arc<Door>>>);

impl Doors {
    pub(super) fn open(listen: &Listen) -> anyhow::Result<Self> {
        let door = Arc::new(Door::open(listen)?);
        Ok(Self(Arc::new(Mutex::new(door))))
    }

    /// The lock is held only while one pointer is copied.
    pub(super) fn now(&self) -> Arc<Door> {
        let door = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        door.clone()
    }

    /// Looks at the files for ever.
    pub(super) async fn watch(self, listen: Listen) {
        let mut seen = self.now().mark.clone();
        if seen.paths.is_empty() {
            return;
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (doors, listen) = (self.clone(), listen.clone());
            let look = move || doors.look(&listen, seen);
            match tokio::task::spawn_blocking(look).await {
                Ok(now) => seen = now,
                Err(_) => {
                    tracing::error!("the files of http.web_config are not watched any more");
                    return;
                }
            }
        }
    }

    /// Reads the files again if they hold something else than was seen.
    fn look(&self, listen: &Listen, seen: Mark) -> Mark {
        if seen.now() == seen {
            return seen;
        }
        let mut files = Reading::default();
        match Door::read(listen, &mut files) {
            Ok(door) => {
                tracing::info!(
                    found = door.line(),
                    "read http.web_config and http.tokens again"
                );
                let mark = door.mark.clone();
                let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                *place = Arc::new(door);
                mark
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "http.web_config or http.tokens changed and has a fault; what was read before still holds"
                );
                // Files that were not reached are looked at, too: the key of a certificate that does not fit.
                let unread = seen.paths.into_iter();
                let unread: Vec<_> = unread.filter(|path| !files.paths.contains(path)).collect();
                files.paths.extend(unread);
                let mark = Mark {
                    paths: files.paths,
                    hash: [0; 32],
                };
                mark.now()
            }
        }
    }
}

#[cfg(test)]
mod tests;
