//! Examples of merged answers.

use demograph_service::peers::{Away, Reply};

use super::*;

const ALL: Page = Page {
    offset: 0,
    limit: 50,
};

fn said(instance: &str, body: impl Into<String>) -> Said {
    Said {
        instance: instance.into(),
        said: Ok(Reply {
            status: 200,
            kind: String::new(),
            body: body.into().into(),
        }),
    }
}

fn away(instance: &str) -> Said {
    Said {
        instance: instance.into(),
        said: Err(Away {
            since: EventTime(0),
            why: "connection refused".into(),
        }),
    }
}

fn list(sources: &[(&str, Option<&str>)]) -> Value {
    let sources: Vec<Value> = sources
        .iter()
        .map(|(source, until)| json!({ "source": source, "released_until": until }))
        .collect();
    json!({ "at": "now", "total": sources.len(), "sources": sources })
}

/// Each source with its instance.
fn shown(answer: &Value) -> Vec<(String, Option<String>)> {
    let sources = answer["sources"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    sources
        .map(|one| (text(&one["source"]).unwrap(), text(&one["instance"])))
        .collect()
}

#[test]
fn each_source_says_which_instance_shows_it() {
    let own = list(&[("b", None), ("d", None)]);
    let rest = Rest::of(vec![
        said("p", list(&[("a", None), ("d", None)]).to_string()),
        away("q"),
        said("r", "<html>"),
    ]);
    let site = live(own, rest, &ALL);
    let of = |source: &str, instance: Option<&str>| (source.into(), instance.map(str::to_owned));
    let expected = [
        of("a", Some("p")),
        of("b", None),
        of("d", None),
        of("d", Some("p")),
    ];
    assert_eq!(shown(&site), expected);
    assert_eq!((&site["total"], &site["at"]), (&json!(4), &json!("now")));
    let peers = &site["peers"];
    assert_eq!(
        peers[0],
        json!({ "instance": "p", "away_since": null, "why": null })
    );
    let silent = json!({ "instance": "q", "away_since": "1970-01-01T00:00:00Z", "why": "connection refused" });
    assert_eq!(peers[1], silent);
    assert!(peers[2]["why"].as_str().unwrap().contains("no JSON"));
}

#[test]
fn a_source_that_several_know_stands_once_as_the_newest_says_it() {
    let (early, late) = ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z");
    let own = list(&[("a", Some(late)), ("b", Some(early)), ("c", None)]);
    let rest = Rest::of(vec![said(
        "p",
        list(&[
            ("a", Some(early)),
            ("b", Some(late)),
            ("c", None),
            ("z", None),
        ])
        .to_string(),
    )]);
    let page = Page {
        offset: 1,
        limit: 2,
    };
    let site = sources(own, rest, &page);
    assert_eq!(
        shown(&site),
        [("b".into(), Some("p".into())), ("c".into(), None)]
    );
    assert_eq!(site["total"], 4);
}

#[test]
fn health_has_the_peers_own() {
    let rest = Rest::of(vec![said("p", "{\"lag\":7}"), away("q")]);
    let site = health(json!({ "lag": 1 }), rest);
    assert_eq!(site["lag"], 1);
    assert_eq!(site["peers"][0]["health"], json!({ "lag": 7 }));
    assert_eq!(site["peers"][1]["health"], Value::Null);
}

#[test]
fn tables_of_instances_are_one_table() {
    let own = "source,votes\nb,1\nb,2\nd,3\n";
    let theirs = [
        said("=p", "source,votes\na,4\nb,5\n"),
        away("q"),
        said("r", "source,other\nc,6\n"),
    ];
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let site = text(csv_of_sources(own.as_bytes(), &theirs, &ALL, false).unwrap());
    assert_eq!(
        site,
        "source,votes,instance\na,4,'=p\nb,1,\nb,2,\nb,5,'=p\nd,3,\n"
    );
    let page = Page {
        offset: 1,
        limit: 1,
    };
    let one = text(csv_of_sources(own.as_bytes(), &theirs, &page, false).unwrap());
    assert_eq!(one, "source,votes,instance\nb,1,\nb,2,\n");
    let own = "what,of,number\nlag,,1\n";
    let site = text(csv_of_health(own.as_bytes(), &[said("p", own), away("q")]).unwrap());
    assert_eq!(
        site,
        "what,of,number,instance\nlag,,1,\nis_here,,1,p\nlag,,1,p\nis_here,,0,q\n"
    );
}
