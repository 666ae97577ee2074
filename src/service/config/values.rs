//! Values that a person writes in the config: secrets such as `{ env = "NAME" }`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value given in the file, or kept out of it: in an environment variable or in a file of its own.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Text {
    Plain(String),
    Number(i64),
    Switch(bool),
    Env(FromEnv),
    File(FromFile),
}

/// Taken from an environment variable at start, without the newline at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromEnv {
    pub env: String,
}

/// Taken from a file at start, without the newline at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    pub file: String,
}

impl fmt::Debug for Text {
    /// Where the value comes from, and not the value: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) | Self::Number(_) | Self::Switch(_) => f.write_str("Text(..)"),
            Self::Env(from) => from.fmt(f),
            Self::File(from) => from.fmt(f),
        }
    }
}

impl Text {
    /// The value itself; the error says which variable or file is missing.
    pub fn resolve(&self) -> Result<String, String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Number(number) => Ok(number.to_string()),
            Self::Switch(switch) => Ok(switch.to_string()),
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place where secrets are read"
            )]
            Self::Env(FromEnv { env }) => std::env::var(env)
                .map(|text| without_newline(&text))
                .map_err(|_| format!("the environment variable {env} is not set (or not UTF-8)")),
            Self::File(FromFile { file }) => std::fs::read_to_string(file)
                .map(|text| without_newline(&text))
                .map_err(|error| format!("{file} cannot be read: {error}")),
        }
    }

    /// The value, if it stands in the file itself.
    pub fn plain(&self) -> Option<String> {
        match self {
            Self::Plain(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Switch(switch) => Some(switch.to_string()),
            Self::Env(_) | Self::File(_) => None,
        }
    }

    /// The same, fit to be shown: a plain value of a secret key is hidden, a reference is not.
    pub fn redacted(&self, key: &str) -> Self {
        match self {
            Self::Plain(_) | Self::Number(_) | Self::Switch(_) if Self::is_secret(key) => {
                Self::Plain(REDACTED.into())
            }
            Self::Plain(text) => Self::Plain(without_login(text)),
            shown => shown.clone(),
        }
    }

    /// Whether the name of a property or an option says that its value is a secret.
    pub fn is_secret(key: &str) -> bool {
        // Options of the store are written in any case, and with _ or -.
        let key = key.to_lowercase().replace(['-', '.'], "_");
        SECRET_WORDS.iter().any(|word| key.contains(word))
    }
}

const REDACTED: &str = "<redacted>";

const SECRET_WORDS: [&str; 16] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "credential",
    "access_key",
    "account_key",
    "private_key",
    "customer_key",
    "service_account",
    "sas_key",
    "master_key",
    "key_pem",
    "ssl_key",
    "sasl_jaas",
    "oauthbearer_config",
];

fn without_newline(text: &str) -> String {
    text.trim_end_matches(['\n', '\r']).to_owned()
}

/// A URL without the name and the password that may stand before its host.
pub fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://{REDACTED}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_secret_is_never_shown_but_its_reference_is() {
        let plain = Text::Plain("hunter2".into());
        assert_eq!(
            plain.redacted("sasl.password"),
            Text::Plain("<redacted>".into())
        );
        assert_eq!(plain.redacted("security.protocol"), plain);
        let env = Text::Env(FromEnv {
            env: "KAFKA_PASSWORD".into(),
        });
        assert_eq!(env.redacted("sasl.password"), env);
        for key in [
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.config",
            "ssl.key.pem",
            "AWS_SECRET_ACCESS_KEY",
            "azure_storage_account_key",
            "aws_sse_customer_key_base64",
        ] {
            assert!(Text::is_secret(key), "{key}");
        }
        assert!(!Text::is_secret("ssl.ca.location"));
    }

    #[test]
    fn a_login_in_a_url_is_never_shown() {
        assert_eq!(
            without_login("http://name:word@proxy:3128/a@b"),
            "http://<redacted>@proxy:3128/a@b"
        );
        for harmless in ["s3://bucket/a@b", "out/a@b", "http://host:9000"] {
            assert_eq!(without_login(harmless), harmless);
        }
    }

    #[test]
    fn a_value_from_a_file_or_the_environment_has_no_newline_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " open sesame \r\n").unwrap();
        let file = Text::File(FromFile {
            file: path.display().to_string(),
        });
        assert_eq!(file.resolve().unwrap(), " open sesame ");
        assert_eq!(without_newline("open sesame\n\n"), "open sesame");
    }
}
