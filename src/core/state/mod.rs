//! The state of one Kafka partition, the unit of order, of checkpoints and of files, and the chain that keeps it.
//!
//! Promises: an offset below `next_offset` is never folded again; every record that was read is accounted for exactly
//! once, in published rows, in the outbox or in an open pane; what is published was checkpointed before.

mod chain;
mod checkpoint;
mod first_start;
mod identity;
mod names;
mod shard;
mod terms;
mod track_key;
mod wire;

#[cfg(test)]
mod chain_model;
#[cfg(test)]
mod chain_tests;
#[cfg(any(test, feature = "testing"))]
pub mod memory;

pub use chain::{
    Chain, Commit, CommitStep, Created, Halt, Head, Listed, Objects, TableFile, publish,
};
pub use checkpoint::{Damage, Hash, Header, Ledger, Saved, decode, hash};
pub use first_start::FirstStart;
pub use identity::{LogIdentity, OtherLog};
pub use names::{ChainFolder, TopicFolder, plain};
pub use shard::{Applied, Cadence, Checkpoint, Publication, Shard};
pub use terms::Terms;
pub use track_key::{Fingerprint, OtherKey, TrackKey};
