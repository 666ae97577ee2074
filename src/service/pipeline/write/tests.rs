//! The writer before a slow store: many partitions, and one after the other within each.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use demograph_core::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules},
    state::{Ledger, Terms, TrackKey},
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
        chosen: Default::default(),
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
        settings: Settings::EXAMPLE,
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
        let chain = Chain::new(
            TopicFolder::new("g", "t").chain(partition),
            writer.writer_id,
        );
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

/// Another instance writes a checkpoint with this number.
fn taken_over(stores: &Stores, partition: i32, seq: u64) {
    let folder = TopicFolder::new("g", "t").chain(partition);
    let mut chain = Chain::new(folder, 99);
    if seq > 0 {
        chain = chain.behind(seq - 1);
    }
    let saved = Saved::beginning(1_000).encode();
    let mut commit = chain.commit(&saved, false, clock::now());
    while commit.advance(stores).unwrap() != state::CommitStep::Done {}
}

/// In short: what was durable, or fenced under which ticket.
fn said(acks: impl IntoIterator<Item = Ack>) -> Vec<(&'static str, i32, i64)> {
    let said = acks.into_iter().map(|ack| match ack {
        Ack::Durable {
            partition,
            next_offset,
        } => ("durable", partition, next_offset),
        Ack::Fenced { partition, ticket } => ("fenced", partition, ticket as i64),
        Ack::Drained => ("drained", 0, 0),
        Ack::Recovered { .. } => panic!("nothing was asked for"),
    });
    said.collect()
}

#[test]
fn a_partition_that_another_instance_has_is_fenced_and_the_others_beside_it_are_not() {
    for overlap in [1, 8] {
        let (mut writer, to_write, heard) = writer(overlap, 16);
        for partition in 0..4 {
            let chain = Chain::new(TopicFolder::new("g", "t").chain(partition), 1);
            writer.chains.insert(partition, chain);
            writer.tickets.insert(partition, 10 + partition as u64);
        }
        // The name is taken; and it is free, but a newer checkpoint is there: older ones were deleted.
        taken_over(&writer.stores, 1, 0);
        taken_over(&writer.stores, 2, 5);
        let terms = writer.meaning.terms.clone();
        for round in [5, 6] {
            for partition in 0..4 {
                let task = Task::Write(checkpoint(partition, round, &terms));
                to_write.send(task).unwrap();
            }
        }
        to_write.send(Task::Drained).unwrap();
        drop(to_write);
        writer.run().unwrap();
        assert_eq!(
            said(heard),
            [
                ("durable", 0, 5),
                ("fenced", 1, 11),
                ("fenced", 2, 12),
                ("durable", 3, 5),
                ("durable", 0, 6),
                ("durable", 3, 6),
                ("drained", 0, 0),
            ],
            "{overlap}"
        );
    }
}

/// A partition comes back under another ticket; what is said of it later bears that one.
#[test]
fn a_fenced_partition_is_named_with_the_ticket_that_recovered_it_last() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = folder.path().join(name);
        Store::open_at(path.to_str().unwrap(), &BTreeMap::new()).unwrap()
    };
    let stores = || Stores {
        tables: open("out"),
        cells: None,
        state: open("state"),
    };
    let (mut writer, to_write, heard) = writer(8, 16);
    writer.stores = stores();
    let terms = writer.meaning.terms.clone();
    taken_over(&writer.stores, 1, 3);
    let running = std::thread::spawn(move || writer.run());
    for (ticket, partitions) in [(7, vec![0, 1]), (9, vec![1])] {
        to_write.send(Task::Recover { ticket, partitions }).unwrap();
    }
    let recovered = |ticket| match heard.recv().unwrap() {
        Ack::Recovered {
            ticket: own,
            recovered,
        } if own == ticket => recovered,
        other => panic!("{other:?}"),
    };
    let first = recovered(7);
    assert!(first[&0].is_none(), "it was never read");
    let offset = |resumed: &Option<Resumed>| resumed.as_ref().unwrap().saved.ledger.next_offset;
    assert_eq!(offset(&first[&1]), 1_000);
    assert_eq!(recovered(9).into_keys().collect::<Vec<_>>(), [1]);
    for partition in [0, 1] {
        taken_over(&stores(), partition, 40);
        let task = Task::Write(checkpoint(partition, 1, &terms));
        to_write.send(task).unwrap();
    }
    drop(to_write);
    running.join().unwrap().unwrap();
    assert_eq!(said(heard), [("fenced", 0, 7), ("fenced", 1, 9)]);
}

#[test]
fn no_more_commits_than_may_overlap_are_taken_at_once() {
    let (writer, to_write, _heard) = writer(3, 16);
    let terms = writer.meaning.terms.clone();
    for partition in 1..6 {
        let task = Task::Write(checkpoint(partition, 1, &terms));
        to_write.send(task).unwrap();
    }
    let (batch, after) = writer.gather(checkpoint(0, 1, &terms));
    let partitions: Vec<i32> = batch.iter().map(|one| one.partition).collect();
    assert_eq!(partitions, [0, 1, 2]);
    assert!(after.is_none());
    assert_eq!(writer.input.len(), 3);
}

/// The first collection comes with the 64th checkpoint; the head and eight behind it stay.
#[test]
fn old_checkpoints_are_deleted() {
    let (mut writer, _to_write, _heard) = writer(8, 1);
    // Old enough to be deleted is what an earlier millisecond wrote.
    writer.stores.state = Store::in_memory(Duration::from_millis(1));
    let folder = TopicFolder::new("g", "t").chain(0);
    writer.chains.insert(0, Chain::new(folder.clone(), 1));
    let terms = writer.meaning.terms.clone();
    let mut numbers_after = |offset| {
        writer.write(vec![checkpoint(0, offset, &terms)]).unwrap();
        let listed = writer.stores.list(folder.path()).unwrap();
        let numbers = listed.iter().filter_map(|file| folder.seq(&file.path));
        numbers.collect::<Vec<_>>()
    };
    for offset in 0..62 {
        numbers_after(offset);
    }
    assert_eq!(numbers_after(62), (0..63).collect::<Vec<_>>());
    assert_eq!(numbers_after(63), (55..64).collect::<Vec<_>>());
}

/// What comes behind a batch is done after it, and not lost.
#[test]
fn a_drain_is_answered_after_what_came_before_it() {
    let (mut writer, to_write, heard) = writer(8, 8);
    for partition in 0..3 {
        let chain = Chain::new(
            TopicFolder::new("g", "t").chain(partition),
            writer.writer_id,
        );
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
