//! Peers that misbehave as no demograph does.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;

/// A server that treats each connection so, and how many there were.
fn server(treat: fn(TcpStream)) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || treat(stream.unwrap()));
        }
    });
    (url, asked)
}

/// Reads the request and says this.
fn say(mut stream: TcpStream, answer: &str) -> TcpStream {
    let _read = stream.read(&mut [0; 4096]).unwrap();
    stream.write_all(answer.as_bytes()).unwrap();
    stream
}

fn peers(urls: &[&String]) -> Peers {
    let urls = urls.iter().map(|url| (*url).clone()).collect();
    Peers::open(&PeerSettings {
        urls,
        ..PeerSettings::default()
    })
    .unwrap()
}

fn run<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(body)
}

fn why(said: &Said) -> &str {
    match &said.said {
        Ok(_) => "",
        Err(away) => &away.why,
    }
}

#[test]
fn what_a_peer_does_wrong_costs_little_and_is_said() {
    let (endless, _) = server(|stream| {
        let mut stream = say(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 65_536]).is_ok() {}
    });
    let (elsewhere, _) = server(|stream| {
        let redirect =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        say(stream, redirect);
    });
    let (well, asked) = server(|stream| {
        say(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        );
    });
    let (silent, tried) = server(|mut stream| {
        // Until the other side ends it.
        let _ended = stream.read_to_end(&mut Vec::new());
    });
    let peers = peers(&[&endless, &elsewhere, &well, &silent]);
    run(async {
        let said = peers.ask("/a").await;
        let [a, b, c, d] = &said[..] else {
            panic!("{} answers", said.len())
        };
        assert!(why(a).contains("longer than 8 MiB"), "{}", why(a));
        assert!(why(b).contains("answers 302"), "{}", why(b));
        assert_eq!(why(c), "");
        assert_eq!(why(d), "no answer in 2 s");
        let since = d.said.as_ref().err().unwrap().since;
        let begun = clock::instant();
        for _ in 0..100 {
            let said = peers.ask("/a").await;
            assert_eq!(said[3].said.as_ref().err().unwrap().since, since);
        }
        assert!(clock::instant() < begun + PATIENCE, "nobody waits for it");
    });
    assert_eq!(tried.load(Ordering::SeqCst), 1, "it is not tried each time");
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked <= 3, "the same question is asked once: {asked}");
}

#[test]
fn only_peers_that_are_named_are_asked() {
    let (stranger, asked) = server(drop);
    let peers = peers(&[]);
    let said = run(peers.ask_one(&stranger, "/a"));
    assert!(matches!(said, Err(Trouble::Unknown(_))));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
