//! What flows from the reader to the fold: records through the workers, signals past them. Both are numbered in the order
//! of reading, and the fold takes them in that order.

use std::collections::{BTreeMap, HashMap};

use demograph_core::{
    privacy::ReleasedWindow,
    record::{EventTime, Position},
    state::Saved,
    window::Observation,
};

/// What the fold takes.
#[derive(Debug)]
pub enum Feed {
    Data(Observation),
    Signal(Signal),
}

/// What the reader tells the fold between two records.
#[derive(Debug)]
pub enum Signal {
    /// Everything that the broker has of a partition was read: what comes next has this offset.
    Reached { partition: i32, next_offset: i64 },
    /// A presence event was read.
    Presence(Position),
    /// The wall clock has moved on.
    Tick(Tick),
    /// Partitions to begin with.
    Assigned(Vec<Resumed>),
    /// Partitions to write down and give up.
    Revoked(Vec<i32>),
    /// Partitions whose stream has ended: to close, publish and give up.
    Ended(Vec<i32>),
    /// Partitions to forget: somebody else has them already.
    Lost(Vec<i32>),
}

/// A partition that is taken up.
#[derive(Debug)]
pub struct Resumed {
    pub partition: i32,
    pub saved: Saved,
    /// Windows that were released before, for the rolling views.
    pub history: Vec<ReleasedWindow>,
}

impl Resumed {
    /// A partition that begins at this offset.
    pub fn beginning(partition: i32, offset: i64) -> Self {
        Self {
            partition,
            saved: Saved::beginning(offset),
            history: Vec::new(),
        }
    }
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

/// An item with its place in the order of reading.
#[derive(Debug)]
pub struct Numbered<T> {
    pub number: u64,
    pub item: T,
}

impl<T> Numbered<T> {
    /// Another item in its place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Numbered<U> {
        Numbered {
            number: self.number,
            item: change(self.item),
        }
    }
}

/// Puts numbered things back into order. Holds only what overtook something: at most what may be under way.
#[derive(Debug)]
pub struct Order<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
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
        self.waiting.insert(item.number, item.item);
    }

    /// The next in order, if it has arrived.
    pub fn take(&mut self) -> Option<T> {
        let item = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(item)
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
                order.put(Numbered { number, item: number });
                while let Some(n) = order.take() {
                    out.push(n);
                }
            }
            prop_assert_eq!(out, (0..40).collect::<Vec<_>>());
        }
    }
}
