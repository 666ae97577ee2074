//! Answers of several instances → one answer. Pure.

use std::collections::BTreeMap;

use demograph_core::record::EventTime;
use demograph_service::peers::Said;
use serde_json::{Value, json};

use crate::time::Time;

/// The part of the merged list that is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub offset: usize,
    pub limit: usize,
}

impl Page {
    fn cut<T>(&self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// What the peers say, as JSON.
pub(super) struct Rest {
    /// By the name of the instance.
    answers: Vec<(String, Value)>,
    /// Each peer: whether it is away, since when and why.
    peers: Vec<Value>,
}

fn peer(instance: &str, away: Option<(EventTime, &str)>) -> Value {
    let (since, why) = away.unzip();
    json!({ "instance": instance, "away_since": since.map(Time), "why": why })
}

impl Rest {
    pub(super) fn of(said: Vec<Said>) -> Self {
        let mut rest = Self {
            answers: Vec::new(),
            peers: Vec::new(),
        };
        for Said { instance, said } in said {
            let read = said.map(|reply| serde_json::from_slice::<Value>(&reply.body));
            let state = match read {
                Ok(Ok(answer)) => {
                    let state = peer(&instance, None);
                    rest.answers.push((instance, answer));
                    state
                }
                Ok(Err(_)) => {
                    let mut state = peer(&instance, None);
                    state["why"] =
                        "its answer is no JSON: is it a demograph of this version?".into();
                    state
                }
                Err(away) => peer(&instance, Some((away.since, &away.why))),
            };
            rest.peers.push(state);
        }
        rest
    }
}

/// The sources of an answer, each with the instance that shows it.
fn marked(answer: &mut Value, instance: Option<&str>) -> Vec<Value> {
    let Some(Value::Array(mut sources)) = answer.get_mut("sources").map(Value::take) else {
        return Vec::new();
    };
    sources.retain(Value::is_object);
    for source in &mut sources {
        source["instance"] = instance.into();
    }
    sources
}

fn name(source: &Value) -> &str {
    source["source"].as_str().unwrap_or_default()
}

/// All instances' sources by name; of one name this instance comes first, then the peers in their order.
fn all(own: &mut Value, rest: &mut Rest) -> Vec<Value> {
    let mut sources = marked(own, None);
    for (instance, answer) in &mut rest.answers {
        sources.extend(marked(answer, Some(instance)));
    }
    sources.sort_by(|one, other| name(one).cmp(name(other)));
    sources
}

/// `/live`: a source stands once for each instance that shows it.
pub(super) fn live(mut own: Value, mut rest: Rest, page: &Page) -> Value {
    let answers = rest.answers.iter().map(|(_, answer)| answer);
    let totals = answers
        .chain([&own])
        .filter_map(|one| one["total"].as_u64());
    let total: u64 = totals.sum();
    let sources = all(&mut own, &mut rest);
    own["total"] = total.into();
    own["sources"] = page.cut(sources).into();
    own["peers"] = rest.peers.into();
    own
}

/// `/sources`: a source stands once, as the instance says it that released something of it last.
pub(super) fn sources(mut own: Value, mut rest: Rest, page: &Page) -> Value {
    let mut newest: Vec<Value> = Vec::new();
    for source in all(&mut own, &mut rest) {
        match newest.last_mut() {
            Some(last) if name(last) == name(&source) => {
                if until(&last["released_until"]) < until(&source["released_until"]) {
                    *last = source;
                }
            }
            _ => newest.push(source),
        }
    }
    own["total"] = newest.len().into();
    own["sources"] = page.cut(newest).into();
    own["peers"] = rest.peers.into();
    own
}

/// RFC 3339 with and without a fraction is not in the order of its text.
fn until(time: &Value) -> Option<jiff::Timestamp> {
    time.as_str()?.parse().ok()
}

/// `/health`: each peer with its own.
pub(super) fn health(mut own: Value, rest: Rest) -> Value {
    let mut answers: BTreeMap<String, Value> = rest.answers.into_iter().collect();
    let peers = rest.peers.into_iter().map(|mut peer| {
        let instance = peer["instance"].as_str().unwrap_or_default();
        peer["health"] = answers.remove(instance).unwrap_or(Value::Null);
        peer
    });
    own["peers"] = peers.collect();
    own
}

/// Rows of one source at one instance.
type Group = (String, Vec<csv::StringRecord>);

/// The same two as CSV. The last column is the instance; it is empty for this one. Peers that are away are not there.
pub(super) fn csv_of_sources(
    own: &[u8],
    theirs: &[Said],
    page: &Page,
    is_once: bool,
) -> Result<Vec<u8>, csv::Error> {
    let (header, mut groups) = groups(own, "")?;
    let until = header.iter().position(|column| column == "released_until");
    for said in theirs {
        // A peer of another version has other columns: its rows would say something else.
        if let Ok(reply) = &said.said
            && let Ok((same, more)) = self::groups(&reply.body, &said.instance)
            && same == header
        {
            groups.extend(more);
        }
    }
    groups.sort_by(|(one, _), (other, _)| one.cmp(other));
    if is_once && let Some(until) = until {
        let time = |(_, rows): &Group| -> Option<jiff::Timestamp> {
            rows.first()?.get(until)?.parse().ok()
        };
        let mut newest: Vec<Group> = Vec::new();
        for group in groups {
            match newest.last_mut() {
                Some(last) if last.0 == group.0 => {
                    if time(last) < time(&group) {
                        *last = group;
                    }
                }
                _ => newest.push(group),
            }
        }
        groups = newest;
    }
    let rows = page.cut(groups).into_iter().flat_map(|(_, rows)| rows);
    written(&header, rows)
}

/// The rows of each instance, one after another.
pub(super) fn csv_of_health(own: &[u8], theirs: &[Said]) -> Result<Vec<u8>, csv::Error> {
    let (header, mut rows) = rows(own, "")?;
    for said in theirs {
        let is_here = u8::from(said.said.is_ok()).to_string();
        let instance = harmless(&said.instance);
        rows.push(vec!["is_here".into(), String::new(), is_here, instance].into());
        if let Ok(reply) = &said.said
            && let Ok((same, more)) = self::rows(&reply.body, &said.instance)
            && same == header
        {
            rows.extend(more);
        }
    }
    written(&header, rows)
}

fn harmless(instance: &str) -> String {
    demograph_core::sheets::harmless(instance.to_owned())
}

/// The header and the rows, with the instance as their last column.
fn rows(
    text: &[u8],
    instance: &str,
) -> Result<(csv::StringRecord, Vec<csv::StringRecord>), csv::Error> {
    let mut reader = csv::Reader::from_reader(text);
    let mut header = reader.headers()?.clone();
    header.push_field("instance");
    let instance = harmless(instance);
    let rows = reader.records().map(|row| {
        let mut row = row?;
        row.push_field(&instance);
        Ok(row)
    });
    Ok((header, rows.collect::<Result<_, csv::Error>>()?))
}

fn groups(text: &[u8], instance: &str) -> Result<(csv::StringRecord, Vec<Group>), csv::Error> {
    let (header, rows) = rows(text, instance)?;
    let column = header.iter().position(|column| column == "source");
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let source = column
            .and_then(|column| row.get(column))
            .unwrap_or_default();
        match groups.last_mut() {
            Some((last, rows)) if last == source => rows.push(row),
            _ => groups.push((source.to_owned(), vec![row])),
        }
    }
    Ok((header, groups))
}

fn written(
    header: &csv::StringRecord,
    rows: impl IntoIterator<Item = csv::StringRecord>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(&row)?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests;
