//! Values that a person writes in the config: durations such as "10s", secrets such as `{ env = "NAME" }`.

use std::{fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

/// A duration such as "250ms", "10s", "5m", "1h" or "2d".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl Span {
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number_len = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(number_len);
        let millis_per_unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => {
                return Err(format!(
                    "{text:?} is no duration: write 250ms, 10s, 5m, 1h or 2d"
                ));
            }
        };
        let number: u64 = number
            .parse()
            .map_err(|_| format!("{text:?} is no duration: write 250ms, 10s, 5m, 1h or 2d"))?;
        number
            .checked_mul(millis_per_unit)
            .map(Self::millis)
            .ok_or_else(|| format!("{text:?} is too long"))
    }
}

impl fmt::Display for Span {
    /// In the largest unit up to hours that divides it (days are 24 of them): the same text in config, metrics and dashboards ("1m", "5m", "1h").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms == 0 || ms % 1_000 != 0 => write!(f, "{ms}ms"),
            ms if ms % 60_000 != 0 => write!(f, "{}s", ms / 1_000),
            ms if ms % 3_600_000 != 0 => write!(f, "{}m", ms / 60_000),
            ms => write!(f, "{}h", ms / 3_600_000),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]{1,12}(ms|s|m|h|d)$",
            "description": "A duration: 250ms, 10s, 5m, 1h or 2d."
        })
    }
}

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
    /// Only where it comes from: nobody knows here whether it is a secret.
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
    fn a_span_reads_and_prints_the_same_text() {
        for text in ["250ms", "10s", "5m", "1h", "90s", "0ms"] {
            assert_eq!(Span::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        assert_eq!(Span::seconds(3600).to_string(), "1h");
        assert_eq!(Span::try_from("2d".to_owned()).unwrap().to_string(), "48h");
    }

    #[test]
    fn a_span_without_a_unit_is_refused_with_an_example() {
        for text in ["10", "ten", "10 s", "-1s", "1w", ""] {
            let error = Span::try_from(text.to_owned()).unwrap_err();
            assert!(error.contains("10s"), "{error}");
        }
    }

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
