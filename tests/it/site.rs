//! Two instances of a site: the page of one shows both.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    tools,
    world::{Broker, Service, Topic, composites, crops_csv, metric, publish},
};

const SOURCES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "=h"];
const RECORDS: usize = 800;
const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const NO_TOKENS: &str = "";
/// A peer that is away is tried every 5 s.
const TRIED_SECONDS: u64 = 30;

fn config(topic: &Topic, folder: &std::path::Path, http: &str) -> String {
    let sources: Vec<String> = SOURCES
        .iter()
        .map(|id| format!("[[source]]\nid = \"{id}\"\n"))
        .collect();
    let more = format!("{http}\n{}", sources.concat());
    let config = Service::config(topic, &folder.join("out"), &more);
    config.replace("rolling = [\"10s\", \"1m\"]", "rolling = [\"1h\"]")
}

/// The status and the body.
fn ask(service: &Service, path: &str) -> (u16, String) {
    let request = ureq::get(format!("{}{path}", service.url));
    let request = request.config().http_status_as_error(false).build();
    let mut answer = request.call().unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), body)
}

fn json(service: &Service, path: &str) -> Value {
    let (status, body) = ask(service, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The sources of an answer that this instance shows; `None` means the one that was asked.
fn of<'a>(answer: &'a Value, instance: Option<&str>) -> Vec<&'a Value> {
    let sources = answer["sources"].as_array().unwrap().iter();
    sources
        .filter(|source| source["instance"].as_str() == instance)
        .collect()
}

fn names<'a>(sources: &[&'a Value]) -> BTreeSet<&'a str> {
    let names = sources.iter().map(|source| source["source"].as_str());
    names.map(Option::unwrap).collect()
}

/// Waits until the peer is away, or is here.
fn await_peer(service: &mut Service, is_away: bool) -> Value {
    let url = format!("{}/api/v1/live", service.url);
    let what = format!("its peer is away: {is_away}");
    service.process.wait_for(&what, TRIED_SECONDS, || {
        let mut answer = ureq::get(&url).call().ok()?;
        let answer = answer.body_mut().read_to_string().ok()?;
        let live: Value = serde_json::from_str(&answer).unwrap();
        let peer = &live["peers"][0];
        (peer["why"].is_string() == is_away).then(|| live.clone())
    })
}

#[test]
fn the_page_of_one_instance_shows_all_and_says_who_is_away() {
    let topic = Broker::shared().topic("site", 2);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut other = Service::start(&config(&topic, folder, NO_TOKENS));
    other.await_ready();
    let peer = other.url.clone();
    let http = format!("peers = [\"{peer}\"]\npeers_token = {{ env = \"PEERS_TOKEN\" }}");
    let environment = [("PEERS_TOKEN", TOKEN)];
    let mut service = Service::start_with(&config(&topic, folder, &http), &environment);
    service.await_ready();
    let crops = composites();
    let crowd = (0..RECORDS).map(|n| {
        let file = crops[n * 37 % crops.len()].clone();
        (file, SOURCES[n % SOURCES.len()].to_owned(), n.to_string())
    });
    let crops = crops_csv(folder, crowd);
    let published = publish(&topic, &crops, &["--rate", "200"]).finish(120);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    let urls = [&service, &other].map(|one| format!("{}/metrics", one.url));
    let faces = |url: &String| {
        let text = ureq::get(url).call().ok()?.body_mut().read_to_string();
        Some(metric(&text.ok()?, "demograph_audience_faces{"))
    };
    let released = || (urls.iter().filter_map(faces).sum::<f64>() >= RECORDS as f64).then_some(());
    service
        .process
        .wait_for("all windows are released", 120, released);

    the_answers_are_of_both(&service, &other);

    other.process.signal("KILL");
    let live = await_peer(&mut service, true);
    assert!(live["peers"][0]["away_since"].is_string(), "{live}");
    assert_eq!(live["peers"][0]["instance"], peer);
    assert!(of(&live, Some(&peer)).is_empty(), "{live}");
    assert!(!of(&live, None).is_empty(), "{live}");
    let script = ["tests/tools/page_site.py", &service.url, &peer];
    tools::run(tools::python(), &script, "");
    let health = json(&service, "/api/v1/health");
    assert_eq!(health["peers"][0]["health"], Value::Null);
    let (_, csv) = ask(&service, "/api/v1/health?format=csv");
    assert!(csv.contains(&format!("is_here,,0,{peer}")), "{csv}");
    let (status, said) = ask(
        &service,
        &format!("/api/v1/series?source=a&attribute=age&instance={peer}"),
    );
    assert_eq!(status, 502, "{said}");
    drop(other);

    // It comes back, names the first and itself, and asks for a token now.
    let hash = demograph_core::hex(<sha2::Sha256 as sha2::Digest>::digest(TOKEN));
    let tokens = folder.join("tokens");
    std::fs::write(&tokens, format!("{hash}  site\n")).unwrap();
    let http = format!(
        "tokens = \"{}\"\npeers_token = {{ env = \"PEERS_TOKEN\" }}\npeers = [\"{peer}\", \"{}\"]",
        tokens.display(),
        service.url
    );
    let address = peer.strip_prefix("http://").unwrap();
    let again = config(&topic, folder, &http).replace("127.0.0.1:0", address);
    let other = Service::start_with(&again, &environment);
    await_peer(&mut service, false);
    let request = ureq::get(format!("{peer}/api/v1/live"));
    let request = request.header("Authorization", format!("Bearer {TOKEN}"));
    let live = request.call().unwrap().body_mut().read_to_string().unwrap();
    let live: Value = serde_json::from_str(&live).unwrap();
    let peers = live["peers"].as_array().unwrap();
    assert_eq!(peers.len(), 1, "it is not a peer of itself: {live}");
    assert_eq!(peers[0]["instance"], service.url);
    assert_eq!(peers[0]["why"], Value::Null, "{live}");

    // Without the token it is not let in, and says so.
    let nowhere = Topic {
        brokers: "127.0.0.1:1".into(),
        name: "nowhere".into(),
    };
    let dns = peer.replace("127.0.0.1", "localhost");
    let http = format!("peers = [\"{peer}\"]\npeers_dns = \"{dns}\"");
    let stranger = Service::start(&config(&nowhere, &folder.join("3"), &http));
    let live = json(&stranger, "/api/v1/live");
    // The name has the same address, and on some machines one of IPv6, too.
    for instance in [peer.as_str(), address] {
        let peers = live["peers"].as_array().unwrap();
        let found = peers.iter().find(|one| one["instance"] == instance);
        let why = found.unwrap()["why"].as_str().unwrap();
        assert!(why.contains("401: http.peers_token"), "{why}");
    }
    stranger.stop();
    other.stop();
    service.stop();
}

fn the_answers_are_of_both(service: &Service, other: &Service) {
    let peer = Some(other.url.as_str());
    let live = json(service, "/api/v1/live");
    assert_eq!(live["peers"][0]["why"], Value::Null);
    assert_eq!(live["total"], SOURCES.len());
    let (own, theirs) = (of(&live, None), of(&live, peer));
    assert!(!own.is_empty() && !theirs.is_empty(), "{live}");
    assert_eq!(&names(&own) | &names(&theirs), BTreeSet::from(SOURCES));
    // Each says what its instance says, and that is what it released.
    let local = json(other, "/api/v1/live?scope=local");
    assert_eq!(local.get("peers"), None, "it was asked for itself alone");
    for (merged, said) in theirs.iter().zip(local["sources"].as_array().unwrap()) {
        assert_eq!(merged["views"], said["views"]);
    }
    let few = json(service, "/api/v1/live?offset=1&limit=3");
    let shown = few["sources"].as_array().unwrap();
    assert_eq!(shown[..], live["sources"].as_array().unwrap()[1..4]);

    // All instances have the same config, and so the same list of names.
    let sources = json(service, "/api/v1/sources");
    assert_eq!(sources["total"], SOURCES.len());
    assert_eq!(names(&of(&sources, peer)), names(&theirs));
    let (_, csv) = ask(service, "/api/v1/live?format=csv&attribute=gender");
    let ends = csv.lines().filter(|line| line.ends_with(&other.url));
    assert!(ends.count() >= theirs.len(), "{csv}");
    assert!(!csv.contains("\n=h"), "{csv}");
    let health = json(service, "/api/v1/health");
    assert_eq!(health["peers"][0]["health"]["is_ready"], true);

    // History of a source is read where it is shown.
    let source = theirs[0]["source"].as_str().unwrap();
    let path = format!("/api/v1/series?attribute=gender&source={source}");
    let (status, said) = ask(service, &format!("{path}&instance={}", other.url));
    assert_eq!((status, &said), (200, &ask(other, &path).1));
    let windows = path.replace("/series", "/windows");
    let (status, said) = ask(service, &format!("{windows}&instance={}", other.url));
    assert_eq!((status, &said), (200, &ask(other, &windows).1));
    let windows: Value = serde_json::from_str(&said).unwrap();
    assert_ne!(windows["windows"], serde_json::json!([]), "{windows}");
    let forbidden = format!("/api/v1/series?attribute=ethnicity&source={source}");
    let (status, said) = ask(service, &format!("{forbidden}&instance={}", other.url));
    assert_eq!(status, 403, "{said}");
    for (more, detail) in [
        ("&instance=http://127.0.0.1:1", "instance is"),
        ("&scope=world", "scope is"),
    ] {
        let (status, said) = ask(service, &format!("{path}{more}"));
        assert_eq!(status, 400, "{said}");
        assert!(said.contains(detail), "{said}");
    }
    for bad in ["live?offset=1000&limit=1", "health?x=y", "live?limit=x"] {
        let (status, said) = ask(service, &format!("/api/v1/{bad}"));
        assert_eq!(status, 400, "{bad}: {said}");
    }
    let live = json(service, "/api/v1/live");
    assert_eq!(live["peers"][0]["why"], Value::Null, "it is here still");
}
