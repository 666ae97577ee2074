//! Who may look: TLS, users, bearer tokens and certificates of clients, held against curl and a real Prometheus.

use std::{fs, path::Path};

use super::world::{
    Finished, Process, Prometheus, Service, Topic, check_config, command, demograph,
};

/// Of "open sesame", with a low cost.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";
const TOKEN: &str = "5b0e6c2c1f6d4c7f9a3e8d7b6a594837261504f3e2d1c0bfae9d8c7b6a594837";
/// How long a change of a file may take until it counts.
const SEEN_SECONDS: u64 = 20;

pub fn openssl(folder: &Path, arguments: &str) {
    let mut openssl = command("openssl");
    openssl.args(arguments.split(' ')).current_dir(folder);
    let made = Process::start("openssl", openssl).finish(60);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
}

/// NAME.crt and NAME.key of a certificate for 127.0.0.1 that vouches for itself.
fn certificate(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} \
             -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -keyout {name}.key -out {name}.crt"
        ),
    );
}

/// Puts the file there in one step.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// A service without a broker: the endpoint answers at once.
fn config(folder: &Path, http: &str) -> String {
    let nowhere = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let more = format!("{http}\n[[source]]\nid = \"lobby\"\n");
    Service::config(&nowhere, &folder.join("out"), &more)
}

/// `curl` with these arguments: the status is its whole output.
fn curl(folder: &Path, arguments: &[&str], url: &str) -> Finished {
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20"])
        .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(arguments)
        .arg(url)
        .current_dir(folder);
    Process::start("curl (setup/system-packages test)", curl).finish(30)
}

fn status(folder: &Path, arguments: &[&str], url: &str) -> String {
    let done = curl(folder, arguments, url);
    assert_eq!(done.code, Some(0), "{arguments:?} {url}: {}", done.stderr);
    done.stdout
}

#[test]
fn users_and_tokens_open_everything_and_others_the_probes_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    let web = folder.join("web-config.yml");
    let text = format!(
        "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\nbasic_auth_users:\n  alice: {HASH}\n"
    );
    fs::write(&web, &text).unwrap();
    let hashed = format!("printf %s {TOKEN} | sha256sum | sed s/-$/board/ > tokens");
    let mut shell = command("sh");
    shell.args(["-c", &hashed]).current_dir(folder);
    assert_eq!(Process::start("sh", shell).finish(30).code, Some(0));
    let http = format!(
        "web_config = \"{}\"\ntokens = \"{}\"\ncors_origins = [\"https://board.example\"]",
        web.display(),
        folder.join("tokens").display()
    );
    let config = config(folder, &http);
    let checked = check_config(&config, &["--offline"]).stdout;
    let said = "ok     http: TLS; 1 users, 1 tokens; /healthz and /readyz ask for no login";
    assert!(checked.contains(said), "{checked}");

    let mut service = Service::start(&config);
    let url = service.url.clone();
    assert!(url.starts_with("https://"), "{url}");
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let ca = ["--cacert", "a.crt"];
    let with = |more: &[&str], path: &str| {
        status(folder, &[&ca[..], more].concat(), &format!("{url}{path}"))
    };
    for path in [
        "/",
        "/page.js",
        "/metrics",
        "/api/v1/live",
        "/api/v1/live/stream",
        "/no",
        "//healthz",
        "/healthz/",
    ] {
        assert_eq!(with(&["--path-as-is"], path), "401", "{path}");
        assert_eq!(with(&["--user", "alice:open"], path), "401", "{path}");
    }
    for path in ["/", "/metrics", "/api/v1/live"] {
        assert_eq!(
            with(&["--user", "alice:open sesame"], path),
            "200",
            "{path}"
        );
        assert_eq!(with(&["--header", &bearer], path), "200", "{path}");
    }
    fs::write(folder.join("token"), TOKEN).unwrap();
    let with_login = url.replace("https://", "https://alice:open%20sesame@");
    for (url, arguments, said) in [
        (
            &url,
            &["--ca", "a.crt", "--token-file", "token"][..],
            Ok("lobby"),
        ),
        (&with_login, &["--ca", "a.crt"], Ok("lobby")),
        (
            &url,
            &["--ca", "a.crt"],
            Err("asks for a login: --token-file"),
        ),
        (&url, &["--token-file", "token"], Err("--ca names who did")),
    ] {
        let mut top = demograph(&["top", "--once", "--url", url]);
        top.args(arguments).current_dir(folder);
        let done = Process::start("demograph top", top).finish(30);
        match said {
            Ok(said) => assert!(done.stdout.contains(said), "{}{}", done.stdout, done.stderr),
            Err(said) => assert!(done.stderr.contains(said), "{}{}", done.stdout, done.stderr),
        }
        assert_eq!(done.code, Some(i32::from(said.is_err())), "{}", done.stderr);
        assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
    }
    assert_eq!(with(&["--user", "alice:open sesame"], "/no"), "404");
    assert_eq!(
        (with(&[], "/healthz"), with(&[], "/readyz")),
        ("200".into(), "503".into())
    );
    // DNS rebinding: also with a login.
    let rebound = [
        "--user",
        "alice:open sesame",
        "--header",
        "Host: evil.example",
    ];
    assert_eq!(with(&rebound, "/api/v1/live"), "403");
    // Neither plain HTTP nor TLS 1.1 nor a certificate of somebody else.
    assert_ne!(
        curl(folder, &[], &url.replace("https", "http")).stdout,
        "200"
    );
    assert_ne!(
        curl(
            folder,
            &["--insecure", "--tls-max", "1.1"],
            &format!("{url}/healthz")
        )
        .code,
        Some(0)
    );
    certificate(folder, "b");
    assert_ne!(
        curl(folder, &["--cacert", "b.crt"], &format!("{url}/healthz")).code,
        Some(0)
    );

    let scraping = format!(
        "tls_config: {{ca_file: '{}'}}, basic_auth: {{username: alice, password: open sesame}}, ",
        folder.join("a.crt").display()
    );
    let mut prometheus = Prometheus::scrape_with(&url, &scraping);
    prometheus.await_data("demograph_build_info == 1", 30);

    // Another certificate, another user: without a restart.
    replace(
        &folder.join("a.key"),
        &fs::read_to_string(folder.join("b.key")).unwrap(),
    );
    replace(
        &folder.join("a.crt"),
        &fs::read_to_string(folder.join("b.crt")).unwrap(),
    );
    let healthz = format!("{url}/healthz");
    service
        .process
        .wait_for("the new certificate is shown", SEEN_SECONDS, || {
            (curl(folder, &["--cacert", "b.crt"], &healthz).stdout == "200").then_some(())
        });
    replace(&web, &text.replace("alice", "bob"));
    let metrics = format!("{url}/metrics");
    let is = |login: &str, wanted: &str| {
        let arguments = ["--cacert", "b.crt", "--user", login];
        (curl(folder, &arguments, &metrics).stdout == wanted).then_some(())
    };
    service
        .process
        .wait_for("bob is welcome", SEEN_SECONDS, || {
            is("bob:open sesame", "200")
        });
    // 401, or 429 where bob had to be tried often.
    assert_eq!(is("alice:open sesame", "200"), None);
    service.stop();
}

#[test]
fn certificates_of_clients_are_asked_for_as_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["server", "ca", "stranger"] {
        certificate(folder, name);
    }
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=client -addext basicConstraints=critical,CA:FALSE \
         -CA ca.crt -CAkey ca.key -keyout client.key -out client.crt",
    );
    let web = folder.join("web-config.yml");
    let text = |kind: &str, more: &str| {
        format!(
            "tls_server_config: {{cert_file: server.crt, key_file: server.key, client_auth_type: {kind}{more}}}\n"
        )
    };
    let ca = ", client_ca_file: ca.crt";
    let none: &[&str] = &[];
    let client: &[&str] = &["--cert", "client.crt", "--key", "client.key"];
    let stranger: &[&str] = &["--cert", "stranger.crt", "--key", "stranger.key"];
    fs::write(&web, text("NoClientCert", "")).unwrap();
    let mut service = Service::start(&config(
        folder,
        &format!("web_config = \"{}\"", web.display()),
    ));
    let url = format!("{}/metrics", service.url);
    let opens = |shown: &[&str], tls: &str| {
        let server = ["--cacert", "server.crt", "--tls-max", tls];
        curl(folder, &[&server[..], shown].concat(), &url).stdout == "200"
    };
    // With: no certificate, one of the CA, one of nobody.
    for (kind, more, expected) in [
        ("RequireAnyClientCert", "", [false, true, true]),
        ("RequestClientCert", "", [true, true, true]),
        ("RequireAndVerifyClientCert", ca, [false, true, false]),
        ("VerifyClientCertIfGiven", ca, [true, true, false]),
    ] {
        replace(&web, &text(kind, more));
        for tls in ["1.2", "1.3"] {
            service
                .process
                .wait_for(&format!("{kind}, TLS {tls}"), SEEN_SECONDS, || {
                    let found = [none, client, stranger].map(|shown| opens(shown, tls));
                    (found == expected).then_some(())
                });
        }
    }
    service.stop();
}

#[test]
fn an_address_of_the_network_is_refused_without_tls_and_users() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let web = folder.join("web-config.yml");
    fs::write(&web, format!("basic_auth_users: {{alice: {HASH}}}\n")).unwrap();
    let http = format!("web_config = \"{}\"", web.display());
    let config = config(folder, &http).replace("127.0.0.1:0", "0.0.0.0:0");
    let checked = check_config(&config, &["--offline"]);
    assert_ne!(checked.code, Some(0));
    let said = "FAULT  http: http.listen = \"0.0.0.0:0\": passwords and tokens would go over the network without TLS";
    assert!(checked.stdout.contains(said), "{}", checked.stdout);
    assert!(!checked.stdout.contains("$2b$"), "{}", checked.stdout);
    let ended = super::world::launch(&config, &[]).process.finish(60);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("without TLS"), "{}", ended.stderr);
}

#[cfg(feature = "gateway")]
#[test]
fn the_endpoint_of_cameras_asks_too() {
    let topic = super::world::Broker::shared().topic("guarded-camera", 1);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "a");
    let web = folder.join("web-config.yml");
    let text = format!(
        "tls_server_config: {{cert_file: a.crt, key_file: a.key}}\nbasic_auth_users: {{alice: {HASH}}}\n"
    );
    fs::write(&web, text).unwrap();
    let config = format!(
        "[kafka]\nbrokers='{}'\ntopic='{}'\n[http]\nlisten='127.0.0.1:0'\nweb_config='{}'\n\
         [[camera]]\nid='lobby'\naddress='file:///nowhere.mkv'\n",
        topic.brokers,
        topic.name,
        web.display()
    );
    let service = Service::camera(&config, &[]);
    let ca = ["--cacert", "a.crt"];
    let alice = ["--cacert", "a.crt", "--user", "alice:open sesame"];
    let url = |path: &str| format!("{}{path}", service.url);
    assert_eq!(status(folder, &ca, &url("/metrics")), "401");
    assert_eq!(status(folder, &alice, &url("/metrics")), "200");
    assert_ne!(status(folder, &ca, &url("/healthz")), "401");
    service.stop();
}
