//! The file at `http.web_config`, as Prometheus' exporters have it: text → checked values. Pure: no file is opened here.
//!
//! Promises: unknown keys are faults that name the key. What would make the door wider than the file says is a fault too.

use std::collections::BTreeMap;

use demograph_core::checked::{Fault, Faults, checked};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A hash with a higher cost takes a second of a core or more.
const COST_MAX: u32 = 14;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebConfig {
    /// Certificate, key, and the certificates of clients. Without it the endpoint speaks plain HTTP.
    #[schemars(with = "TlsServer")]
    pub tls_server_config: Option<TlsServer>,
    /// Headers of every answer.
    #[schemars(with = "HttpServer")]
    pub http_server_config: Option<HttpServer>,
    /// Names, and the bcrypt hashes of their passwords.
    #[schemars(with = "BTreeMap<String, String>")]
    pub basic_auth_users: Option<BTreeMap<String, String>>,
}

/// TLS of the endpoint.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsServer {
    /// The certificate and those between it and the root, PEM. A path is relative to the folder of this file.
    pub cert_file: String,
    /// The private key, PEM.
    pub key_file: String,
    /// NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert.
    #[serde(default)]
    pub client_auth_type: ClientAuth,
    /// The certificates that vouch for clients, PEM.
    #[serde(default)]
    #[schemars(with = "String")]
    pub client_ca_file: Option<String>,
    /// TLS12 or TLS13. There is no older one here.
    #[serde(default)]
    pub min_version: Version,
    /// TLS12 or TLS13.
    #[serde(default = "newest")]
    pub max_version: Version,
    /// Names such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. Absent or empty: all that are here. They choose suites of TLS 1.2
    /// only: TLS 1.3 has its own.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub cipher_suites: Option<Vec<String>>,
    /// Whether the order of this side counts.
    #[serde(default = "yes")]
    pub prefer_server_cipher_suites: bool,
}

/// What is asked of clients, under the names of Go's crypto/tls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum ClientAuth {
    /// No certificate.
    #[default]
    #[serde(alias = "")]
    NoClientCert,
    /// A certificate of any kind, if the client likes.
    #[serde(alias = "RequestClientCert")]
    RequestClientCert,
    /// A certificate of any kind.
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    /// A certificate that a client shows is verified.
    VerifyClientCertIfGiven,
    /// A certificate that the file at client_ca_file vouches for.
    RequireAndVerifyClientCert,
}

impl ClientAuth {
    /// Whether the certificate is held against client_ca_file.
    pub(super) fn verifies(self) -> bool {
        matches!(
            self,
            Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert
        )
    }

    /// Whether a client without a certificate is turned away.
    pub(super) fn is_required(self) -> bool {
        matches!(
            self,
            Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert
        )
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub(super) enum Version {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "TLS12")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLS13")]
    Tls13,
}

fn newest() -> Version {
    Version::Tls13
}

fn yes() -> bool {
    true
}

/// What answers say beside their content.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpServer {
    /// Has no effect: the endpoint speaks HTTP/1.1.
    #[schemars(with = "bool")]
    pub http2: Option<bool>,
    /// Security headers that are added to every answer.
    #[schemars(with = "BTreeMap<Header, String>")]
    pub headers: Option<BTreeMap<Header, String>>,
}

/// The headers that exporters know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub(super) enum Header {
    #[serde(rename = "Content-Security-Policy")]
    ContentSecurityPolicy,
    #[serde(rename = "Strict-Transport-Security")]
    StrictTransportSecurity,
    #[serde(rename = "X-Content-Type-Options")]
    XContentTypeOptions,
    #[serde(rename = "X-Frame-Options")]
    XFrameOptions,
    #[serde(rename = "X-XSS-Protection")]
    XXssProtection,
}

impl Header {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ContentSecurityPolicy => "content-security-policy",
            Self::StrictTransportSecurity => "strict-transport-security",
            Self::XContentTypeOptions => "x-content-type-options",
            Self::XFrameOptions => "x-frame-options",
            Self::XXssProtection => "x-xss-protection",
        }
    }
}

impl WebConfig {
    /// Reads the text: every fault at once.
    pub(super) fn parse(text: &str) -> Result<Self, Faults> {
        let document = document(text)?;
        let schema = schemars::schema_for!(Self).to_value();
        let config: Self = checked(document, &schema)?;
        let faults = config.contradictions();
        match faults.is_empty() {
            true => Ok(config),
            false => Err(Faults(faults)),
        }
    }

    pub(super) fn users(&self) -> impl Iterator<Item = (&String, &String)> {
        self.basic_auth_users.iter().flatten()
    }

    fn contradictions(&self) -> Vec<Fault> {
        let hashes = self.users();
        let mut faults: Vec<Fault> = hashes
            .filter_map(|(name, hash)| fault(name, hash))
            .collect();
        let headers = self
            .http_server_config
            .iter()
            .flat_map(|server| &server.headers);
        for (header, value) in headers.flatten() {
            if axum::http::HeaderValue::from_str(value).is_err() {
                let field = format!("http_server_config.headers.{}", header.name());
                faults.push(Fault::new(
                    &field,
                    format!("{value:?}"),
                    "no header can have this value",
                ));
            }
        }
        faults.extend(self.tls_server_config.iter().flat_map(TlsServer::faults));
        faults
    }
}

/// YAML as a JSON value. A key without a value is as if it were not there.
fn document(text: &str) -> Result<Value, Faults> {
    // The sentence of an error may name a value, and the file holds hashes of passwords: only the place is said.
    let fault = |field: &str| {
        let fix = "not YAML, or a key stands twice, or a key is no text";
        Faults::one(Fault::new(field, "", fix))
    };
    // Its mappings refuse keys that stand twice.
    let read: yaml_serde::Value = yaml_serde::from_str(text).map_err(|error| {
        let place = error.location();
        let line = place.map(|place| format!("line {}", place.line()));
        fault(&line.unwrap_or("(file)".into()))
    })?;
    let document = serde_json::to_value(read).map_err(|_| fault("(file)"))?;
    Ok(match without_nulls(document) {
        // A file of comments only.
        Value::Null => Value::Object(Default::default()),
        document => document,
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields
                .map(|(key, value)| (key, without_nulls(value)))
                .collect()
        }
        other => other,
    }
}

/// What is wrong with the hash of a user's password; the hash is not shown.
fn fault(name: &str, hash: &str) -> Option<Fault> {
    let at = |fix: String| Some(Fault::new(&format!("basic_auth_users.{name}"), "", fix));
    if name.contains(':') {
        return at("no client can send a name with a colon: choose another".into());
    }
    match hash.parse::<bcrypt::HashParts>() {
        Err(_) => at(
            "write the bcrypt hash of the password: htpasswd -nBC 10 NAME prints NAME:HASH".into(),
        ),
        Ok(parts) if parts.get_cost() > COST_MAX => at(format!(
            "its cost is {}: each login would take a core for seconds. Write at most {COST_MAX}; 10 is usual",
            parts.get_cost()
        )),
        Ok(_) => None,
    }
}

impl TlsServer {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, value: String, fix: &str| {
            let field = format!("tls_server_config.{key}");
            faults.push(Fault::new(&field, value, fix));
        };
        if self.min_version > self.max_version {
            fault(
                "min_version",
                "TLS13".into(),
                "max_version is older: no client could connect",
            );
        }
        let has_ca = self.client_ca_file.is_some();
        if self.client_auth_type.verifies() && !has_ca {
            let fix = "missing: client_auth_type verifies certificates of clients; write the file of the CA that signs them";
            fault("client_ca_file", String::new(), fix);
        }
        if has_ca && self.client_auth_type == ClientAuth::NoClientCert {
            let fix = "clients are asked for no certificate: write RequireAndVerifyClientCert, or remove client_ca_file";
            fault("client_auth_type", "NoClientCert".into(), fix);
        }
        faults
    }
}

#[cfg(test)]
mod tests;
