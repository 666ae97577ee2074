//! Asks the API of an instance.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use rustls::crypto::aws_lc_rs;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use url::form_urlencoded::Serializer;

use crate::{
    access::Access,
    answers::{Health, Live, Picture, Sources},
};

/// An answer comes within this time, or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer: more is no answer of ours.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Sources of one request: their names go into its address.
const NAMES: usize = 20;

/// Which sources are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub search: String,
    pub offset: usize,
    pub limit: usize,
}

pub(crate) struct Client {
    agent: ureq::Agent,
    root: String,
    authorization: Option<String>,
}

impl Client {
    pub(crate) fn new(access: Access) -> anyhow::Result<Self> {
        let trusted = match &access.ca {
            None => RootCerts::PlatformVerifier,
            Some(pem) => {
                let certificates = parse_pem(pem).filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                });
                let certificates: Result<Vec<_>, _> = certificates.collect();
                RootCerts::from(certificates.context("--ca")?)
            }
        };
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .root_certs(trusted)
            .build();
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A token is for this instance, and for no other place that it names.
            .max_redirects(0)
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: settings.into(),
            root: format!("{}/api/v1", access.root),
            authorization: access.authorization,
        })
    }

    /// The sources that are asked for, their views, and the health.
    pub(crate) fn picture(&self, asked: &Asked) -> anyhow::Result<Picture> {
        let sources: Sources = self.needed("sources", &asked.parameters())?;
        let mut live = Live::default();
        // The page that is shown, by name: a source without a view counts on the page of sources, not on that of views.
        for names in sources.sources.chunks(NAMES) {
            let mut parameters = Serializer::new(String::new());
            parameters.extend_pairs(names.iter().map(|one| ("source", one.source.as_str())));
            let part: Live = self.needed("live", &parameters.finish())?;
            (live.at, live.broker_answered) = (part.at, part.broker_answered);
            live.sources.extend(part.sources);
        }
        if sources.sources.is_empty() {
            live = self.needed("live", "limit=0")?;
        }
        Ok(Picture {
            sources,
            live,
            health: self.ask::<Health>("health", "")?,
        })
    }

    /// The same as one JSON document, as the API says it.
    pub(crate) fn json(&self, asked: &Asked) -> anyhow::Result<Value> {
        let mut all = Map::new();
        for path in ["sources", "live"] {
            all.insert(path.into(), self.needed(path, &asked.parameters())?);
        }
        let health = self.ask("health", "")?;
        all.insert("health".into(), health.unwrap_or(Value::Null));
        Ok(all.into())
    }

    fn needed<T: DeserializeOwned>(&self, path: &str, parameters: &str) -> anyhow::Result<T> {
        let answer = self.ask(path, parameters)?;
        answer.with_context(|| format!("{}/{path} is not there: is it demograph?", self.root))
    }

    /// An answer; nothing where there is no such path.
    fn ask<T: DeserializeOwned>(&self, path: &str, parameters: &str) -> anyhow::Result<Option<T>> {
        let place = format!("{}/{path}", self.root);
        let mut request = self.agent.get(format!("{place}?{parameters}"));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut answer = request.call().map_err(|error| explained(&place, error))?;
        let status = answer.status().as_u16();
        if status == 404 {
            return Ok(None);
        }
        let body = answer.body_mut().with_config().limit(BYTES_MAX);
        let body = body.read_to_vec().with_context(|| place.clone())?;
        if status == 401 {
            bail!("{place} asks for a login: --token-file, or https://user:password@host");
        }
        if status != 200 {
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = problem["detail"].as_str().unwrap_or("no reason is given");
            bail!("{place} answers {status}: {detail}");
        }
        let read = serde_json::from_slice(&body);
        let read = read.with_context(|| format!("{place} answers no JSON of demograph"))?;
        Ok(Some(read))
    }
}

/// With what to do about it, where that is known.
fn explained(place: &str, error: ureq::Error) -> anyhow::Error {
    let said = error.to_string();
    let fix = if said.contains("UnknownIssuer") {
        "; nobody whom this machine trusts signed the certificate: --ca names who did"
    } else if said.contains("CaUsedAsEndEntity") {
        "; the certificate is one of an authority, not of a server: make it with basicConstraints=critical,CA:FALSE"
    } else {
        ""
    };
    anyhow!("{place}: {said}{fix}")
}

impl Asked {
    fn parameters(&self) -> String {
        Serializer::new(String::new())
            .append_pair("search", &self.search)
            .append_pair("offset", &self.offset.to_string())
            .append_pair("limit", &self.limit.to_string())
            .finish()
    }
}
