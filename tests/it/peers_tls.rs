//! Peers over TLS whose certificates a private authority vouches for (`http.peers_ca`).

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    guard::openssl,
    page,
    world::{Service, Topic, check_config},
};

const EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";

/// NAME.crt and NAME.key of an authority.
fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -keyout {name}.key \
             -out {name}.crt"
        ),
    );
}

/// NAME.crt and NAME.key of a server at 127.0.0.1, signed by the authority.
fn signed(folder: &Path, name: &str, authority: &str) {
    fs::write(folder.join("extensions"), EXTENSIONS).unwrap();
    openssl(
        folder,
        &format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -days 2 -extfile extensions \
             -out {name}.crt"
        ),
    );
}

/// A service without a broker: the endpoint answers at once.
fn config(folder: &Path, name: &str, http: &str) -> String {
    let nowhere = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let more = format!("{http}\n[[source]]\nid = \"lobby\"\n");
    Service::config(&nowhere, &folder.join(name), &more)
}

#[test]
fn a_private_authority_vouches_for_peers_and_another_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    authority(folder, "right");
    authority(folder, "wrong");
    signed(folder, "server", "right");
    let web = folder.join("web-config.yml");
    let text = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
    fs::write(&web, text).unwrap();
    let with_tls = format!("web_config = \"{}\"", web.display());
    let peer = Service::start(&config(folder, "peer", &with_tls));
    assert!(peer.url.starts_with("https://127.0.0.1:"), "{}", peer.url);

    let url = peer.url.clone();
    let with_ca = |ca: &str| {
        format!(
            "peers = [\"{url}\"]\npeers_ca = \"{}\"",
            folder.join(ca).display()
        )
    };
    let said_with = |ca: &str| -> Value {
        let service = Service::start(&config(folder, &format!("asks-{ca}"), &with_ca(ca)));
        let live = page::json(&service.url, "/api/v1/live");
        let health = page::json(&service.url, "/api/v1/health");
        service.stop();
        let mut said = live["peers"][0].clone();
        said["health"] = health["peers"][0]["health"].clone();
        said
    };
    let trusted = said_with("right.crt");
    assert_eq!(trusted["instance"], peer.url);
    assert_eq!(trusted["why"], Value::Null, "{trusted}");
    assert_eq!(trusted["away_since"], Value::Null, "{trusted}");
    assert_eq!(trusted["health"]["lag"], 0, "{trusted}");
    let distrusted = said_with("wrong.crt");
    let why = distrusted["why"].as_str().unwrap();
    assert!(why.contains("invalid peer certificate"), "{why}");
    assert!(why.contains("http.peers_ca must vouch"), "{why}");
    assert_eq!(distrusted["health"], Value::Null, "{distrusted}");
    // The authorities of the system know nothing of it.
    let without = format!("peers = [\"{}\"]", peer.url);
    let service = Service::start(&config(folder, "without", &without));
    let live = page::json(&service.url, "/api/v1/live");
    let why = live["peers"][0]["why"].as_str().unwrap();
    assert!(why.contains("http.peers_ca must vouch"), "{why}");
    service.stop();
    peer.stop();

    // A file without a certificate is said before anything runs.
    for (file, named) in [
        ("right.key", "no certificate is in it"),
        ("nowhere.crt", "http.peers_ca"),
    ] {
        let checked = check_config(&config(folder, "check", &with_ca(file)), &["--offline"]);
        assert_ne!(checked.code, Some(0), "{}", checked.stdout);
        assert!(checked.stdout.contains(named), "{}", checked.stdout);
    }
}
