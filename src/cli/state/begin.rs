//! `demograph state reset` and `adopt`: checkpoints that begin a partition at an offset that a person chose, or behind what
//! the tables hold.

use anyhow::{Context, bail};
use demograph_core::state::{Chain, CommitStep, Saved, Terms, TopicFolder};
use demograph_service::{
    clock,
    config::Config,
    sink::{self, Remains, Stores},
};

/// What a person asks for.
pub(super) struct Order {
    pub partition: i32,
    /// Whether it is to be done, not only told.
    pub yes: bool,
}

/// Begins a partition again at an offset.
pub(super) fn reset(
    config: &Config,
    stores: &Stores,
    order: Order,
    offset: i64,
) -> anyhow::Result<()> {
    let partition = order.partition;
    let mut chain = chain(config, partition);
    let terms = match chain.recover(stores)? {
        Some(saved) => {
            let next_offset = saved.ledger.next_offset;
            let left = saved.once_published();
            let (open, waiting) = (left.sources.records(), left.waiting());
            println!(
                "partition {partition}: next offset {next_offset} -> {offset}; {open} records in open panes, {waiting} in the \
                 outbox and {} unfinished hours and days are given up. Windows of these hours and days that are in \
                 `demographics` are in no row of `hourly` and `daily`",
                left.periods.unfinished()
            );
            left.terms
        }
        None => {
            let left = left(config, stores, partition)?;
            let files = left.as_ref().map_or(0, |left| left.files);
            println!(
                "partition {partition}: has no checkpoint and begins at offset {offset}; {files} files in the tables hold \
                 rows of it, and records from that offset on that they stand for are counted again"
            );
            chain = behind(chain, left.as_ref());
            Terms::none()
        }
    };
    // Without a topic's id: it goes on with the topic that is read next.
    let saved = Saved {
        terms,
        ..Saved::beginning(offset)
    };
    write(stores, &chain, saved, &order)
}

/// Begins partitions whose chain is lost behind what the tables hold of them.
pub(super) fn adopt(config: &Config, stores: &Stores, order: Order) -> anyhow::Result<()> {
    let partition = order.partition;
    let mut chain = chain(config, partition);
    if chain.recover(stores)?.is_some() {
        bail!("partition {partition} has a chain: there is nothing to adopt");
    }
    let Some(left) = left(config, stores, partition)? else {
        bail!("the tables hold nothing of partition {partition}: the service begins it by itself");
    };
    let offset = left.next_offset.with_context(|| {
        format!(
            "files such as {} may hold rows of other topics too: find the offset yourself, and use `demograph state reset \
             --offset`",
            left.example
        )
    })?;
    println!(
        "partition {partition}: begins at offset {offset}, behind what {} files hold of it; records before it that are in no \
         file were lost with the checkpoints, and so were sums of hours and days that are in no file",
        left.files
    );
    let chain = behind(chain, Some(&left));
    write(stores, &chain, Saved::beginning(offset), &order)
}

fn chain(config: &Config, partition: i32) -> Chain {
    let topic = TopicFolder::new(&config.kafka.group, &config.kafka.topic);
    Chain::new(topic.chain(partition), rand::random())
}

fn left(config: &Config, stores: &Stores, partition: i32) -> anyhow::Result<Option<Remains>> {
    sink::remains(&stores.tables, &config.kafka.topic, partition)
}

/// Numbers that files in the tables carry are not used again.
fn behind(chain: Chain, left: Option<&Remains>) -> Chain {
    match left {
        Some(left) => chain.behind(left.seq),
        None => chain,
    }
}

fn write(stores: &Stores, chain: &Chain, saved: Saved, order: &Order) -> anyhow::Result<()> {
    if !order.yes {
        bail!("nothing was changed: say --yes to do it");
    }
    let mut commit = chain.commit(&saved.encode(), false, clock::now());
    while commit.advance(stores)? != CommitStep::Done {}
    println!("done: checkpoint {}", commit.seq());
    Ok(())
}
