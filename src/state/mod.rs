//! What a partition's log has become so far, and what of it is ready to be published.
//!
//! Promises: an offset is given out for commit only together with the rows that everything before it
//! became. This is the seam for the checkpoint chain: [`Shard`] is one partition's state, and everything
//! it holds is integers and plain values.

mod shard;

pub use shard::{Applied, Publication, Rolling, Shard};
