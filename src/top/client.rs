//! Asks the API of an instance.

use std::time::Duration;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded::Serializer};

use crate::answers::{Health, Live, Picture, Sources};

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
}

/// The address as it may be shown.
pub(crate) fn without_login(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            // An address with a login has a host, so that neither can fail.
            let _user = parsed.set_username("");
            let _password = parsed.set_password(None);
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

impl Client {
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url);
        let parsed = parsed.with_context(|| format!("--url is {url:?}: write http://host:9464"))?;
        if parsed.scheme() != "http" || parsed.host_str().is_none() {
            bail!("--url is {url:?}: write http://host:9464");
        }
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build();
        Ok(Self {
            agent: settings.into(),
            root: format!("{}/api/v1", url.trim_end_matches('/')),
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
        let mut answer = self
            .agent
            .get(format!("{place}?{parameters}"))
            .call()
            .with_context(|| place.clone())?;
        let status = answer.status().as_u16();
        if status == 404 {
            return Ok(None);
        }
        let body = answer.body_mut().with_config().limit(BYTES_MAX);
        let body = body.read_to_vec().with_context(|| place.clone())?;
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

impl Asked {
    fn parameters(&self) -> String {
        Serializer::new(String::new())
            .append_pair("search", &self.search)
            .append_pair("offset", &self.offset.to_string())
            .append_pair("limit", &self.limit.to_string())
            .finish()
    }
}
