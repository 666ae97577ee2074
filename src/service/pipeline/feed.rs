//! What flows between the stages. One closed enum, so that a new signal does not compile until each stage
//! has an answer to it; numbered, so that parallel workers cannot change the order.

use std::collections::{BTreeMap, HashMap};

use demograph_core::{
    privacy::ReleasedWindow,
    record::EventTime,
    state::{LogIdentity, Start},
};

/// Data, or a signal that keeps its place among the data.
#[derive(Debug)]
pub enum Feed<T> {
    Data(T),
    /// Everything that the broker has of a partition was read: what comes next has this offset.
    Reached {
        partition: i32,
        next_offset: i64,
    },
    /// The wall clock has moved on.
    Tick(Tick),
    /// Partitions to begin with.
    Assigned(Vec<Beginning>),
    /// Partitions to write down and give up.
    Revoked(Vec<i32>),
    /// Partitions whose stream has ended: to close, publish and give up.
    Ended(Vec<i32>),
    /// Partitions to forget: somebody else has them already.
    Lost(Vec<i32>),
}

/// Where a partition begins, and the panes that were released before.
#[derive(Debug)]
pub struct Beginning {
    pub partition: i32,
    pub start: Start,
    /// Which log it is read from.
    pub log: LogIdentity,
    pub history: Vec<ReleasedWindow>,
}

/// What the reader knows at a moment.
#[derive(Debug)]
pub struct Tick {
    pub now: EventTime,
    /// Partitions where silence means that nothing was sent: every record was read. With the moment up to which the
    /// silence was heard.
    pub silent: BTreeMap<i32, EventTime>,
    /// The end of each partition's log.
    pub ends: HashMap<i32, i64>,
}

/// A feed with its place in the order of reading.
#[derive(Debug)]
pub struct Numbered<T> {
    pub number: u64,
    pub feed: Feed<T>,
}

/// Puts numbered things back into order. Holds only what overtook something: at most what may be under way.
#[derive(Debug)]
pub struct Order<T> {
    next: u64,
    waiting: BTreeMap<u64, Feed<T>>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl<T> Order<T> {
    pub fn put(&mut self, item: Numbered<T>) {
        self.waiting.insert(item.number, item.feed);
    }

    /// The next in order, if it has arrived.
    pub fn take(&mut self) -> Option<Feed<T>> {
        let feed = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(feed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_overtakes_comes_out_in_order(numbers in Just((0u64..40).collect::<Vec<_>>()).prop_shuffle()) {
            let mut order = Order::default();
            let mut out = Vec::new();
            for number in numbers {
                order.put(Numbered { number, feed: Feed::Data(number) });
                while let Some(Feed::Data(n)) = order.take() {
                    out.push(n);
                }
            }
            prop_assert_eq!(out, (0..40).collect::<Vec<_>>());
        }
    }
}
