//! The endpoint attacked: paths, smuggled requests, formulas, logins of others, more connections than it has.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{
    tools,
    world::{Service, Topic},
};

const LOBBY: &str = "[[source]]\nid = \"lobby\"\n[[source]]\nid = \"=cmd|' /C calc'!A0\"\n";
/// Stands in a file beside the tables, which nothing may show.
const SECRET: &str = "not-for-you";

/// A service without a broker: the endpoint answers at once. `http` stands in its section.
fn serve(folder: &std::path::Path, http: &str) -> Service {
    let nowhere = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    Service::start(&Service::config(
        &nowhere,
        &folder.join("out"),
        &format!("{http}\n{LOBBY}"),
    ))
}

/// All that comes back for these bytes, until the connection ends.
fn raw(service: &Service, bytes: &str) -> String {
    let address = service.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // Longer than the endpoint waits: a connection that it keeps open fails the test.
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // It may be refused before all of it is sent.
    let _cut_off = stream.write_all(bytes.as_bytes());
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(service: &Service, target: &str, more: &str) -> String {
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    raw(service, &head)
}

#[test]
fn no_path_leads_out_of_the_page_and_no_request_hides_another() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/secret"), SECRET).unwrap();
    let service = serve(folder.path(), "");
    for target in [
        "/../out/secret",
        "/%2e%2e/out/secret",
        "/..%2f..%2f..%2fetc/passwd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/page.js/../../etc/passwd",
        "/api/v1/%2e%2e/metrics",
        "/api/v1/series?source=..%2f..%2fsecret&attribute=age",
        "/api/v1/series?source=%00&attribute=age",
        "/api/v1/series?source=*&attribute=age",
        "/api/v1/live?source=%ff%fe",
        "/api/v1/live?search=%25%32%65",
        "file:///etc/passwd",
    ] {
        let answer = get(&service, target, "");
        let refused = ["HTTP/1.1 400", "HTTP/1.1 403", "HTTP/1.1 404"];
        let is_refused = refused.iter().any(|status| answer.starts_with(status));
        let is_empty = answer.contains("\"total\":0");
        assert!(is_refused || is_empty, "{target}: {answer}");
        assert!(
            !answer.contains(SECRET) && !answer.contains("root:"),
            "{target}: {answer}"
        );
    }

    let hidden = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (head, body) in [
        (
            format!("Content-Length: {}", hidden.len()),
            hidden.to_owned(),
        ),
        (
            "Content-Length: 6\r\nTransfer-Encoding: chunked".into(),
            format!("0\r\n\r\n{hidden}"),
        ),
        ("Transfer-Encoding: chunked".into(), chunked.clone()),
        ("Transfer-Encoding: xchunked".into(), chunked.clone()),
        ("Transfer-Encoding : chunked".into(), chunked),
        (
            "Content-Length: 0\r\nContent-Length: 5".into(),
            hidden.to_owned(),
        ),
        ("Content-Length: +5".into(), hidden.to_owned()),
        ("X: y\r\n Content-Length: 5".into(), hidden.to_owned()),
    ] {
        let answer = raw(
            &service,
            &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n{body}"),
        );
        let refused = ["HTTP/1.1 400", "HTTP/1.1 413", "HTTP/1.1 431"];
        let is_refused =
            refused.iter().any(|status| answer.starts_with(status)) || answer.is_empty();
        assert!(is_refused, "{head}: {answer}");
        assert!(!answer.contains("demograph_"), "{head}: {answer}");
    }

    let csv = get(&service, "/api/v1/sources?format=csv", "");
    assert!(csv.contains("\n'=cmd"), "{csv}");
    assert!(!csv.contains("\n=cmd"), "{csv}");
    for origin in ["https://evil.example", "null"] {
        let answer = get(&service, "/api/v1/live", &format!("Origin: {origin}\r\n"));
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
    }
    service.stop();
}

#[test]
fn logins_of_others_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    let token = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let hash = demograph_core::hex(<sha2::Sha256 as sha2::Digest>::digest(token));
    std::fs::write(&tokens, format!("{hash}  board\n")).unwrap();
    let http = format!(
        "tokens = \"{}\"\ncors_origins = [\"https://board.example\"]",
        tokens.display()
    );
    let service = serve(folder.path(), &http);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let answer = get(
        &service,
        "/api/v1/live",
        &format!("{bearer}Origin: https://board.example\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: https://board.example"),
        "{answer}"
    );
    let answer = get(
        &service,
        "/api/v1/live",
        &format!("{bearer}Origin: https://board.example.evil\r\n"),
    );
    assert!(!answer.contains("access-control-allow"), "{answer}");

    let preflight = "OPTIONS /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n";
    let answer = raw(
        &service,
        &format!("{preflight}Origin: https://board.example\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let answer = raw(
        &service,
        &format!("{preflight}Origin: https://evil.example\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    let other = token.replace("0f", "f0");
    for (target, more) in [
        ("/api/v1/live", String::new()),
        ("/api/v1/live", format!("Authorization: Bearer {other}\r\n")),
        ("/api/v1/live", format!("Authorization: Bearer {hash}\r\n")),
        (
            "/api/v1/live",
            format!("Authorization: Bearer {}\r\n", &token[..63]),
        ),
        (
            "/api/v1/live",
            format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
        ),
        (
            "/api/v1/live",
            format!("authorization: Basic eA==\r\n{bearer}"),
        ),
        ("/api/v1/live", format!("Cookie: token={token}\r\n")),
        (
            "/api/v1/live",
            "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n".into(),
        ),
        (&format!("/api/v1/live?access_token={token}"), String::new()),
        ("/healthz/../metrics", String::new()),
        ("/healthz%2f..%2fmetrics", String::new()),
        ("//healthz", String::new()),
        ("/metrics?/healthz", String::new()),
        ("/metrics#/healthz", String::new()),
        ("http://localhost/metrics", String::new()),
        ("/%6detrics", String::new()),
    ] {
        let answer = get(&service, target, &more);
        let is_refused = answer.starts_with("HTTP/1.1 401") || answer.starts_with("HTTP/1.1 400");
        assert!(is_refused, "{target} {more}: {answer}");
    }
    let head = raw(
        &service,
        "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    service.stop();
}

#[test]
fn a_flood_of_one_address_leaves_places_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let service = serve(folder.path(), "");
    let address = service.url.strip_prefix("http://").unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let said = tools::run(tools::python(), &["tests/tools/flood.py", host, port], "");
    println!("{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["longest_wait"].as_f64() < Some(5.0), "{said}");
    service.stop();
}
