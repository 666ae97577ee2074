//! Files as exporters have them are read; faults name the key and show no hash.

use super::*;

/// Of "secret", with the lowest cost.
const HASH: &str = "$2b$04$Pqe24GVeR1Df1JRb7wyBleCzVBzJ.fDpLTO4fnxmRSWpzJ3ZTMlRq";

fn faults(text: &str) -> String {
    let said = WebConfig::parse(text).unwrap_err().to_string();
    assert!(!said.contains("$2"), "{said}");
    said
}

#[test]
fn the_file_of_an_exporter_is_read() {
    let text = format!(
        "# As in the documentation of exporters.
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: true
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: '{HASH}'
  bob: \"{HASH}\"
"
    );
    let config = WebConfig::parse(&text).unwrap();
    let tls = config.tls_server_config.as_ref().unwrap();
    assert_eq!(tls.client_auth_type, ClientAuth::RequireAndVerifyClientCert);
    assert_eq!(config.users().count(), 2);
    for empty in ["", "# nothing\n", "basic_auth_users:\n", "{}"] {
        assert_eq!(
            WebConfig::parse(empty).unwrap(),
            WebConfig::default(),
            "{empty:?}"
        );
    }
}

#[test]
fn unknown_keys_are_faults_that_name_them() {
    for (text, named) in [
        ("tls_server_confg: {}", "tls_server_confg"),
        ("basic_auth_user:\n  a: b", "basic_auth_user"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: [c]}",
            "client_allowed_sans",
        ),
        ("http_server_config: {headers: {Server: x}}", "Server"),
        ("tls_server_config: {cert_file: a}", "key_file"),
        (
            "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}",
            "tls_server_config.min_version",
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: Sometimes}",
            "tls_server_config.client_auth_type",
        ),
    ] {
        let said = faults(text);
        assert!(said.contains(named), "{text}: {said}");
    }
}

#[test]
fn what_would_open_the_door_or_shut_it_for_all_is_a_fault() {
    let tls = |more: &str| format!("tls_server_config: {{cert_file: a, key_file: b, {more}}}");
    for (text, named) in [
        (tls("client_ca_file: c"), "write RequireAndVerifyClientCert"),
        (
            tls("client_auth_type: RequireAndVerifyClientCert"),
            "client_ca_file",
        ),
        (
            tls("min_version: TLS13, max_version: TLS12"),
            "max_version is older",
        ),
        (
            "basic_auth_users: {alice: secret}".into(),
            "basic_auth_users.alice",
        ),
        (
            "basic_auth_users: {alice: 7}".into(),
            "basic_auth_users.alice",
        ),
        (format!("basic_auth_users: {{'a:b': '{HASH}'}}"), "colon"),
        (
            format!(
                "basic_auth_users: {{a: '{}'}}",
                HASH.replace("$04$", "$31$")
            ),
            "its cost is 31",
        ),
        (
            format!("basic_auth_users:\n  a: '{HASH}'\n  a: '{HASH}'\n"),
            "stands twice",
        ),
        ("basic_auth_users: [".into(), "not YAML"),
        (
            "http_server_config: {headers: {X-Frame-Options: \"a\\nb\"}}".into(),
            "no header can have this value",
        ),
    ] {
        let said = faults(&text);
        assert!(said.contains(named), "{text}: {said}");
    }
}
