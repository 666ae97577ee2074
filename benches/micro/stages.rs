//! What is neither decoding nor inference: folding into windows and releasing, a step of the chain, rows and Parquet.

use std::sync::Arc;

use demograph::{
    config::{self, Weighting},
    infer::{Model, StubModel},
    privacy::{Policy, ReleasedPane},
    record::{Attribute, EventTime, Position, SourceId},
    sink::{self, Provenance, Store, Stores, Table},
    state::{Applied, Chain, Shard, Start, Step, Terms},
    window::{Categories, Evidence, Observation, Settings},
};

use super::{microseconds, say};

const EVENTS: i64 = 50_000;
/// Events of a second of event time: what two cores can read.
const PER_SECOND: i64 = 1_500;
const SETTINGS: Settings = Settings {
    pane: 10_000,
    lateness_max: 10_000,
    idle_after: 30_000,
    sources_max: 20_000,
    weighting: Weighting::People,
};

fn terms() -> Arc<Terms> {
    let model = StubModel::default();
    let categories = Categories::new(&[0, 18, 25, 35, 45, 55, 65], model.facts());
    let policy = Policy::new(&config::Policy::default(), &[]);
    Arc::new(Terms::new("stub", &policy, (categories, &SETTINGS)))
}

fn shard(terms: &Arc<Terms>) -> Shard {
    let start = Start::At(0);
    Shard::begin(0, start, (SETTINGS, terms.clone()), EventTime(0))
}

fn observations(sources: i64) -> Vec<Observation> {
    let mut evidence = Evidence::default();
    evidence.set(Attribute::Age, &[0.1, 0.1, 0.5, 0.2, 0.05, 0.03, 0.02]);
    evidence.set(Attribute::Gender, &[0.9, 0.1]);
    evidence.set(Attribute::Ethnicity, &[0.7, 0.1, 0.1, 0.05, 0.05]);
    let names: Vec<SourceId> = (0..sources)
        .map(|n| SourceId::new(&format!("camera-{n}")))
        .collect();
    let one = |offset: i64| Observation {
        position: Position {
            partition: 0,
            offset,
        },
        received: EventTime(0),
        source: names[(offset % sources) as usize].clone(),
        time: EventTime(offset * 1_000 / PER_SECOND),
        track: None,
        outcome: Ok(evidence.clone()),
    };
    (0..EVENTS).map(one).collect()
}

/// Records into panes, panes released, for few sources and for many.
pub fn fold() -> anyhow::Result<()> {
    let terms = terms();
    for sources in [10, 10_000] {
        let observations = observations(sources);
        let us = microseconds(observations.len(), || {
            let mut shard = shard(&terms);
            for observation in observations.iter().cloned() {
                shard.apply(observation);
            }
            shard.end();
            Ok(())
        })?;
        say(&format!("fold_{sources}_sources"), us);
    }
    Ok(())
}

fn panes(terms: &Arc<Terms>, sources: i64) -> Vec<ReleasedPane> {
    let mut shard = shard(terms);
    let mut panes = Vec::new();
    for observation in observations(sources) {
        if let Applied::Counted(_, released) = shard.apply(observation) {
            panes.extend(released);
        }
    }
    panes.extend(shard.end());
    panes
}

/// Released panes into rows and those into a file's bytes; microseconds a row.
pub fn rows() -> anyhow::Result<()> {
    let terms = terms();
    let panes = panes(&terms, 1_000);
    let provenance = Provenance {
        terms,
        calibrations: Arc::default(),
    };
    for table in [Table::Demographics, Table::Windows] {
        let count = table.rows(&panes, &provenance).num_rows();
        let us = microseconds(count, || {
            let rows = table.rows(&panes, &provenance);
            std::hint::black_box(sink::encode(&rows, &[])?);
            Ok(())
        })?;
        say(&format!("row_{}", table.name()), us);
    }
    Ok(())
}

/// A checkpoint of a thousand sources from state to done, in a folder with fsync: CPU, not the disk's time.
pub fn chain() -> anyhow::Result<()> {
    let terms = terms();
    let folder = tempfile::tempdir()?;
    let open = || Store::open_at(&folder.path().display().to_string(), &Default::default());
    let stores = Stores {
        tables: open()?,
        state: open()?,
    };
    let mut shard = shard(&terms);
    for observation in observations(1_000) {
        shard.apply(observation);
    }
    let mut chain = Chain::new(("bench", "topic"), 0, 1);
    let us = microseconds(1, || {
        let checkpoint = shard.checkpoint(EventTime(0), false);
        let mut commit = chain.commit(&checkpoint.saved, false, EventTime(0));
        while commit.advance(&stores)? != Step::Done {}
        chain.advance(&commit);
        Ok(())
    })?;
    say("checkpoint_1000_sources", us);
    Ok(())
}
