//! Limits of connections, on an endpoint of a runtime of its own.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
};

use super::*;
use crate::http::Listen;

/// An endpoint with these bounds; it ends with the test.
fn serve_with(all: usize, of_one: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let bounds = Bounds {
                all,
                of_one,
                unanswered: Duration::from_millis(500),
            };
            let listen = Listen {
                address: address.to_string(),
                ..Listen::default()
            };
            let doors = Doors::open(&listen).unwrap();
            let routes = Router::new()
                .route("/", axum::routing::get(|| async { "ok" }))
                .route("/endless", axum::routing::get(endless));
            let listener = TcpListener::from_std(listener).unwrap();
            serve(listener, bounds, doors, routes).await;
        });
    });
    address
}

/// An answer that does not end. It is full of nothing.
async fn endless() -> Body {
    let chunk = || Ok::<_, std::convert::Infallible>(vec![0_u8; 64 * 1024]);
    Body::from_stream(futures_util::stream::repeat_with(chunk))
}

fn connect(address: SocketAddr) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(address).unwrap();
    // Longer than the endpoint's limit: a connection that is not closed fails the test.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

fn ask(stream: &mut std::net::TcpStream, head: &str) -> String {
    // It may be refused before all of it is sent.
    let _cut_off = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    // Closed or reset: either way it ends.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

const WHOLE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn a_request_that_never_ends_is_cut_off_and_the_next_one_is_answered() {
    let address = serve_with(1, 1);
    let mut slow = connect(address);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    // Waits for the only place.
    let mut next = connect(address);
    next.write_all(WHOLE.as_bytes()).unwrap();
    let said = ask(&mut slow, "");
    assert!(!said.contains("200"), "{said}");
    let answer = ask(&mut next, "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn one_address_cannot_take_all_places() {
    let address = serve_with(4, 2);
    let mut held: Vec<_> = (0..2).map(|_| connect(address)).collect();
    let mut third = connect(address);
    assert_eq!(ask(&mut third, WHOLE), "", "closed at once");
    for stream in &mut held {
        let answer = ask(stream, WHOLE);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Their places are free again.
    let answer = ask(&mut connect(address), WHOLE);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let address = serve_with(4, 4);
    let long = "x".repeat(HEAD_MAX);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nx: {long}\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "x: y\r\n".repeat(120)
        ),
        format!("GET /?{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let answer = ask(&mut connect(address), &head);
        let refused = ["HTTP/1.1 431", "HTTP/1.1 414", ""];
        assert!(
            !answer.contains("200") && refused.iter().any(|text| answer.starts_with(text)),
            "{answer}"
        );
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    // The only place.
    let address = serve_with(1, 1);
    let mut slow = connect(address);
    slow.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    // It reads a little, and then nothing; the next client waits for its place.
    slow.read_exact(&mut [0; 1024]).unwrap();
    let answer = ask(&mut connect(address), WHOLE);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn requests_that_follow_one_another_share_a_connection() {
    let address = serve_with(1, 1);
    let mut client = connect(address);
    let answer = ask(
        &mut client,
        &format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{WHOLE}"),
    );
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}
