//! The exact votes of a window that was released. They serve estimates and are not shown.

use std::fmt;

use super::{Cells, ShownShares, masked, show_shares};
use crate::estimate::{CellCounts, Estimator, MaskedCounts};

/// Votes by cell of the posterior, and the sums of the posteriors: exact, so not for show. Each door is for one use;
/// `tests/it/layers.rs` lists who may open which.
#[derive(Clone, PartialEq, Default)]
pub struct Sealed(CellCounts);

impl Sealed {
    /// Puts votes under seal.
    pub fn of(votes: CellCounts) -> Self {
        Self(votes)
    }

    /// The door to what is shown: shares, no finer than the counts beside them.
    pub fn shares(
        &self,
        shown: &Cells,
        estimator: Option<Estimator<'_>>,
        k_cell: u64,
    ) -> ShownShares {
        show_shares(shown, &self.0, estimator, k_cell)
    }

    /// The door to sums of windows: behind the mask of the window's counts.
    pub(crate) fn for_sums(&self, shown: &Cells) -> MaskedCounts {
        masked(shown, &self.0)
    }

    /// The door to checkpoints.
    pub(crate) fn for_state(&self) -> &CellCounts {
        &self.0
    }

    /// The door to the table `cells`, which is written only where the config asks for it.
    pub fn for_cells_table(&self) -> &CellCounts {
        &self.0
    }
}

/// Says nothing of what it holds.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}
