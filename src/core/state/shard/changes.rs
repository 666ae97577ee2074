//! Laws of a changed configuration: whatever a restart changes, every record is accounted for once, and no row mixes what
//! was counted on different terms.

use proptest::prelude::*;

use super::*;
use crate::{
    facts::ModelFacts,
    privacy::{Cells, Policy, PolicyRules},
    record::{Attribute, Position, TrackId},
    reject::Reject,
    window::{Categories, Evidence, Growth, Untracked, Weighting},
};

const SECOND: i64 = 1_000;

/// What a restart may change of one partition. (Group, output, state.url and the number of partitions choose another chain:
/// `tests/it/lost_state.rs`, `rebalance.rs`. Rolling views are no state of a partition.)
#[derive(Debug, Clone)]
struct Configuration {
    pane: i64,
    lateness_max: i64,
    idle_after: i64,
    drops_duplicates: bool,
    bands: usize,
    k_total: u64,
    people_min: u64,
    window_max: i64,
    untracked: Untracked,
    weighting: Weighting,
    model: u8,
    key: u8,
}

fn configuration() -> impl Strategy<Value = Configuration> {
    (
        (
            prop::sample::select(vec![1, 10, 60, 3600]),
            prop::sample::select(vec![0, 10, 120]),
            prop::sample::select(vec![0, 30]),
            any::<bool>(),
        ),
        (
            1usize..4,
            prop::sample::select(vec![1u64, 10]),
            any::<bool>(),
        ),
        (any::<bool>(), 0u8..2, 0u8..2),
        (
            prop::sample::select(vec![0u64, 2, 10]),
            prop::sample::select(vec![3_600, 86_400]),
        ),
    )
        .prop_map(
            |(
                (pane, lateness, idle, drops),
                (bands, k_total, counts),
                (dwell, model, key),
                (people_min, window_max),
            )| {
                Configuration {
                    pane: pane * SECOND,
                    lateness_max: lateness * SECOND,
                    idle_after: idle * SECOND,
                    drops_duplicates: drops,
                    bands,
                    k_total,
                    people_min,
                    window_max: window_max * SECOND,
                    untracked: if counts {
                        Untracked::Count
                    } else {
                        Untracked::Ignore
                    },
                    weighting: if dwell {
                        Weighting::Dwell
                    } else {
                        Weighting::People
                    },
                    model,
                    key,
                }
            },
        )
}

impl Configuration {
    fn settings(&self) -> Settings {
        Settings {
            pane: self.pane,
            lateness_max: self.lateness_max,
            idle_after: self.idle_after,
            future_max: 60 * SECOND,
            drops_duplicates: self.drops_duplicates,
            sources_max: 3,
            weighting: self.weighting,
            untracked: self.untracked,
            growth: Growth::of(&self.rules(), self.people_min, self.window_max),
        }
    }

    fn rules(&self) -> PolicyRules {
        PolicyRules {
            k_total: self.k_total,
            k_cell: 1,
            untracked: self.untracked,
            ..PolicyRules::default()
        }
    }

    fn terms(&self) -> Arc<Terms> {
        let rules = self.rules();
        let facts = ModelFacts {
            id: format!("m@{}", self.model),
            has_age: true,
            gender: (0..2 + usize::from(self.model))
                .map(|n| n.to_string())
                .collect(),
            ethnicity: Vec::new(),
        };
        let starts = &[0, 18, 65][..self.bands];
        let categories = Categories::new(starts, &facts);
        let policy = Policy::new(&rules, &[]);
        Arc::new(Terms::new(&facts.id, &policy, categories, &self.settings()))
    }

    fn key(&self) -> TrackKey {
        let text = format!("key {} of the tests, no secret at all", self.key);
        TrackKey::of(&text).expect("it is long enough")
    }
}

/// A record as the cameras send it: its source, how far its time lies from the clock, and what it shows.
#[derive(Debug, Clone)]
struct Sent {
    source: u8,
    after: i64,
    behind: i64,
    track: Option<u8>,
    id: Option<u8>,
    is_rejected: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    (
        (
            0u8..3,
            0..20 * SECOND,
            prop::sample::select(vec![0, 1, 5, 40, 4_000]),
        ),
        (prop::option::of(0u8..6), prop::option::of(0u8..40)),
        prop::bool::weighted(0.1),
    )
        .prop_map(|((source, after, behind), (track, id), is_rejected)| Sent {
            source,
            after,
            behind: behind * SECOND,
            track,
            id,
            is_rejected,
        })
}

/// A run with one configuration, and whether it dies instead of writing a last checkpoint.
type Run = (Configuration, Vec<Sent>, bool);

fn observation(sent: &Sent, (offset, clock): (i64, i64), terms: &Terms) -> Observation {
    let mut evidence = Evidence::default();
    for attribute in [Attribute::Age, Attribute::Gender] {
        let classes = terms.categories.labels(attribute).len();
        let p = vec![1.0 / classes as f32; classes];
        evidence.set(attribute, &p);
    }
    Observation {
        position: Position {
            partition: 3,
            offset,
        },
        received: EventTime(clock),
        source: SourceId::new(&format!("cam-{}", sent.source)),
        time: EventTime(clock - sent.behind),
        stated: None,
        id: sent.id.map(|id| crate::record::EventId::of(&[id])),
        track: sent.track.map(|track| TrackId::of(&[track])),
        judged: None,
        outcome: match sent.is_rejected {
            true => Err(Reject::Truncated),
            false => Ok(evidence),
        },
    }
}

/// A row means what its terms say: its window lies on their grid, its categories are theirs.
fn follows(window: &ReleasedWindow, terms: &Terms) {
    assert_eq!(window.start.0.rem_euclid(terms.pane), 0, "{window:?}");
    assert_eq!(
        (window.end.0 - window.start.0).rem_euclid(terms.pane),
        0,
        "{window:?}"
    );
    for released in &window.content {
        let classes = terms.categories.labels(released.attribute).len();
        if let Cells::Shown { counts, .. } = &released.cells {
            assert_eq!(counts.len(), classes, "{window:?}");
        }
    }
}

/// Keeps what a checkpoint published, under its terms.
fn publish(checkpoint: &Checkpoint, published: &mut u64) -> Saved {
    let saved = Saved::decode(&checkpoint.saved).expect("what was written reads back");
    assert!(saved.is_conserved(), "{saved:?}");
    let rows = checkpoint.publication.iter();
    for window in rows.flat_map(|rows| &rows.windows) {
        follows(window, &checkpoint.terms);
        *published += window.accounting.records();
    }
    saved
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_restart_changes_every_record_is_in_one_row_of_its_own_terms(
        runs in prop::collection::vec(
            (configuration(), prop::collection::vec(sent(), 1..40), any::<bool>()), 1..6),
    ) {
        let log: Vec<Sent> = runs.iter().flat_map(|(_, sent, _): &Run| sent.clone()).collect();
        let clocks: Vec<i64> = log.iter().scan(1_000_000 * SECOND, |clock, sent| {
            *clock += sent.after;
            Some(*clock)
        }).collect();
        let (mut kept, mut published, mut end): (Option<Saved>, u64, usize) = (None, 0, 0);
        for (configuration, sent, dies) in &runs {
            end += sent.len();
            let (settings, terms, key) =
                (configuration.settings(), configuration.terms(), configuration.key());
            let now = EventTime(clocks[end - 1]);
            let saved = match kept.take() {
                None => Saved::beginning(0),
                Some(saved) if saved.terms != *terms || key.check(saved.track_key).is_err() => {
                    let cut = Shard::settle(3, saved, &settings, &key, &terms, now);
                    let saved = publish(&cut, &mut published);
                    prop_assert_eq!(saved.sources.records(), 0, "nothing open is carried over");
                    // As the writer does: what goes on is on the terms of today.
                    Saved { terms: (*terms).clone(), ..saved }
                }
                Some(saved) => saved,
            };
            let mut shard = Shard::begin(3, saved, settings, terms.clone(), &key);
            let from = shard.next_offset() as usize;
            let middle = from + (end - from) / 2;
            let mut saved = None;
            for offset in from..end {
                let at = (offset as i64, clocks[offset]);
                shard.apply(observation(&log[offset], at, &terms));
                if offset % 7 == 0 {
                    shard.close_idle(EventTime(clocks[offset]));
                }
                if offset == middle {
                    let checkpoint = shard.checkpoint(now, offset % 2 == 0);
                    saved = Some(publish(&checkpoint, &mut published));
                }
            }
            kept = match saved {
                Some(saved) if *dies => Some(saved),
                _ => Some(publish(&shard.checkpoint(now, false), &mut published)),
            };
        }
        // The last owner reads to the end of the log and closes all.
        let (last, ..) = runs.last().expect("there is a run");
        let (settings, terms, key) = (last.settings(), last.terms(), last.key());
        let saved = kept.expect("each run wrote one");
        let mut shard = Shard::begin(3, saved, settings, terms.clone(), &key);
        for offset in shard.next_offset() as usize..log.len() {
            shard.apply(observation(&log[offset], (offset as i64, clocks[offset]), &terms));
        }
        shard.end();
        let saved = publish(&shard.checkpoint(EventTime(i64::MAX / 2), true), &mut published);
        prop_assert_eq!(saved.sources.records(), 0);
        prop_assert_eq!(published, log.len() as u64, "every record is in one row");
    }
}
