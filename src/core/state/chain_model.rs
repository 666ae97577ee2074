//! The chain's protocol, every interleaving of it: two owners at once on the real code, with a store that may lose an
//! acknowledgement or fail, crashes between any two requests, and collection of old checkpoints.
//!
//! The partition is reduced to what the protocol sees: a log of records. Each is folded into an open pane. Silence puts
//! the pane into a window that grows, and the end puts either into the outbox. So a state is small, and all of them can be
//! visited.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{
    memory::{Luck, Memory},
    *,
};
use crate::{
    facts::ModelFacts,
    privacy::{Policy, PolicyRules, ReleasedWindow},
    record::{EventTime, Position, SourceId},
    window::{Evidence, Growth, Observation, Settings},
};

/// Records in the log.
const LOG: i64 = 1;
const SETTINGS: Settings = Settings {
    idle_after: 0,
    sources_max: 1,
    ..Settings::EXAMPLE
};

/// A record waits in a window until somebody ends the stream.
const GROWING: Settings = Settings {
    growth: Growth {
        people_min: 2,
        hour_min: 2,
        rest_min: 2,
        ..Growth::NONE
    },
    ..SETTINGS
};

/// What one owner holds in memory.
#[derive(Debug, Clone)]
struct Owner {
    chain: Chain,
    saved: Saved,
    commit: Option<(Commit, Saved)>,
}

#[derive(Debug, Clone)]
struct World {
    settings: Settings,
    store: Memory,
    owners: [Option<Owner>; 2],
    attempts: u64,
}

pub(super) fn folder() -> ChainFolder {
    TopicFolder::new("g", "t").chain(0)
}

pub(super) fn terms() -> Terms {
    let facts = ModelFacts {
        id: "m".into(),
        has_age: false,
        gender: vec![],
        ethnicity: vec![],
    };
    Terms::example(&facts, &Policy::new(&PolicyRules::default(), &[]))
}

fn face(offset: i64) -> Observation {
    Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(0),
        source: SourceId::new("cam"),
        time: EventTime(0),
        stated: None,
        id: None,
        track: None,
        judged: None,
        outcome: Ok(Evidence::default()),
    }
}

/// The one table file of a checkpoint: whose it is, and how many records its rows stand for.
fn table(commit: &Commit, outbox: &[ReleasedWindow]) -> TableFile {
    TableFile {
        path: format!("windows/{}", commit.seq()),
        bytes: format!("{} {}", commit.origin(), checkpoint::records(outbox)).into_bytes(),
    }
}

impl World {
    /// Every state that may come next, and whether a request of the chain was lost in it.
    fn next(&self, attempts_max: u64) -> Vec<Self> {
        let mut next = Vec::new();
        for place in 0..2 {
            match &self.owners[place] {
                None => next.push(self.recovered(place)),
                Some(owner) => {
                    // A crash, or a rebalance.
                    next.push(self.with(place, None));
                    match &owner.commit {
                        Some(_) => self.stepped(place, &mut next),
                        None => self.worked(place, owner, attempts_max, &mut next),
                    }
                }
            }
        }
        // What is old goes, at any time and in any order, because a deletion may fail: all but the head.
        let mut old: Vec<_> = self.store.checkpoints.borrow().keys().cloned().collect();
        old.pop();
        for path in old {
            let mut collected = self.clone();
            collected.store.checkpoints.get_mut().remove(&path);
            next.push(collected);
        }
        next
    }

    fn with(&self, place: usize, owner: Option<Owner>) -> Self {
        let mut world = self.clone();
        world.owners[place] = owner;
        world
    }

    /// An owner looks where to go on, and publishes what the head was to publish.
    fn recovered(&self, place: usize) -> Self {
        let mut world = self.clone();
        let mut chain = Chain::new(folder(), place as u64);
        let saved = match chain.recover(&world.store).unwrap() {
            None => Saved::beginning(0),
            Some(saved) => {
                if saved.publish {
                    let head = chain.head().unwrap();
                    let file = TableFile {
                        path: format!("windows/{}", head.seq),
                        bytes: format!("{} {}", head.origin(), saved.waiting()).into_bytes(),
                    };
                    publish(&world.store, &file, &head.origin()).unwrap();
                }
                saved.once_published()
            }
        };
        world.owners[place] = Some(Owner {
            chain,
            saved,
            commit: None,
        });
        world
    }

    /// One request of a commit that is under way, with every luck.
    fn stepped(&self, place: usize, next: &mut Vec<Self>) {
        for luck in [Luck::Good, Luck::Silent, Luck::Failed, Luck::Conflict] {
            let mut world = self.clone();
            let mut owner = world.owners[place].take().unwrap();
            let (mut commit, saved) = owner.commit.take().unwrap();
            let before = commit.step();
            let creates = matches!(before, CommitStep::Create | CommitStep::Publish(_));
            if luck != Luck::Good && !creates {
                continue;
            }
            world.store.luck.set(luck);
            let result = commit.advance(&world.store);
            world.store.luck.set(Luck::Good);
            match result {
                Ok(CommitStep::Done) => {
                    owner.chain.advance(&commit);
                    owner.saved = saved.once_published();
                }
                Ok(_) | Err(Halt::Store(_)) => owner.commit = Some((commit, saved)),
                Err(Halt::Fenced) => {
                    next.push(world);
                    continue;
                }
                Err(other) => panic!("{other}"),
            }
            world.owners[place] = Some(owner);
            next.push(world);
        }
    }

    /// An owner between two checkpoints: it folds a record, closes what is open, or begins a checkpoint.
    fn worked(&self, place: usize, owner: &Owner, attempts_max: u64, next: &mut Vec<Self>) {
        let shard = || {
            Shard::begin(
                0,
                owner.saved.clone(),
                self.settings,
                Arc::new(terms()),
                &TrackKey::example(),
            )
        };
        let changed = |mut shard: Shard| {
            let checkpoint = shard.checkpoint(EventTime(0), false);
            Owner {
                saved: Saved::decode(&checkpoint.saved).unwrap(),
                ..owner.clone()
            }
        };
        let mut folded = shard();
        if folded.next_offset() < LOG {
            folded.apply(face(folded.next_offset()));
            next.push(self.with(place, Some(changed(folded))));
        }
        let mut grown = shard();
        let is_open = grown.windows().sources().open_panes() > 0;
        if self.settings == GROWING && is_open {
            assert!(grown.close_idle(EventTime(GROWING.pane)).is_empty());
            assert_eq!(grown.windows().sources().growing(), 1);
            next.push(self.with(place, Some(changed(grown))));
        }
        let mut closed = shard();
        if !closed.end().is_empty() {
            next.push(self.with(place, Some(changed(closed))));
        }
        if self.attempts < attempts_max {
            for publish in [false, true] {
                let checkpoint = shard().checkpoint(EventTime(0), publish);
                let is_published = checkpoint.publication.is_some();
                if publish && !is_published {
                    continue;
                }
                let mut world = self.clone();
                world.attempts += 1;
                // What stands for the writer's random number.
                let chain = owner.chain.clone().written_by(world.attempts);
                let mut commit = chain.commit(&checkpoint.saved, is_published, EventTime(0));
                if let Some(outbox) = &checkpoint.publication {
                    let file = table(&commit, &outbox.windows);
                    commit = commit.with_tables(vec![file]);
                }
                let saved = Saved::decode(&checkpoint.saved).unwrap();
                world.owners[place] = Some(Owner {
                    commit: Some((commit, saved)),
                    ..owner.clone()
                });
                next.push(world);
            }
        }
    }

    /// What must hold in every state.
    fn check(&self) {
        let checkpoints = self.store.checkpoints.borrow();
        let Some((path, bytes)) = checkpoints.last_key_value() else {
            assert!(self.store.tables.borrow().is_empty());
            return;
        };
        let (header, saved) = decode(bytes).unwrap();
        assert!(saved.is_conserved(), "{path}: {saved:?}");
        let published: u64 = self
            .store
            .tables
            .borrow()
            .iter()
            .filter(|(path, _)| **path != format!("windows/{}", header.seq))
            .map(|(_, text)| rows(text))
            .sum();
        assert_eq!(
            published, saved.ledger.published,
            "published before {path}, and what its ledger says"
        );
    }

    /// Whether every record stands in a published row, exactly once.
    fn is_complete(&self) -> bool {
        self.store
            .tables
            .borrow()
            .values()
            .map(|text| rows(text))
            .sum::<u64>()
            == LOG as u64
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.store.checkpoints.borrow().hash(&mut hasher);
        self.store.tables.borrow().hash(&mut hasher);
        format!("{:?}", self.owners).hash(&mut hasher);
        self.attempts.hash(&mut hasher);
        hasher.finish()
    }
}

fn rows(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).unwrap();
    text.split_once(' ').unwrap().1.parse().unwrap()
}

/// Visits every state with at most so many checkpoint attempts; returns how many there are and how many are complete.
fn visit(settings: Settings, attempts_max: u64) -> (usize, usize) {
    let mut complete = 0;
    let first = World {
        settings,
        store: Memory::default(),
        owners: [None, None],
        attempts: 0,
    };
    let mut seen = HashSet::from([first.digest()]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        world.check();
        complete += usize::from(world.is_complete());
        for next in world.next(attempts_max) {
            if seen.insert(next.digest()) {
                queue.push_back(next);
            }
        }
    }
    (seen.len(), complete)
}

#[test]
fn no_interleaving_of_two_owners_loses_or_doubles_a_record() {
    for (settings, attempts_max) in [(SETTINGS, 3), (GROWING, 2)] {
        let (states, complete) = visit(settings, attempts_max);
        println!("{states} states, {complete} of them complete");
        assert!(states > 5_000, "{states} states are not every interleaving");
        assert!(complete > 0, "no state has everything published");
    }
}
