//! What the files must say for an address, and files that change.

use std::{fs, process::Command};

use super::*;

const USER: &str =
    "basic_auth_users:\n  alice: '$2b$04$Pqe24GVeR1Df1JRb7wyBleCzVBzJ.fDpLTO4fnxmRSWpzJ3ZTMlRq'\n";
const TLS: &str = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n";

/// A folder with a certificate of this name.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=a"])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.crt"),
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn listen(folder: &Path, text: &str) -> Listen {
    let path = folder.join("web-config.yml");
    fs::write(&path, text).unwrap();
    Listen {
        address: "192.0.2.1:9464".into(),
        web_config: Some(path),
        ..Listen::default()
    }
}

fn refused(listen: &Listen) -> String {
    format!("{:#}", Door::open(listen).err().unwrap())
}

#[test]
fn an_address_of_the_network_needs_tls_and_logins() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    let both = format!("{TLS}{USER}");
    let clients = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: a.crt\n";
    let clients = format!("{TLS}{clients}");
    for enough in [&both, &clients] {
        Door::open(&listen(folder, enough)).unwrap();
    }
    for (text, named) in [
        (USER, "without TLS"),
        (TLS, "everyone who reaches it may look"),
        ("{}", "neither TLS nor users"),
        // Anyone can make such a certificate.
        (
            &format!("{TLS}  client_auth_type: RequireAnyClientCert\n"),
            "everyone",
        ),
        (
            &clients.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"),
            "everyone",
        ),
    ] {
        let mut listen = listen(folder, text);
        let said = refused(&listen);
        assert!(
            said.contains(named) && said.contains("insecure_listen"),
            "{text}: {said}"
        );
        listen.address = "127.0.0.1:0".into();
        Door::open(&listen).unwrap();
        listen.address = "192.0.2.1:0".into();
        listen.insecure = true;
        Door::open(&listen).unwrap();
    }
}

#[test]
fn faults_name_the_file_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    certificate(folder, "b");
    fs::write(folder.join("no.pem"), "nothing").unwrap();
    for (text, named) in [
        (TLS.replace("a.crt", "c.crt"), "tls_server_config.cert_file"),
        (
            TLS.replace("a.crt", "no.pem"),
            "tls_server_config.cert_file",
        ),
        (TLS.replace("a.key", "no.pem"), "tls_server_config.key_file"),
        (TLS.replace("a.key", "b.key"), "the key does not fit"),
        (
            format!("{TLS}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"),
            "there are: TLS_",
        ),
        (
            format!(
                "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: no.pem\n"
            ),
            "client_ca_file",
        ),
        (" \n".into(), "the file is empty"),
        ("basic_auth_user: {}".into(), "basic_auth_user"),
    ] {
        let said = refused(&listen(folder, &text));
        assert!(
            said.contains("http.web_config") && said.contains(named),
            "{text}: {said}"
        );
    }
    let with_tokens = |text: &str| {
        fs::write(folder.join("tokens"), text).unwrap();
        let mut listen = listen(folder, TLS);
        listen.tokens = Some(folder.join("tokens"));
        listen
    };
    let none = refused(&with_tokens("# none\n"));
    assert!(none.contains("holds no token"), "{none}");
    let token = format!("{}  board\n", "ab".repeat(32));
    let door = Door::open(&with_tokens(&token)).unwrap();
    assert!(door.line().contains("1 tokens"), "{}", door.line());
}

#[test]
fn every_suite_that_is_here_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    let suite = |name: &str| {
        Door::open(&listen(
            folder,
            &format!("{TLS}  cipher_suites: [{name}]\n{USER}"),
        ))
    };
    for name in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ] {
        suite(name).map(drop).unwrap();
    }
}

#[test]
fn files_that_change_are_read_again_and_faults_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    let listen = listen(folder, &format!("{TLS}{USER}"));
    let doors = Doors::open(&listen).unwrap();
    let first = doors.now();
    let mark = doors.look(&listen, first.mark.clone());
    assert!(Arc::ptr_eq(&doors.now(), &first), "nothing has changed");

    // The key of another certificate; then its certificate, too.
    certificate(folder, "b");
    fs::copy(folder.join("b.key"), folder.join("a.key")).unwrap();
    let mark = doors.look(&listen, mark);
    assert!(Arc::ptr_eq(&doors.now(), &first), "they do not fit");
    let mark = doors.look(&listen, mark);
    assert!(Arc::ptr_eq(&doors.now(), &first));
    fs::copy(folder.join("b.crt"), folder.join("a.crt")).unwrap();
    let mark = doors.look(&listen, mark);
    let second = doors.now();
    assert!(!Arc::ptr_eq(&second, &first));

    // A file that is being written, and one that would let everyone in.
    for text in ["", TLS, USER, "tls_server_config: ["] {
        fs::write(listen.web_config.as_ref().unwrap(), text).unwrap();
        doors.look(&listen, mark.clone());
        assert!(Arc::ptr_eq(&doors.now(), &second), "{text:?}");
    }
    let bob = USER.replace("alice", "bob");
    fs::write(
        listen.web_config.as_ref().unwrap(),
        format!("{TLS}{USER}{bob}").replacen("basic_auth_users:\n  bob", "  bob", 1),
    )
    .unwrap();
    doors.look(&listen, mark);
    assert_eq!(doors.now().users.passwords(), 2);
}
