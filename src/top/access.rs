//! Where the instance is, whom to trust there, and what opens its door.

use std::{fs, net::IpAddr, path::Path};

use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::Settings;

const FIX: &str = "write http://host:9464 or https://host:9464";

/// What a request needs besides its path. It holds secrets, so it cannot be printed.
pub(crate) struct Access {
    /// Without login, and without a slash at its end.
    pub root: String,
    /// The value of the header `Authorization`.
    pub authorization: Option<String>,
    /// PEM: who signs the certificate, instead of those whom this machine trusts.
    pub ca: Option<Vec<u8>>,
}

impl Access {
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let url = without_login(&settings.url);
        let parsed = Url::parse(&settings.url);
        let parsed = parsed.with_context(|| format!("--url is {url:?}: {FIX}"))?;
        let is_http = matches!(parsed.scheme(), "http" | "https");
        ensure!(
            is_http && parsed.host_str().is_some(),
            "--url is {url:?}: {FIX}"
        );
        let is_plain = parsed.scheme() == "http";
        if is_plain && settings.ca.is_some() {
            bail!("--ca is for an address that begins with https://; --url is {url:?}");
        }
        let authorization = match &settings.token_file {
            None => login(&parsed).transpose()?,
            Some(_) if !parsed.username().is_empty() => {
                bail!("--token-file and a login in --url: give one of them")
            }
            Some(_) if is_plain && !is_loopback(&parsed) => bail!(
                "--token-file: the token would cross the network unencrypted; ask {url:?} by https://"
            ),
            Some(path) => Some(format!("Bearer {}", token(path)?)),
        };
        let read = |path: &Path| {
            let pem = fs::read(path).with_context(|| format!("--ca {}", path.display()))?;
            let has_one = pem.windows(PEM.len()).any(|part| part == PEM);
            ensure!(
                has_one,
                "--ca {}: it holds no certificate in PEM form",
                path.display()
            );
            Ok(pem)
        };
        Ok(Self {
            root: url.trim_end_matches('/').to_owned(),
            authorization,
            ca: settings.ca.as_deref().map(read).transpose()?,
        })
    }
}

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The user and password of the address, as the header says them.
fn login(url: &Url) -> Option<anyhow::Result<String>> {
    let plain = |text| percent_decode_str(text).decode_utf8();
    let user = (!url.username().is_empty()).then(|| url.username())?;
    let pair = plain(user).and_then(|user| Ok((user, plain(url.password().unwrap_or_default())?)));
    let said = pair.context("--url: user or password is no text in UTF-8");
    Some(said.map(|(user, password)| {
        format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:{password}"))
        )
    }))
}

/// The only line of the file.
fn token(path: &Path) -> anyhow::Result<String> {
    let at = || format!("--token-file {}", path.display());
    let text = fs::read_to_string(path).with_context(at)?;
    let token = text.trim();
    let is_one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    ensure!(is_one, "{}: write the token alone, in one line", at());
    Ok(token.to_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, ca: Option<&Path>, token_file: Option<&Path>) -> Settings {
        Settings {
            url: url.into(),
            ca: ca.map(Path::to_owned),
            token_file: token_file.map(Path::to_owned),
            search: String::new(),
            once: true,
            json: false,
        }
    }

    #[test]
    fn a_token_goes_to_this_machine_or_over_tls_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "secret\n").unwrap();
        let of = |url: &str| Access::new(&settings(url, None, Some(&file)));
        for url in [
            "https://gate:9464/",
            "http://127.0.0.1:9464",
            "http://[::1]:9464",
            "http://localhost:9464",
        ] {
            let access = of(url).unwrap();
            assert_eq!(
                access.authorization.as_deref(),
                Some("Bearer secret"),
                "{url}"
            );
            assert!(!access.root.ends_with('/'));
        }
        let said = |url: &str| of(url).err().unwrap().to_string();
        assert!(said("http://gate:9464").contains("unencrypted"));
        assert!(said("https://me:pass@gate:9464").contains("give one of them"));
        fs::write(&file, "two words\n").unwrap();
        assert!(said("https://gate:9464").contains("in one line"));
    }

    #[test]
    fn a_login_of_the_address_goes_into_the_header_and_is_shown_nowhere() {
        let access = Access::new(&settings("https://ann:a%20b%3A@gate:9464/", None, None)).unwrap();
        // Of "ann:a b:".
        assert_eq!(access.authorization.as_deref(), Some("Basic YW5uOmEgYjo="));
        assert_eq!(access.root, "https://gate:9464");
    }

    #[test]
    fn what_is_no_address_or_no_certificate_is_refused_with_its_fix() {
        let of = |url: &str, ca: Option<&Path>| {
            let refused = Access::new(&settings(url, ca, None));
            format!("{:#}", refused.err().unwrap())
        };
        for url in ["gate:9464", "ftp://gate", "https://"] {
            assert!(of(url, None).contains(FIX), "{url}");
        }
        let here = Path::new(file!()).file_name().map(Path::new).unwrap();
        assert!(of("http://gate", Some(here)).contains("begins with https://"));
        let nothing = Path::new("/dev/null");
        assert!(of("https://gate", Some(nothing)).contains("no certificate"));
        assert!(!of("ftp://me:secret@gate", None).contains("secret"));
    }
}
