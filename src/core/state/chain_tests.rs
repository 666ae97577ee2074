//! The chain by examples: what a commit costs, which old checkpoints go, what history is, whose a table is.

use super::{
    chain_model::{folder, terms},
    memory::{Asked, Luck, Memory},
    *,
};
use crate::{privacy::ReleasedWindow, record::EventTime};

fn saved(outbox: Vec<ReleasedWindow>, publish: bool) -> Saved {
    Saved {
        log: Default::default(),
        track_key: None,
        terms: terms(),
        ledger: Ledger::beginning(0),
        sources: Default::default(),
        chosen: Default::default(),
        outbox,
        periods: Default::default(),
        publish,
    }
}

/// One checkpoint more.
fn grow(chain: &mut Chain, store: &Memory, saved: &Saved) {
    let mut commit = chain.commit(&saved.encode(), saved.publish, EventTime(0));
    while commit.advance(store).unwrap() != CommitStep::Done {}
    chain.advance(&commit);
}

/// What the store is asked for by a piece of work.
fn asked(store: &Memory, work: impl FnOnce()) -> Asked {
    store.asked.set(Asked::default());
    work();
    store.asked.get()
}

#[test]
fn a_commit_asks_for_the_same_however_long_the_chain_is() {
    let store = Memory::default();
    let mut chain = Chain::new(folder(), 1);
    let saved = saved(Vec::new(), false);
    for _ in 0..3_000 {
        let commit = asked(&store, || grow(&mut chain, &store, &saved));
        assert_eq!(
            commit,
            Asked {
                requests: 2,
                names: 0
            }
        );
    }
    // Nothing is old enough: one page is looked at, and not the whole day.
    let look = || assert_eq!(chain.collect(&store, 8, EventTime(0)).unwrap(), 0);
    assert_eq!(
        asked(&store, look),
        Asked {
            requests: 1,
            names: 1_000
        }
    );
}

/// What stayed when a deletion failed has the lowest numbers, so later collections meet it.
#[test]
fn what_a_collection_left_behind_goes_with_a_later_one() {
    let store = Memory::default();
    let mut chain = Chain::new(folder(), 1);
    for _ in 0..2_500 {
        grow(&mut chain, &store, &saved(Vec::new(), false));
    }
    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(chain.collect(&store, 8, EventTime(1)).unwrap());
    }
    assert_eq!(gone, [1_000, 1_000, 491, 0]);
    assert_eq!(store.checkpoints.borrow().len(), 9);
}

#[test]
fn a_table_of_another_chain_is_not_taken_for_ones_own() {
    let store = Memory::default();
    let file = |text: &str| TableFile {
        path: "windows/0".into(),
        bytes: text.as_bytes().to_vec(),
    };
    publish(&store, &file("a 1"), "a").unwrap();
    publish(&store, &file("a 1"), "a").unwrap();
    let error = publish(&store, &file("b 1"), "b").unwrap_err();
    assert!(matches!(error, Halt::Foreign { .. }), "{error}");
}

/// S3 answers so (409) while another attempt to create is under way.
#[test]
fn a_table_that_is_said_to_be_there_and_is_not_is_asked_for_again() {
    let store = Memory::default();
    store.luck.set(Luck::Conflict);
    let file = TableFile {
        path: "windows/0".into(),
        bytes: b"a 1".to_vec(),
    };
    let error = publish(&store, &file, "a").unwrap_err();
    assert!(matches!(error, Halt::Store(_)), "{error}");
    publish(&store, &file, "a").unwrap();
}

#[test]
fn old_checkpoints_go_but_not_the_head_and_not_what_is_young() {
    let store = Memory::default();
    let mut chain = Chain::new(folder(), 1);
    for _ in 0..5 {
        grow(&mut chain, &store, &saved(Vec::new(), false));
    }
    assert_eq!(chain.collect(&store, 1, EventTime(0)).unwrap(), 0);
    assert_eq!(chain.collect(&store, 1, EventTime(1)).unwrap(), 3);
    let left: Vec<_> = store.checkpoints.borrow().keys().cloned().collect();
    assert!(
        left[0].ends_with("00003.ckpt") && left[1].ends_with("00004.ckpt"),
        "{left:?}"
    );
}

#[test]
fn history_is_what_the_publications_held() {
    let store = Memory::default();
    let mut chain = Chain::new(folder(), 1);
    let window = |minute: i64| ReleasedWindow::empty(minute * 60_000, (minute + 1) * 60_000);
    for minute in 0..6 {
        // Every second checkpoint publishes the windows of two minutes.
        let publish = minute % 2 == 1;
        let outbox = match publish {
            true => vec![window(minute - 1), window(minute)],
            false => vec![window(minute)],
        };
        grow(&mut chain, &store, &saved(outbox, publish));
    }
    let starts = |since: i64| {
        let windows = chain
            .history(&store, &terms(), EventTime(since * 60_000))
            .unwrap();
        let mut starts: Vec<i64> = windows
            .iter()
            .map(|window| window.start.0 / 60_000)
            .collect();
        starts.sort_unstable();
        starts
    };
    assert_eq!(starts(0), [0, 1, 2, 3, 4, 5]);
    assert_eq!(starts(3), [3, 4, 5]);
    assert_eq!(starts(6), [0; 0]);
    // Counted on other terms, a window is no history of today's: an attribute may have been revoked.
    let mut revoked = terms();
    revoked.policy = "other@1".into();
    assert_eq!(chain.history(&store, &revoked, EventTime(0)).unwrap(), []);
}

#[test]
fn a_file_of_another_name_among_the_checkpoints_stops_nothing() {
    let store = Memory::default();
    let mut chain = Chain::new(folder(), 1);
    grow(&mut chain, &store, &saved(Vec::new(), false));
    for stray in ["0.bak", "zzz.ckpt"] {
        let path = format!("state/v1/g/t/p=0/{stray}");
        store.checkpoints.borrow_mut().insert(path, Vec::new());
    }
    grow(&mut chain, &store, &saved(Vec::new(), false));
    let mut again = Chain::new(folder(), 2);
    assert!(again.recover(&store).unwrap().is_some());
    assert_eq!(again.head(), chain.head());
    assert_eq!(again.head().unwrap().seq, 1);
    assert_eq!(chain.collect(&store, 0, EventTime(1)).unwrap(), 1);
    assert_eq!(store.checkpoints.borrow().len(), 3);
}
