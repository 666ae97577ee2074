//! The writer before a slow store: many partitions, and one after the other within each.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use demograph_core::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    state::{Ledger, Terms, TrackKey},
    window::{Growth, Untracked, Weighting},
};

use super::*;
use crate::sink::Store;

/// How long the store takes to answer.
const ANSWER: Duration = Duration::from_millis(20);

fn meaning() -> Meaning {
    let policy = Policy::new(&PolicyRules::default(), &[]);
    let facts = ModelFacts {
        id: "m@1".into(),
        has_age: false,
        gender: vec!["female".into(), "male".into()],
        ethnicity: vec![],
    };
    let terms = Terms::example(&facts, &policy);
    Meaning {
        policy: Arc::new(policy),
        terms: Arc::new(terms),
        calibrations: Arc::default(),
    }
}

fn checkpoint(partition: i32, next_offset: i64, terms: &Arc<Terms>) -> Checkpoint {
    let saved = Saved {
        log: Default::default(),
        track_key: None,
        terms: (**terms).clone(),
        ledger: Ledger::beginning(next_offset),
        sources: Default::default(),
        outbox: Vec::new(),
        periods: Default::default(),
        publish: false,
    };
    Checkpoint {
        partition,
        terms: terms.clone(),
        next_offset,
        saved: saved.encode(),
        publication: None,
    }
}

/// A writer whose store answers after a while, with its input and what it says.
fn writer(overlap: usize, queued: usize) -> (Writer, Sender<Task>, Receiver<Ack>) {
    let meaning = meaning();
    let (to_write, input) = bounded(queued);
    let (acks, heard) = bounded(queued);
    let writer = Writer {
        input,
        acks,
        stores: Stores {
            tables: Store::in_memory(Duration::ZERO),
            cells: None,
            state: Store::in_memory(ANSWER),
        },
        tables: Tables {
            group: "g".into(),
            topic: "t".into(),
            cells: false,
            meaning: meaning.clone(),
        },
        track_key: TrackKey::example(),
        on_other_track_key: OtherTrackKey::Stop,
        settings: Settings {
            pane: 10_000,
            lateness_max: 0,
            idle_after: 0,
            future_max: 60_000,
            drops_duplicates: false,
            sources_max: 1,
            weighting: Weighting::People,
            untracked: Untracked::Count,
            growth: Growth::NONE,
        },
        meaning,
        history: 0,
        keep_for: 0,
        stall_max: 0,
        writer_id: 1,
        overlap,
        chains: Default::default(),
        tickets: Default::default(),
        metrics: Metrics::new(),
        shutdown: Shutdown::default(),
    };
    (writer, to_write, heard)
}

/// So many rounds of one checkpoint a partition: what was acknowledged, in order, and the milliseconds that it took.
fn rounds((partitions, rounds): (i32, i64), overlap: usize) -> (Vec<(i32, i64)>, i64) {
    let tasks = partitions as usize * rounds as usize;
    let (mut writer, to_write, heard) = writer(overlap, tasks);
    for partition in 0..partitions {
        let chain = Chain::new(("g", "t"), partition, writer.writer_id);
        writer.chains.insert(partition, chain);
    }
    let terms = writer.meaning.terms.clone();
    for round in 0..rounds {
        for partition in 0..partitions {
            let task = Task::Write(checkpoint(partition, round, &terms));
            to_write.send(task).unwrap();
        }
    }
    drop(to_write);
    let begin = clock::now();
    writer.run().unwrap();
    let took = clock::now().0 - begin.0;
    let durable = heard.iter().map(|ack| match ack {
        Ack::Durable {
            partition,
            next_offset,
        } => (partition, next_offset),
        other => panic!("{other:?}"),
    });
    (durable.collect(), took)
}

/// Most of a commit is waiting, so commits at once take a part of the time.
#[test]
fn commits_of_many_partitions_overlap() {
    let (one_by_one, alone) = rounds((100, 1), 1);
    let (at_once, overlapped) = rounds((100, 1), 8);
    println!("100 commits: {alone} ms one by one, {overlapped} ms with 8 at once");
    assert_eq!(one_by_one, at_once);
    assert!(2 * overlapped < alone, "{overlapped} ms, {alone} ms");
}

#[test]
fn the_commits_of_one_partition_keep_their_order() {
    for overlap in [1, 3, 8] {
        let (durable, _) = rounds((5, 4), overlap);
        let expected = (0..4).flat_map(|round| (0..5).map(move |partition| (partition, round)));
        assert_eq!(durable, expected.collect::<Vec<_>>(), "{overlap}");
    }
}

/// What comes behind a batch is done after it, and not lost.
#[test]
fn a_drain_is_answered_after_what_came_before_it() {
    let (mut writer, to_write, heard) = writer(8, 8);
    for partition in 0..3 {
        let chain = Chain::new(("g", "t"), partition, writer.writer_id);
        writer.chains.insert(partition, chain);
    }
    let terms = writer.meaning.terms.clone();
    for task in [
        Task::Write(checkpoint(0, 1, &terms)),
        Task::Write(checkpoint(1, 1, &terms)),
        Task::Drained,
        Task::Write(checkpoint(2, 1, &terms)),
        // No chain: another instance owns it.
        Task::Write(checkpoint(3, 1, &terms)),
    ] {
        to_write.send(task).unwrap();
    }
    drop(to_write);
    writer.run().unwrap();
    let said = heard.iter().map(|ack| match ack {
        Ack::Durable { partition, .. } => partition,
        Ack::Drained => -1,
        other => panic!("{other:?}"),
    });
    assert_eq!(said.collect::<Vec<_>>(), [0, 1, -1, 2]);
}
