//! One run of the program over a stream, in process: what it releases, and what its rolling views are after each release.

use std::sync::Arc;

use demograph_core::{
    estimate::{CalibrationFile, Calibrations},
    facts::ModelFacts,
    people::{Crowd, People},
    periods::Zones,
    privacy::{Policy, ReleasedWindow},
    record::{Attribute, EventTime, Position, SourceId, TrackId},
    span::Span,
    state::{Applied, Publication, Saved, Shard, Terms, TrackKey},
    views::{Rolling, View},
    window::{Categories, Evidence, Growth, Observation, Settings},
};
use demograph_service::pipeline::Meaning;

use super::streams::{Chosen, FUTURE_MAX, Face, LATENESS, MINUTE, Stream};

const PANE: i64 = 10_000;
const DAY: i64 = 24 * 60 * MINUTE;
pub const SPANS: [Span; 3] = [Span::seconds(60), Span::seconds(300), Span::seconds(3600)];
/// Sources with series of their own; the third shares one with others.
const SERIES_MAX: usize = 2;
const IDLE_AFTER: i64 = 30_000;

/// Windows of a publication, about.
const TOGETHER: usize = 12;

/// Windows that were released together, the terms they were counted on, the views that changed by it, and what was
/// published then.
pub struct Step {
    pub meaning: Meaning,
    pub released: Vec<ReleasedWindow>,
    pub views: Vec<View>,
    /// The people of sources where they changed.
    pub people: Vec<(SourceId, Option<People>)>,
    /// The series of the windows that were released.
    pub series: Vec<SourceId>,
    /// Sources that gave their series up before.
    pub given_up: Vec<SourceId>,
    pub publication: Publication,
    pub now: EventTime,
}

pub fn settings(chosen: &Chosen) -> Settings {
    Settings {
        pane: PANE,
        lateness_max: LATENESS,
        idle_after: IDLE_AFTER,
        future_max: FUTURE_MAX,
        drops_duplicates: false,
        sources_max: 10,
        weighting: chosen.weighting,
        untracked: chosen.rules.untracked,
        growth: Growth::of(&chosen.rules, chosen.people_min, DAY),
    }
}

/// The terms of what was chosen; of an operator who hides no category, for the truth.
fn meaning(chosen: &Chosen, file: &CalibrationFile, hides: bool) -> Meaning {
    let labels = |attribute| file.attributes[&attribute].labels.clone();
    let facts = ModelFacts {
        id: file.model.clone(),
        has_age: true,
        gender: labels(Attribute::Gender),
        ethnicity: labels(Attribute::Ethnicity),
    };
    let mut rules = chosen.rules.clone();
    if !hides {
        rules.k_cell = 0;
    }
    let policy = Policy::new(&rules, &[]);
    let categories = Categories::new(&file.age_bands, &facts);
    let terms = Terms::new(&file.model, &policy, categories, &settings(chosen));
    let zones = Zones {
        default: chosen.zone.clone(),
        ..Zones::default()
    };
    let terms = terms.in_zones(zones);
    let calibrations = Calibrations::new(chosen.method, Some(file.clone()), []);
    Meaning {
        policy: Arc::new(policy),
        terms: Arc::new(terms),
        calibrations: Arc::new(calibrations),
    }
}

/// A run under way.
struct Run<'a> {
    stream: &'a Stream,
    file: &'a CalibrationFile,
    hides: bool,
    chosen: Chosen,
    meaning: Meaning,
    shard: Shard,
    views: Rolling,
    crowd: Crowd,
    given_up: Vec<SourceId>,
    ticked: i64,
    /// Windows that are in no publication yet.
    waiting: usize,
    steps: Vec<Step>,
}

/// All steps of a run.
pub fn run(stream: &Stream, file: &CalibrationFile, hides: bool) -> Vec<Step> {
    let chosen = stream.chosen.clone();
    let meaning = meaning(&chosen, file, hides);
    let mut run = Run {
        stream,
        file,
        hides,
        shard: begin(Saved::beginning(0), &chosen, &meaning),
        crowd: crowd(&chosen),
        given_up: Vec::new(),
        chosen,
        meaning,
        views: Rolling::new(&SPANS, SERIES_MAX),
        ticked: stream.faces[0].received,
        waiting: 0,
        steps: Vec::new(),
    };
    for offset in 0..stream.faces.len() {
        run.take(offset);
    }
    let released = run.shard.end();
    let end = stream.faces[stream.faces.len() - 1].received;
    let publication = run.publish(end);
    run.show(released, publication, end);
    run.steps
}

fn crowd(chosen: &Chosen) -> Crowd {
    let zones = Zones {
        default: chosen.zone.clone(),
        ..Zones::default()
    };
    Crowd::new(zones, chosen.rules.untracked)
}

fn begin(saved: Saved, chosen: &Chosen, meaning: &Meaning) -> Shard {
    let (settings, key) = (settings(chosen), TrackKey::example());
    Shard::begin(0, saved, settings, meaning.terms.clone(), &key)
}

impl Run<'_> {
    fn take(&mut self, offset: usize) {
        let face = &self.stream.faces[offset];
        // The service ticks each second; a tick for each pane closes the same.
        while self.ticked + PANE < face.received {
            self.ticked += PANE;
            let released = self.shard.close_idle(EventTime(self.ticked));
            for source in self.views.expire(EventTime(self.ticked)) {
                self.crowd.forget_source(&source, EventTime(self.ticked));
                self.given_up.push(source);
            }
            self.crowd.expire(EventTime(self.ticked));
            self.step(released, self.ticked);
        }
        if self.stream.changes_at == Some(offset) {
            self.change(face.received);
        }
        let Applied::Counted(_, released) = self.shard.apply(observation(face, offset as i64))
        else {
            panic!("no record comes twice")
        };
        self.step(released, face.received);
    }

    /// The operator starts the program anew with other settings.
    fn change(&mut self, now: i64) {
        let decode = |bytes: &[u8]| Saved::decode(bytes).expect("what was written reads back");
        let saved = decode(&self.shard.checkpoint(EventTime(now), false).saved);
        let released_before = saved.outbox.len();
        let (settings, key) = (settings(&self.chosen), TrackKey::example());
        let chosen = self.chosen.changed();
        let meaning = meaning(&chosen, self.file, self.hides);
        let cut = Shard::settle(0, saved, &settings, &key, &meaning.terms, EventTime(now));
        let publication = cut.publication.unwrap_or_default();
        let cut_now = publication.windows[released_before..].to_vec();
        self.show(cut_now, publication, now);
        (self.chosen, self.meaning, self.waiting) = (chosen, meaning, 0);
        let mut saved = decode(&cut.saved);
        saved.terms = (*self.meaning.terms).clone();
        self.shard = begin(saved, &self.chosen, &self.meaning);
        // What was counted on other terms is no history of the views.
        self.views = Rolling::new(&SPANS, SERIES_MAX);
        self.crowd = crowd(&self.chosen);
    }

    fn step(&mut self, released: Vec<ReleasedWindow>, now: i64) {
        self.waiting += released.len();
        let publication = match self.waiting >= TOGETHER {
            true => self.publish(now),
            false => Publication::default(),
        };
        self.show(released, publication, now);
    }

    fn publish(&mut self, now: i64) -> Publication {
        self.waiting = 0;
        let checkpoint = self.shard.checkpoint(EventTime(now), true);
        checkpoint.publication.unwrap_or_default()
    }

    fn show(&mut self, released: Vec<ReleasedWindow>, publication: Publication, now: i64) {
        let mut all = Vec::new();
        for window in &released {
            let series = self.views.series(&window.source);
            self.crowd.add(&series, window, EventTime(now));
            self.views.add(window.clone(), EventTime(now));
            all.push(series);
        }
        let (views, people) = (self.views.changed(), self.crowd.changed());
        if !people.is_empty()
            || !released.is_empty()
            || !views.is_empty()
            || publication != Publication::default()
        {
            self.steps.push(Step {
                meaning: self.meaning.clone(),
                released,
                views,
                people,
                series: all,
                given_up: std::mem::take(&mut self.given_up),
                publication,
                now: EventTime(now),
            });
        }
    }
}

fn observation(face: &Face, offset: i64) -> Observation {
    Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(face.received),
        source: SourceId::new(face.source),
        time: EventTime(face.time),
        stated: None,
        id: None,
        track: face.track.map(|track| TrackId::of(&track.to_le_bytes())),
        judged: None,
        outcome: Ok(evidence(face)),
    }
}

pub fn evidence(face: &Face) -> Evidence {
    let mut evidence = Evidence::default();
    for (attribute, posterior) in Attribute::ALL.into_iter().zip(&face.posteriors) {
        evidence.set(attribute, posterior);
    }
    evidence
}
