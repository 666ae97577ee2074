//! What open pages cost an instance.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use demograph_service::clock;

use super::world::{Broker, Service, composites, crops_csv, publish};

const SOURCES: usize = 100;
const PAGES: usize = 20;
/// Sources on the screen of a page.
const SHOWN: usize = 24;
const MEASURED: Duration = Duration::from_secs(20);
/// Of a core. docs/page.md has what was measured; this leaves room for other machines.
const SHARE_MAX: f64 = 0.06;

fn id(number: usize) -> String {
    format!("camera-{number:03}")
}

/// Reads a stream as an open page does, until it is over.
fn page(address: &str, number: usize, is_over: &AtomicBool, events: &AtomicU64) {
    // Five screens of sources; several pages show the same.
    let first = number % SOURCES.div_ceil(SHOWN) * SHOWN;
    let named = (first..SOURCES.min(first + SHOWN)).map(|one| format!("&source={}", id(one)));
    let named: String = named.collect();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let request =
        format!("GET /api/v1/live/stream?limit={SHOWN}{named} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = vec![0; 64 * 1024];
    while !is_over.load(Ordering::Relaxed) {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "the stream ended");
        let text = String::from_utf8_lossy(&bytes[..read]);
        let begun = text.matches("event: live").count();
        events.fetch_add(begun as u64, Ordering::Relaxed);
    }
}

#[test]
fn twenty_open_pages_over_a_hundred_sources_cost_little() {
    let topic = Broker::shared().topic("open-pages", 1);
    let folder = tempfile::tempdir().unwrap();
    let sources = (0..SOURCES).map(|one| format!("[[source]]\nid = \"{}\"\n", id(one)));
    let sources: String = sources.collect();
    let config = Service::config(&topic, &folder.path().join("out"), &sources);
    let config = config.replace("rolling = [\"10s\", \"1m\"]", "rolling = [\"1h\"]");
    let mut service = Service::start(&config);
    service.await_ready();
    let crops = composites();
    let crowd = (0..SOURCES * 8).map(|n| {
        let file = crops[n * 37 % crops.len()].clone();
        (file, id(n % SOURCES), n.to_string())
    });
    let crops = crops_csv(folder.path(), crowd);
    let published = publish(&topic, &crops, &["--rate", "200"]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_audience_faces{", (SOURCES * 8) as f64, 120);

    let address = service.url.strip_prefix("http://").unwrap();
    let (is_over, events) = (AtomicBool::new(false), AtomicU64::new(0));
    let share = |service: &Service| {
        let (before, begun) = (service.process.cpu_seconds(), clock::instant());
        clock::pause(MEASURED);
        (service.process.cpu_seconds() - before) / begun.elapsed().as_secs_f64()
    };
    let alone = share(&service);
    let watched = std::thread::scope(|scope| {
        for number in 0..PAGES {
            let (is_over, events) = (&is_over, &events);
            scope.spawn(move || page(address, number, is_over, events));
        }
        let watched = share(&service);
        is_over.store(true, Ordering::Relaxed);
        watched
    });
    let events = events.load(Ordering::Relaxed);
    println!(
        "CPU of {SOURCES} sources: {:.1} % of a core; with {PAGES} pages {:.1} %; {events} events in {MEASURED:?}",
        alone * 100.0,
        watched * 100.0
    );
    // Most seconds have an event for each page, else nothing was measured.
    assert!(events > PAGES as u64 * MEASURED.as_secs() / 2, "{events}");
    assert!(watched < SHARE_MAX, "{watched}");
    service.stop();
}
