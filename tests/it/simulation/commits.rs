//! Commits of the simulation: a publication has one table, the state that was published.

use demograph_core::{
    record::EventTime,
    state::{Chain, Checkpoint, Commit, TableFile},
};

/// The commit of a checkpoint.
pub fn commit(chain: &Chain, checkpoint: Checkpoint) -> Commit {
    let publish = checkpoint.publication.is_some();
    let commit = chain.commit(&checkpoint.saved, publish, EventTime(0));
    if !publish {
        return commit;
    }
    let seq = commit.seq();
    let file = table(
        checkpoint.partition,
        seq,
        &commit.origin(),
        &checkpoint.saved,
    );
    commit.with_tables(vec![file])
}

/// The one table: the state that was published, with its windows, hours and days.
pub fn table(partition: i32, seq: u64, origin: &str, saved: &[u8]) -> TableFile {
    TableFile {
        path: format!("windows/p{partition}-{seq:020}"),
        bytes: [origin.as_bytes(), b" ", saved].concat(),
    }
}
