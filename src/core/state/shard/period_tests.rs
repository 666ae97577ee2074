//! Hours and days of a shard by examples: when they are published, and what comes too late for them.

mod laws;

use std::sync::Arc;

use super::*;
use crate::{
    facts::ModelFacts,
    periods::{PeriodKind, Zone, Zones},
    privacy::{Policy, PolicyRules},
    record::{Attribute, EventTime, Position, SourceId, TrackId},
    window::{Categories, Evidence, Growth, Untracked, Weighting},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn settings(people_min: u64, sources_max: usize) -> Settings {
    Settings {
        pane: 10 * SECOND,
        lateness_max: 10 * SECOND,
        idle_after: 30 * SECOND,
        future_max: MINUTE,
        drops_duplicates: false,
        weighting: Weighting::People,
        untracked: Untracked::Ignore,
        growth: Growth::of(&PolicyRules::default(), people_min, 24 * HOUR),
        sources_max,
    }
}

/// The first camera is in India, the others in Berlin.
fn zones() -> Zones {
    let kolkata = Zone::named("Asia/Kolkata").unwrap();
    Zones {
        default: Zone::named("Europe/Berlin").unwrap(),
        own: [(SourceId::new("door-0"), kolkata)].into(),
    }
}

fn terms(model: &str, settings: &Settings) -> Arc<Terms> {
    let facts = ModelFacts {
        id: model.into(),
        has_age: false,
        gender: vec!["female".into(), "male".into()],
        ethnicity: vec![],
    };
    let policy = Policy::new(&PolicyRules::default(), &[]);
    let categories = Categories::new(&[0, 18], &facts);
    Arc::new(Terms::new(model, &policy, categories, settings).in_zones(zones()))
}

fn begin(saved: Saved, settings: Settings) -> Shard {
    let terms = terms("m@1", &settings);
    Shard::begin(3, saved, settings, terms, &TrackKey::example())
}

/// A crop of a person before one of the cameras, seen a while before it was received.
fn crop((offset, received, behind): (i64, i64, i64), (camera, person): (u8, u64)) -> Observation {
    let mut evidence = Evidence::default();
    let p = [[0.9, 0.1], [0.2, 0.8]][person as usize % 2];
    evidence.set(Attribute::Gender, &p);
    Observation {
        position: Position {
            partition: 3,
            offset,
        },
        received: EventTime(received),
        source: SourceId::new(&format!("door-{camera}")),
        time: EventTime(received - behind),
        stated: None,
        id: None,
        track: Some(TrackId::of(&person.to_le_bytes())),
        judged: None,
        outcome: Ok(evidence),
    }
}

fn time(text: &str) -> EventTime {
    EventTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// People before the second camera, one every ten seconds from a time on.
fn people(shard: &mut Shard, from: &str, number: u64) {
    let offset = shard.next_offset();
    for n in 0..number as i64 {
        let at = (offset + n, time(from).0 + n * 10 * SECOND, 0);
        shard.apply(crop(at, (1, (offset + n) as u64)));
    }
}

/// What was finished, as text: kind, hour or date by the clock on the wall, votes, carried votes, what finished it.
fn finished(shard: &mut Shard) -> Vec<String> {
    let rows = shard.checkpoint(EventTime(0), true).publication;
    let rows = rows.unwrap_or_default().periods.into_iter();
    let text = |row: ReleasedPeriod| {
        let name = match row.kind {
            PeriodKind::Hour => format!("{} {:02}", row.date(), row.hour()),
            PeriodKind::Day => row.date().to_string(),
        };
        let (votes, carried) = (row.content.sums.votes(), row.content.carried);
        format!(
            "{name}: {votes} votes, {carried} carried, {}",
            row.by.name()
        )
    };
    rows.map(text).collect()
}

#[test]
fn the_last_hour_of_a_shop_is_published_soon_after_its_end_by_its_own_clock() {
    let mut shard = begin(Saved::beginning(0), settings(25, 10));
    people(&mut shard, "2026-03-02T16:50:00Z", 36);
    // Silent for 30 s behind the 10 s of lateness.
    shard.close_idle(time("2026-03-02T17:00:39.999Z"));
    assert_eq!(finished(&mut shard), [""; 0]);
    shard.close_idle(time("2026-03-02T17:00:40Z"));
    assert_eq!(
        finished(&mut shard),
        ["2026-03-02 17: 36 votes, 0 carried, idle"]
    );
    // Midnight in Berlin.
    shard.close_idle(time("2026-03-02T23:00:39.999Z"));
    assert_eq!(finished(&mut shard), [""; 0]);
    shard.close_idle(time("2026-03-02T23:00:40Z"));
    assert_eq!(
        finished(&mut shard),
        ["2026-03-02: 36 votes, 0 carried, idle"]
    );
}

#[test]
fn an_hour_waits_for_the_pane_that_is_open_and_the_window_that_grows() {
    let mut shard = begin(Saved::beginning(0), settings(25, 10));
    people(&mut shard, "2026-03-02T16:50:00Z", 25);
    // Two more before five, and one of them was received long after it.
    let [seen, later] = ["2026-03-02T16:59:58Z", "2026-03-02T17:00:35Z"].map(|text| time(text).0);
    shard.apply(crop((25, seen, 0), (1, 25)));
    shard.apply(crop((26, later, later - seen + SECOND), (1, 26)));
    shard.close_idle(time("2026-03-02T17:01:00Z"));
    assert_eq!(finished(&mut shard), [""; 0], "the pane is open");
    // Too few people to end with their hour.
    shard.close_idle(time("2026-03-02T18:30:00Z"));
    assert_eq!(finished(&mut shard), [""; 0], "the window grows");
    people(&mut shard, "2026-03-02T18:40:00Z", 30);
    let row = ["2026-03-02 17: 50 votes, 0 carried, watermark"];
    assert_eq!(finished(&mut shard), row);
}

#[test]
fn what_comes_for_an_hour_that_is_published_counts_in_the_next_one_also_after_a_restart() {
    let mut shard = begin(Saved::beginning(0), settings(25, 10));
    people(&mut shard, "2026-03-02T16:30:00Z", 36);
    shard.close_idle(time("2026-03-02T17:01:00Z"));
    assert_eq!(finished(&mut shard).len(), 1);
    let saved = Saved::decode(&shard.checkpoint(EventTime(0), false).saved).unwrap();
    let mut shard = begin(saved, settings(25, 10));
    // An outage of the camera's network is over: it sends what it saw.
    people(&mut shard, "2026-03-02T16:40:00Z", 25);
    assert_eq!(shard.take_carried(), [0, 0]);
    people(&mut shard, "2026-03-02T16:58:00Z", 36);
    assert_eq!(shard.take_carried(), [2, 0]);
    people(&mut shard, "2026-03-02T18:00:00Z", 4);
    assert_eq!(shard.take_carried(), [0, 0]);
    let row = ["2026-03-02 18: 61 votes, 37 carried, watermark"];
    assert_eq!(finished(&mut shard), row);
    shard.end();
    let rows = [
        "2026-03-02 19: 4 votes, 0 carried, end",
        "2026-03-02: 101 votes, 0 carried, end",
    ];
    assert_eq!(finished(&mut shard), rows);
}

#[test]
fn hours_of_a_clock_that_was_wrong_are_published_when_it_is_set_right() {
    let mut shard = begin(Saved::beginning(0), settings(10, 10));
    people(&mut shard, "2026-03-02T09:10:00Z", 12);
    people(&mut shard, "2031-07-01T12:10:00Z", 13);
    let before = [
        "2026-03-02 10: 12 votes, 0 carried, watermark",
        "2026-03-02: 12 votes, 0 carried, watermark",
    ];
    assert_eq!(finished(&mut shard), before);
    people(&mut shard, "2026-03-02T10:10:00Z", 12);
    let wrong = [
        "2031-07-01 14: 10 votes, 0 carried, watermark",
        "2031-07-01: 10 votes, 0 carried, watermark",
        "2031-07-01 15: 1 votes, 1 carried, watermark",
        "2031-07-02: 1 votes, 1 carried, watermark",
    ];
    assert_eq!(finished(&mut shard), wrong);
    people(&mut shard, "2026-03-02T11:10:00Z", 12);
    let hour = ["2026-03-02 11: 20 votes, 0 carried, watermark"];
    assert_eq!(finished(&mut shard), hour);
    // That day was published.
    people(&mut shard, "2026-03-04T11:10:00Z", 12);
    let rows = [
        "2026-03-02 12: 4 votes, 0 carried, watermark",
        "2026-03-03: 24 votes, 24 carried, watermark",
    ];
    assert_eq!(finished(&mut shard), rows);
}

#[test]
fn a_source_that_gives_its_place_away_publishes_what_it_has() {
    let mut shard = begin(Saved::beginning(0), settings(10, 1));
    people(&mut shard, "2026-03-02T09:10:00Z", 12);
    shard.close_idle(time("2026-03-02T09:20:00Z"));
    let received = time("2026-03-02T11:00:00Z").0;
    shard.apply(crop((12, received, 0), (2, 0)));
    let rows = [
        "2026-03-02 10: 12 votes, 0 carried, end",
        "2026-03-02: 12 votes, 0 carried, end",
    ];
    assert_eq!(finished(&mut shard), rows);
    assert_eq!(shard.periods().unfinished(), 0);
}

#[test]
fn other_terms_publish_what_there_is_and_another_key_does_not() {
    let ten = settings(10, 10);
    let mut shard = begin(Saved::beginning(0), ten);
    people(&mut shard, "2026-03-02T09:10:00Z", 12);
    let saved = || Saved::decode(&shard_checkpoint(&shard)).unwrap();
    let other = TrackKey::of("another key of the tests, no secret").unwrap();
    let today = terms("m@1", &ten);
    let cut = Shard::settle(3, saved(), &ten, &other, &today, EventTime(0));
    let kept = Saved::decode(&cut.saved).unwrap();
    assert_eq!(cut.publication.unwrap().periods, []);
    assert_eq!(kept.once_published().periods.unfinished(), 2);
    let today = terms("m@2", &ten);
    let cut = Shard::settle(3, saved(), &ten, &other, &today, EventTime(0));
    let rows = cut.publication.unwrap().periods;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.by == ClosedBy::Change));
    assert_eq!(cut.terms.model, "m@1");
    let kept = Saved::decode(&cut.saved).unwrap().once_published();
    assert_eq!(
        kept.periods,
        Periods::default(),
        "the rest of the hour is another row"
    );
}

fn shard_checkpoint(shard: &Shard) -> Vec<u8> {
    wire::write(checkpoint::Parts {
        log: &shard.log,
        track_key: Some(shard.key.fingerprint()),
        terms: &shard.terms,
        ledger: &shard.ledger,
        sources: shard.windows.sources(),
        chosen: shard.chooser.chosen(),
        outbox: &shard.outbox,
        periods: &shard.periods,
        publish: false,
    })
}

#[test]
fn a_camera_in_berlin_has_23_hours_in_spring_and_25_in_autumn() {
    for (date, hours) in [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)] {
        let mut shard = begin(Saved::beginning(0), settings(100, 10));
        let noon = time(&format!("{date}T12:00:00Z"));
        let day = zones().default.period(PeriodKind::Day, noon);
        // From an hour before midnight to an hour after the next one, a person every minute.
        for minute in -60..(hours + 1) * 60 {
            let received = day.start.0 + minute * MINUTE;
            let at = (minute + 60, received, 0);
            shard.apply(crop(at, (1, minute as u64)));
        }
        shard.end();
        let rows = shard
            .checkpoint(EventTime(0), true)
            .publication
            .unwrap()
            .periods;
        let of_date = |row: &&ReleasedPeriod| row.date().to_string() == date;
        let (days, of_day): (Vec<_>, Vec<_>) = rows
            .iter()
            .filter(of_date)
            .partition(|row| row.kind == PeriodKind::Day);
        assert_eq!((days.len(), of_day.len() as i64), (1, hours), "{date}");
        assert!(of_day.iter().all(|row| row.content.sums.votes() == 60));
        assert_eq!(days[0].content.sums.votes() as i64, 60 * hours);
        assert_eq!(days[0].period.end.0 - days[0].period.start.0, hours * HOUR);
        let clocks: Vec<i8> = of_day.iter().map(|row| row.hour()).collect();
        assert_eq!(
            clocks.iter().filter(|&&hour| hour == 2).count() as i64,
            hours - 23
        );
    }
}
