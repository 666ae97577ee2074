//! TLS of the endpoint: what `tls_server_config` says, as rustls has it. The only user of rustls.

use std::sync::Arc;

use anyhow::{Context, bail};
use tokio_rustls::rustls::{
    CipherSuite, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::{TLS12, TLS13},
};

use super::web_config::{ClientAuth, TlsServer, Version};

pub(super) use tokio_rustls::TlsAcceptor as Acceptor;

/// What the endpoint shows and asks for.
pub(super) type Tls = Arc<ServerConfig>;

/// The contents of the files that the config names, PEM.
pub(super) struct Files<'a> {
    pub certificate: &'a [u8],
    pub key: &'a [u8],
    pub client_ca: Option<&'a [u8]>,
}

/// TLS as the config has it; an error names the key of the config.
pub(super) fn of(config: &TlsServer, files: &Files<'_>) -> anyhow::Result<Tls> {
    let provider = Arc::new(provider(config)?);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions(config))?;
    let builder = builder.with_client_cert_verifier(verifier(config, files.client_ca, &provider)?);
    let chain = certificates(files.certificate)
        .with_context(|| format!("tls_server_config.cert_file = {:?}", config.cert_file))?;
    let at_key = || format!("tls_server_config.key_file = {:?}", config.key_file);
    let key = PrivateKeyDer::from_pem_slice(files.key)
        .context("it holds no private key as PEM without a password")
        .with_context(at_key)?;
    let built = builder.with_single_cert(chain, key);
    let mut server = built
        .context("the key does not fit the certificate")
        .with_context(at_key)?;
    server.ignore_client_order = config.prefer_server_cipher_suites;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => bail!("it holds no certificate as PEM"),
    }
}

fn versions(config: &TlsServer) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)];
    let wanted = all
        .into_iter()
        .filter(|(version, _)| (config.min_version..=config.max_version).contains(version));
    wanted.map(|(_, known)| known).collect()
}

/// All suites, or those of TLS 1.3 and the ones that are named.
fn provider(config: &TlsServer) -> anyhow::Result<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let named = config.cipher_suites.as_deref().unwrap_or_default();
    if named.is_empty() {
        return Ok(provider);
    }
    let known: Vec<String> = provider
        .cipher_suites
        .iter()
        .map(|suite| go_name(suite.suite()))
        .collect();
    let strangers = named.iter().filter(|name| !known.contains(name));
    if let Some(stranger) = strangers.into_iter().next() {
        bail!(
            "tls_server_config.cipher_suites: {stranger:?} is not here; there are: {}",
            known.join(", ")
        );
    }
    provider.cipher_suites.retain(|suite| {
        suite.version().version == TLS13.version || named.contains(&go_name(suite.suite()))
    });
    Ok(provider)
}

/// The name of a suite as Go and IANA write it.
fn go_name(suite: CipherSuite) -> String {
    let name = suite.as_str().unwrap_or_default();
    name.replacen("TLS13_", "TLS_", 1)
}

fn verifier(
    config: &TlsServer,
    client_ca: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let kind = config.client_auth_type;
    if kind == ClientAuth::NoClientCert {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    if !kind.verifies() {
        return Ok(Arc::new(AnyClient {
            is_required: kind.is_required(),
            algorithms: provider.signature_verification_algorithms,
        }));
    }
    let at = "tls_server_config.client_ca_file";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(client_ca.unwrap_or_default()).context(at)? {
        roots.add(certificate).context(at)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match kind.is_required() {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    builder.build().context(at)
}

/// Takes any certificate, if the client has its key.
#[derive(Debug)]
struct AnyClient {
    is_required: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
