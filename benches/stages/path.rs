//! The stages round inference: batcher, window fold, checkpoint chain, Parquet rows.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use anyhow::Context;
use crossbeam_channel::bounded;
use demograph_core::{
    choose::{CropsMax, Spans},
    estimate::Calibrations,
    record::{EventTime, Position, Record},
    state::{
        Chain, Commit, CommitStep, Publication, Saved, Shard, TableFile, Terms, TopicFolder,
        TrackKey,
    },
};
use demograph_model::{
    decode::Limits,
    infer::{Model, StubModel},
};
use demograph_service::{
    config,
    metrics::Metrics,
    pipeline::{Front, Looked, Meaning, Numbered, Order, Sign, Worker},
    sink::{self, Provenance, Store, Stores, Table},
};
use serde_json::json;

use crate::{
    inference, median_cost, print_row,
    scene::{self, BEGIN, PANES, SETTINGS, Scene},
};

const ROUNDS: usize = 5;
/// Those of two cores.
const WORKERS: usize = 2;
const BATCH_MAX: usize = 8;

/// Records opened, then through the channel into two workers' batches and back into order. Refused by the policy, so that
/// nothing but opening and order is measured; spared, all but one; then decoded, images of 16 x 16 pixels for the stub model.
pub fn batcher() -> anyhow::Result<()> {
    let mut image = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(16, 16).write_to(&mut image, image::ImageFormat::Png)?;
    let image = image.into_inner();
    for (row, (key, track), events) in [
        (
            "batcher, records that the policy refuses",
            ("nobody", None),
            200_000,
        ),
        (
            "batcher, crops of a track that are spared",
            ("camera-00000", Some("7")),
            200_000,
        ),
        (
            "batcher, 16 x 16 PNG and stub model",
            ("camera-00000", None),
            50_000,
        ),
    ] {
        let records = || {
            (0..events)
                .map(|n| record(n, (key, track), &image))
                .collect()
        };
        let models = || (0..WORKERS).map(|_| Box::new(StubModel::default()) as Box<dyn Model>);
        let workers = || Workers {
            models: models().collect(),
            batch_max: BATCH_MAX,
        };
        let both = || (workers(), records());
        let cost = median_cost(ROUNDS, both, |(workers, records)| workers.run(records));
        let more = json!({"workers": WORKERS, "batch_max": BATCH_MAX});
        print_row(row, cost, events, more);
    }
    Ok(())
}

pub fn record(number: usize, (key, track): (&str, Option<&str>), payload: &[u8]) -> Record {
    let track = track.map(|track| ("ce_trackid".to_owned(), Some(track.into())));
    Record {
        position: Position {
            partition: 0,
            offset: number as i64,
        },
        timestamp: Some(EventTime(BEGIN)),
        received: EventTime(BEGIN),
        key: Some(key.as_bytes().to_vec()),
        headers: track.into_iter().collect(),
        payload: payload.to_vec(),
    }
}

/// Workers between a reader that has all records and a fold that counts them.
pub struct Workers {
    pub models: Vec<Box<dyn Model>>,
    pub batch_max: usize,
}

impl Workers {
    pub fn run(self, records: Vec<Record>) {
        let Self { models, batch_max } = self;
        let policy = scene::policy(1);
        let facts = models.first().expect("a worker").facts().clone();
        let meaning = Meaning {
            terms: scene::terms(&policy, &facts, &SETTINGS),
            policy: Arc::new(policy),
            calibrations: Arc::default(),
        };
        let (to_work, from_read) = bounded(2 * models.len() * batch_max);
        let (to_fold, from_work) = bounded(16);
        let metrics = Metrics::new();
        let limits = Limits {
            payload_bytes_max: 512 * 1024,
            image_side_min: 16,
            image_side_max: 2048,
            future_max: 60_000,
            past_max: 30 * 86_400_000,
        };
        let mut front = Front {
            limits,
            policy: meaning.policy.clone(),
            track_key: TrackKey::of("no secret: the key of the benchmark")
                .expect("it is long enough"),
            crops_max: CropsMax::new(3),
            spans: Spans {
                pane: 10_000,
                lateness_max: 10_000,
            },
            partitions: Default::default(),
        };
        front.begin(0, &Saved::beginning(0));
        let worker = |model| Worker {
            model,
            batch_max,
            batch_wait_max: Duration::ZERO,
            core: None,
            limits,
            meaning: meaning.clone(),
            input: from_read.clone(),
            output: to_fold.clone(),
            sign: Sign::default(),
            metrics: metrics.clone(),
        };
        let workers: Vec<Worker> = models.into_iter().map(worker).collect();
        drop(from_read);
        let sent = records.len();
        thread::scope(|scope| {
            for worker in workers {
                scope.spawn(move || worker.run().expect("the model runs"));
            }
            let fold = scope.spawn(move || {
                let mut order = Order::default();
                let mut taken = 0;
                for items in from_work {
                    items.into_iter().for_each(|item| order.put(item));
                    while order.take().is_some() {
                        taken += 1;
                    }
                }
                taken
            });
            // As the reader does.
            let mut passing = Vec::new();
            for (number, record) in records.into_iter().enumerate() {
                let number = number as u64;
                match front.look(record) {
                    Looked::Candidate(item) => {
                        let item = Numbered { number, item };
                        to_work.send(item).expect("the workers take all");
                    }
                    Looked::Done(item) => passing.push(Numbered { number, item }),
                    Looked::Presence(_) => unreachable!("all are faces"),
                }
                if passing.len() == 64 {
                    let passing = std::mem::take(&mut passing);
                    to_fold.send(passing).expect("the fold takes all");
                }
            }
            to_fold.send(passing).expect("the fold takes all");
            drop((to_work, to_fold));
            let taken: usize = fold.join().expect("nothing panics");
            assert_eq!(taken, sent, "what is sent comes back");
        });
    }
}

/// Observations into panes and released panes, a partition's whole state.
pub fn fold() {
    for scene in [
        Scene {
            sources: 10,
            faces_a_pane: 100,
            panes: 200,
        },
        Scene {
            sources: 10_000,
            faces_a_pane: 10,
            panes: 3,
        },
    ] {
        let terms = scene::terms(&scene::policy(scene.sources), &scene::facts(), &SETTINGS);
        let observations = scene.observations(&terms);
        let mut panes = 0;
        let cost = median_cost(
            ROUNDS,
            || (scene::begin(&terms, SETTINGS), observations.clone()),
            |(mut shard, observations)| {
                for observation in observations {
                    shard.apply(observation);
                }
                shard.end();
                panes = closed(&mut shard);
            },
        );
        let row = format!("fold, {} sources", scene.sources);
        print_row(&row, cost, observations.len(), json!({"panes": panes}));
    }
}

/// How many windows a partition has released and not published.
fn closed(shard: &mut Shard) -> usize {
    let checkpoint = shard.checkpoint(EventTime(BEGIN), true);
    checkpoint.publication.map_or(0, |rows| rows.windows.len())
}

/// The checkpoint of a partition with 200 sources, open panes and an outbox that is published: encoded, created, the
/// head checked, its two tables created, in a folder. The store's requests are part of it, to the kernel and back.
pub fn chain() -> anyhow::Result<()> {
    const COMMITS: usize = 32;
    let scene = Scene {
        sources: 200,
        faces_a_pane: 20,
        panes: 4,
    };
    let policy = scene::policy(scene.sources);
    let terms = scene::terms(&policy, &scene::facts(), &PANES);
    let observations = scene.observations(&terms);
    let mut bytes = 0;
    let cost = median_cost(
        ROUNDS,
        || {
            let shards = (0..COMMITS).map(|_| {
                let mut shard = scene::begin(&terms, PANES);
                for observation in observations.clone() {
                    shard.apply(observation);
                }
                shard
            });
            (Folder::new(), shards.collect::<Vec<_>>())
        },
        |(folder, shards)| {
            let mut chain = Chain::new(TopicFolder::new("bench", "faces").chain(0), 1);
            for mut shard in shards {
                let commit = commit(&chain, &mut shard, &terms);
                bytes = folder.carry_through(commit, &mut chain);
            }
        },
    );
    let sizes = json!({"sources": scene.sources, "state_bytes": bytes});
    print_row("chain, one commit with two tables", cost, COMMITS, sizes);
    Ok(())
}

fn commit(chain: &Chain, shard: &mut Shard, terms: &Arc<Terms>) -> (Commit, usize) {
    let checkpoint = shard.checkpoint(EventTime(BEGIN), true);
    let commit = chain.commit(&checkpoint.saved, true, EventTime(BEGIN));
    let rows = checkpoint.publication.expect("windows were closed");
    let provenance = Provenance {
        terms: terms.clone(),
        calibrations: Arc::default(),
    };
    let name = sink::part_name("bench", "faces", 0, commit.seq());
    let files = [Table::Demographics, Table::Windows].map(|table| {
        let facts = [(sink::CHECKPOINT, commit.origin())];
        TableFile {
            path: sink::part_path(table, "2026-01-01", &name),
            bytes: sink::encode(&table.rows(&rows, &provenance), &facts).expect("rows fit"),
        }
    });
    (commit.with_tables(files.to_vec()), checkpoint.saved.len())
}

/// A store that vanishes.
struct Folder {
    stores: Stores,
    _folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let output = config::Output {
            url: folder.path().display().to_string(),
            ..Default::default()
        };
        let open = || Store::open(&output).expect("a folder can be opened");
        Self {
            stores: Stores {
                tables: open(),
                state: open(),
                cells: None,
            },
            _folder: folder,
        }
    }

    /// Takes every step; returns the size of the state.
    fn carry_through(&self, (mut commit, bytes): (Commit, usize), chain: &mut Chain) -> usize {
        while commit.step() != CommitStep::Done {
            commit
                .advance(&self.stores)
                .expect("nobody else writes here");
        }
        chain.advance(&commit);
        bytes
    }
}

/// Released windows to rows and to the bytes of a file: without estimates, and with the shipped model's calibration, where
/// each pane and attribute has shares, intervals and a shift test.
pub fn rows() -> anyhow::Result<()> {
    let scene = Scene {
        sources: 200,
        faces_a_pane: 100,
        panes: 10,
    };
    let terms = scene::terms(&scene::policy(scene.sources), &scene::facts(), &PANES);
    let released = Publication {
        windows: scene.released(&terms),
        periods: Vec::new(),
    };
    let calibrated = scene::calibrations(&model())?;
    for (row, table, calibrations) in [
        (
            "rows, demographics without estimates",
            Table::Demographics,
            Calibrations::default(),
        ),
        (
            "rows, demographics with estimates",
            Table::Demographics,
            calibrated,
        ),
        ("rows, windows", Table::Windows, Calibrations::default()),
    ] {
        let provenance = Provenance {
            terms: terms.clone(),
            calibrations: Arc::new(calibrations),
        };
        write(row, table, &released, &provenance).context(row)?;
    }
    Ok(())
}

fn write(
    row: &str,
    table: Table,
    released: &Publication,
    provenance: &Provenance,
) -> anyhow::Result<()> {
    let count = table.rows(released, provenance).num_rows();
    let mut bytes = 0;
    let cost = median_cost(
        ROUNDS,
        || (),
        |()| {
            let rows = table.rows(released, provenance);
            bytes = sink::encode(&rows, &[]).expect("rows fit").len();
        },
    );
    let windows = released.windows.len();
    let more = json!({"windows": windows, "bytes_per_row": bytes as f64 / count as f64});
    print_row(row, cost, count, more);
    Ok(())
}

fn model() -> PathBuf {
    inference::model_folder()
}
