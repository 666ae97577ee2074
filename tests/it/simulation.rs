//! The whole core, single-threaded and seeded: disorder, poison, two owners at once, crashes between any two requests
//! to a store that loses answers, checkpoints, collection. The oracle is a naive group-by over the log.
//! A failing seed is printed; `SEED=n cargo test --test it simulation` runs it again.

mod commits;
mod log;
mod tables;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use commits::{commit, table};
use demograph_core::{
    choose::Chooser,
    record::EventTime,
    reject::Reject,
    state::{
        Applied, Chain, Commit, CommitStep, Halt, Saved, Shard, Terms, TopicFolder, TrackKey,
        memory::{Luck, Memory},
        publish,
    },
    window::{Categories, Growth, Observation, Settings},
};
use demograph_model::infer::{Model, StubModel};
use log::{PARTITIONS, Seen, Totals, growth};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tables::{Bounds, periods_add_up, published};

const PANE: i64 = 10_000;
const SETTINGS: Settings = Settings {
    pane: PANE,
    lateness_max: 15_000,
    idle_after: 40_000,
    sources_max: 50,
    weighting: demograph_core::window::Weighting::People,
    untracked: demograph_core::window::Untracked::Count,
    ..Settings::EXAMPLE
};
/// All owners have one key.
fn key() -> TrackKey {
    TrackKey::of("no secret: the key of the simulation").unwrap()
}

/// The most actions before the calm.
const ACTIONS: usize = 1_500;

/// Things that must happen in some seed, or the simulation shows nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Sometimes {
    late: u64,
    rejected: u64,
    replayed: u64,
    /// A create found the number taken by another owner.
    lost_the_create: u64,
    /// A checkpoint was written, and a newer one was there.
    failed_the_head_check: u64,
    /// An answer was lost, and the checkpoint was found to be one's own.
    read_back: u64,
    /// A recovery published what its predecessor had only written down.
    republished: u64,
    crashed_within_a_commit: u64,
    two_owners: u64,
    collected: u64,
    future: u64,
    past: u64,
    /// A start with panes or windows of another length cut the open ones.
    settled: u64,
    /// A window was released that is longer than a pane.
    grown: u64,
    /// A start went on with a window that was growing.
    grew_on: u64,
    /// A start of other terms cut a window that was growing.
    cut_growing: u64,
    /// Rows of hours beyond one a source and partition.
    hours: u64,
    spared: u64,
    /// A start went on with tracks that had enough crops, or some.
    chose_on: u64,
    /// What had been read ahead of the fold was lost, and chosen again.
    chosen_again: u64,
}

/// One process' hold on a partition.
struct Owner {
    chain: Chain,
    shard: Shard,
    commit: Option<Commit>,
    /// What stands before decoding, ahead of the fold.
    chooser: Chooser,
    /// Read, and not folded.
    ahead: VecDeque<Observation>,
}

/// A partition: its log, its chain, and who believes to own it.
struct Partition {
    number: i32,
    log: Vec<Seen>,
    owners: [Option<Owner>; 2],
}

struct World {
    rng: StdRng,
    store: Memory,
    terms: Terms,
    growth: Growth,
    has_silence: bool,
    /// Each start has windows of its own.
    has_changes: bool,
    sometimes: Sometimes,
}

#[test]
fn whatever_happens_every_record_is_counted_once_and_where_it_belongs() {
    let mut all = Vec::new();
    for seed in seeds() {
        all.push(simulate(seed));
    }
    let sum = |get: fn(&Sometimes) -> u64| all.iter().map(get).sum::<u64>();
    for (what, n) in [
        ("late", sum(|s| s.late)),
        ("rejected", sum(|s| s.rejected)),
        ("replayed", sum(|s| s.replayed)),
        ("lost the create", sum(|s| s.lost_the_create)),
        ("failed the head check", sum(|s| s.failed_the_head_check)),
        ("read back", sum(|s| s.read_back)),
        ("republished", sum(|s| s.republished)),
        (
            "crashed within a commit",
            sum(|s| s.crashed_within_a_commit),
        ),
        ("two owners", sum(|s| s.two_owners)),
        ("collected", sum(|s| s.collected)),
        ("from the future", sum(|s| s.future)),
        ("long past", sum(|s| s.past)),
        ("settled", sum(|s| s.settled)),
        ("grown", sum(|s| s.grown)),
        ("grew on", sum(|s| s.grew_on)),
        ("cut while it grew", sum(|s| s.cut_growing)),
        ("hours", sum(|s| s.hours)),
        ("spared", sum(|s| s.spared)),
        ("chose on", sum(|s| s.chose_on)),
        ("chosen again", sum(|s| s.chosen_again)),
    ] {
        println!("{what}: {n}");
        assert!(n > 0 || all.len() == 1, "{what} never happened");
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch for developers")]
fn seeds() -> Vec<u64> {
    let chosen = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    chosen.map_or_else(|| (1..=24).collect(), |seed| vec![seed])
}

fn simulate(seed: u64) -> Sometimes {
    let mut rng = StdRng::seed_from_u64(seed);
    let policy = log::policy();
    let model = StubModel::default();
    let categories = Categories::new(&[0, 18, 65], model.facts());
    let logs = log::logs(&mut rng, &policy, &categories);
    let terms = Terms::new("stub", &policy, categories.clone(), &SETTINGS);
    let mut world = World {
        rng,
        store: Memory::default(),
        terms,
        // Where panes close by silence, or are of changing lengths, which faces are late depends on when; the number of
        // faces does not.
        has_silence: seed.is_multiple_of(2),
        has_changes: seed.is_multiple_of(3),
        // Every other seed with neither, and half of those with one of them.
        growth: growth(if seed % 12 < 6 { 3 } else { 0 }),
        sometimes: Sometimes::default(),
    };
    let mut partitions: Vec<Partition> = (0..PARTITIONS)
        .zip(logs)
        .map(|(number, log)| Partition {
            number,
            log,
            owners: [None, None],
        })
        .collect();
    for _ in 0..ACTIONS {
        let partition = world.rng.random_range(0..partitions.len());
        world.act(&mut partitions[partition]);
    }
    for partition in &mut partitions {
        world.calm_down(partition);
        let (published, windows) = published(&world.store, partition.number);
        world.sometimes.hours += periods_add_up(&world.store, partition.number);
        let is_long = |window: &&Bounds| window.2 - window.1 > PANE;
        world.sometimes.grown += windows.iter().filter(is_long).count() as u64;
        let mut expected = log::group_by(&partition.log);
        world.sometimes.late += published.late;
        world.sometimes.spared += published.spared;
        world.sometimes.rejected += published.rejected.values().sum::<u64>();
        let rejected = |reason| published.rejected.get(&reason).copied().unwrap_or_default();
        world.sometimes.future += rejected(Reject::FutureTime);
        world.sometimes.past += rejected(Reject::PastTime);
        let whole = |totals: &Totals| {
            let rejected = totals.rejected.values().sum::<u64>();
            totals.faces + totals.spared + totals.late + rejected
        };
        assert_eq!(whole(&published), partition.log.len() as u64, "seed {seed}");
        assert_eq!(
            certain(&published, world.has_changes),
            certain(&expected.totals, world.has_changes),
            "seed {seed}"
        );
        assert!(published.late <= expected.disordered, "seed {seed}");
        if !world.has_silence && !world.has_changes {
            expected.totals.votes = expected.votes(&windows, &categories);
            assert_eq!(published, expected.totals, "seed {seed}");
        }
    }
    world.sometimes
}

/// The rejects that do not depend on which crops are decoded. A start with other panes chooses anew.
fn certain(totals: &Totals, has_changes: bool) -> BTreeMap<Reject, u64> {
    let mut rejected = totals.rejected.clone();
    if has_changes {
        rejected.remove(&Reject::NotAnImage);
    }
    rejected
}

impl World {
    /// One thing that happens to a partition.
    fn act(&mut self, partition: &mut Partition) {
        let place = self.rng.random_range(0..2);
        let Some(owner) = &mut partition.owners[place] else {
            if self.rng.random_ratio(1, 6) {
                self.sometimes.two_owners += u64::from(partition.owners[1 - place].is_some());
                let owner = self.recover(partition.number);
                partition.owners[place] = Some(owner);
            }
            return;
        };
        if self.rng.random_ratio(1, 60) {
            self.sometimes.crashed_within_a_commit += u64::from(owner.commit.is_some());
            let is_spared = |ahead: &&Observation| ahead.is_spared();
            self.sometimes.chosen_again += owner.ahead.iter().filter(is_spared).count() as u64;
            partition.owners[place] = None;
            return;
        }
        if owner.commit.is_some() {
            let owner = partition.owners[place].take().expect("it was just there");
            partition.owners[place] = self.step(owner);
            return;
        }
        match self.rng.random_range(0..10) {
            0..6 => {
                let batch = self.rng.random_range(1..12);
                self.fold(&partition.log, owner, batch);
            }
            6 if self.has_silence => {
                let last = owner.shard.next_offset() as usize;
                let now = partition.log.get(last).map_or(0, |seen| seen.received().0);
                owner.shard.close_idle(EventTime(now));
            }
            7 if self.rng.random_ratio(1, 3) => {
                let deleted = owner.chain.collect(&self.store, 1, EventTime(1));
                self.sometimes.collected += deleted.unwrap() as u64;
            }
            _ => {
                let publish = self.rng.random_ratio(1, 3);
                let checkpoint = owner.shard.checkpoint(EventTime(0), publish);
                owner.commit = Some(commit(&owner.chain, checkpoint));
            }
        }
    }

    /// One request of a commit; what remains of the owner after it.
    fn step(&mut self, mut owner: Owner) -> Option<Owner> {
        let mut commit = owner.commit.take().expect("a commit is under way");
        self.store.luck.set(match self.rng.random_range(0..12) {
            0 => Luck::Silent,
            1 => Luck::Failed,
            _ => Luck::Good,
        });
        let before = commit.step();
        let result = commit.advance(&self.store);
        self.store.luck.take();
        match result {
            Ok(CommitStep::Done) => owner.chain.advance(&commit),
            Ok(step) => {
                self.sometimes.read_back +=
                    u64::from(before == CommitStep::ReadBack && step == CommitStep::HeadCheck);
                owner.commit = Some(commit);
            }
            Err(Halt::Store(_)) => owner.commit = Some(commit),
            Err(Halt::Fenced) => {
                match before {
                    CommitStep::HeadCheck => self.sometimes.failed_the_head_check += 1,
                    _ => self.sometimes.lost_the_create += 1,
                }
                return None;
            }
            Err(other) => panic!("{other}"),
        }
        Some(owner)
    }

    fn recover(&mut self, partition: i32) -> Owner {
        let settings = self.settings();
        let terms = Arc::new(Terms {
            pane: settings.pane,
            people_min: settings.growth.people_min,
            window_max: settings.growth.window_max,
            ..self.terms.clone()
        });
        loop {
            let mut chain = Chain::new(
                TopicFolder::new("g", "t").chain(partition),
                self.rng.random(),
            );
            let saved = match chain.recover(&self.store).unwrap() {
                None => Saved::beginning(0),
                Some(saved) => {
                    self.publish_head(partition, &chain, &saved);
                    match self.settled(&chain, (partition, saved), (&terms, &settings)) {
                        Some(saved) => saved,
                        // There is a newer checkpoint now.
                        None => continue,
                    }
                }
            };
            let chosen = saved.chosen.clone();
            self.sometimes.chose_on += u64::from(chosen.tracks() > 0);
            return Owner {
                chain,
                chooser: Chooser::resume(settings.spans(), chosen),
                shard: Shard::begin(partition, saved, settings, terms, &key()),
                commit: None,
                ahead: VecDeque::new(),
            };
        }
    }

    /// What the next start is configured with.
    fn settings(&mut self) -> Settings {
        let one_of = |rng: &mut StdRng, values: [i64; 3]| values[rng.random_range(0..3)];
        match self.has_changes {
            false => Settings {
                growth: self.growth,
                ..SETTINGS
            },
            true => Settings {
                growth: match self.growth.people_min {
                    0 => Growth::NONE,
                    _ => growth(one_of(&mut self.rng, [2, 3, 100]) as u64),
                },
                pane: one_of(&mut self.rng, [2_000, PANE, 3_600_000]),
                lateness_max: one_of(&mut self.rng, [0, 15_000, 100_000]),
                idle_after: one_of(&mut self.rng, [1_000, 40_000, 600_000]),
                ..SETTINGS
            },
        }
    }

    fn publish_head(&mut self, partition: i32, chain: &Chain, saved: &Saved) {
        if saved.publish {
            let head = chain.head().unwrap();
            let file = table(partition, head.seq, &head.origin(), &saved.encode());
            let is_new = !self.store.tables.borrow().contains_key(&file.path);
            self.sometimes.republished += u64::from(is_new);
            publish(&self.store, &file, &head.origin()).unwrap();
        }
    }

    /// What was saved, on the terms of this start. Nothing where what was open had to be written down first.
    fn settled(
        &mut self,
        chain: &Chain,
        (partition, saved): (i32, Saved),
        (terms, settings): (&Arc<Terms>, &Settings),
    ) -> Option<Saved> {
        let is_growing = u64::from(saved.sources.growing() > 0);
        if saved.terms == **terms {
            self.sometimes.grew_on += is_growing;
            return Some(saved);
        }
        let cut = Shard::settle(
            partition,
            saved.clone(),
            settings,
            &key(),
            terms,
            EventTime(0),
        );
        if cut.publication.is_some() {
            self.sometimes.settled += 1;
            self.sometimes.cut_growing += is_growing;
            let mut commit = commit(chain, cut);
            while !matches!(
                commit.advance(&self.store),
                Ok(CommitStep::Done) | Err(Halt::Fenced)
            ) {}
            return None;
        }
        Some(Saved {
            terms: (**terms).clone(),
            ..saved.once_published()
        })
    }

    /// Folds what comes next, and now and then what was folded already. The reader is ahead.
    fn fold(&mut self, log: &[Seen], owner: &mut Owner, batch: usize) {
        for _ in 0..batch {
            let next = owner.shard.next_offset() as usize;
            if next > 0 && self.rng.random_ratio(1, 40) {
                let again = &log[self.rng.random_range(0..next)];
                // It is in no memory but this one's.
                let again = again.through(&mut Chooser::new(SETTINGS.spans()));
                assert_eq!(owner.shard.apply(again), Applied::Replayed);
                self.sometimes.replayed += 1;
            }
            let until = next + self.rng.random_range(1..30);
            let unread = log.iter().take(until).skip(next + owner.ahead.len());
            for seen in unread {
                owner.ahead.push_back(seen.through(&mut owner.chooser));
            }
            let Some(observation) = owner.ahead.pop_front() else {
                return;
            };
            owner.shard.apply(observation);
        }
    }

    /// Nothing breaks any more: a last owner reads to the end, closes and publishes everything.
    fn calm_down(&mut self, partition: &mut Partition) {
        partition.owners = [None, None];
        let mut owner = self.recover(partition.number);
        self.fold(&partition.log, &mut owner, partition.log.len());
        owner.shard.end();
        let checkpoint = owner.shard.checkpoint(EventTime(0), true);
        let mut commit = commit(&owner.chain, checkpoint);
        while commit.advance(&self.store).unwrap() != CommitStep::Done {}
    }
}
