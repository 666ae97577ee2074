//! What became of the records that a pane or a window stands for: exact totals, no attribute.

use serde::{Deserialize, Serialize};

use crate::{record::Position, reject::Reject};

/// Totals of a pane or a window. Every record is counted in exactly one of faces, spared, late and rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Faces that were counted in time.
    pub faces: u64,
    /// Crops that were seen in time and not estimated: their track had enough.
    pub spared: u64,
    /// Faces whose own pane was closed when they came. They are counted here and in no category.
    pub late: u64,
    /// In the order of [`Reject::ALL`].
    pub(crate) rejected: [u64; Reject::ALL.len()],
    /// The offset of the first record.
    pub first_offset: i64,
    /// The offset after the last record. Records of other windows may lie in between.
    pub next_offset: i64,
}

impl Default for Accounting {
    fn default() -> Self {
        Self {
            faces: 0,
            spared: 0,
            late: 0,
            rejected: [0; Reject::ALL.len()],
            first_offset: i64::MAX,
            next_offset: i64::MIN,
        }
    }
}

impl Accounting {
    /// So many faces, and nothing else.
    #[cfg(any(test, feature = "testing"))]
    pub fn of_faces(faces: u64) -> Self {
        Self {
            faces,
            ..Self::default()
        }
    }

    /// All records that it stands for.
    pub fn records(&self) -> u64 {
        self.seen() + self.late + self.rejected()
    }

    /// Faces that were there in time, looked at or not.
    pub fn seen(&self) -> u64 {
        self.faces + self.spared
    }

    /// Rejected records, whatever the reason.
    pub fn rejected(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// The reasons that occurred.
    pub fn rejected_by_reason(&self) -> impl Iterator<Item = (Reject, u64)> {
        Reject::ALL
            .into_iter()
            .zip(self.rejected)
            .filter(|&(_, n)| n > 0)
    }

    /// Counts a rejected record.
    pub fn reject(&mut self, reason: Reject) {
        self.rejected[reason as usize] += 1;
    }

    /// Takes in what became of other records.
    pub fn merge(&mut self, other: &Self) {
        self.faces += other.faces;
        self.spared += other.spared;
        self.late += other.late;
        let rejected = self.rejected.iter_mut().zip(other.rejected);
        rejected.for_each(|(records, more)| *records += more);
        self.first_offset = self.first_offset.min(other.first_offset);
        self.next_offset = self.next_offset.max(other.next_offset);
    }

    /// Widens the range of offsets, so that it holds this record.
    pub fn cover(&mut self, position: Position) {
        self.first_offset = self.first_offset.min(position.offset);
        self.next_offset = self.next_offset.max(position.next_offset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_place_of_its_own() {
        for (place, reason) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
