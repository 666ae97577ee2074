//! What one rolling view shows of one source: sums of what its windows showed.

use crate::{
    estimate::MaskedCounts,
    privacy::Cells,
    record::{Attribute, EventTime, SourceId},
    span::Span,
    window::Unit,
};

/// What one rolling view shows of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub source: SourceId,
    pub window: Span,
    /// How many released windows it adds up. Where there is none, the source has gone silent, or to another instance.
    pub panes: usize,
    /// From when to when these windows go; longer than the view where people are few.
    pub covers: Option<(EventTime, EventTime)>,
    pub faces: u64,
    /// Detections if any pane's votes are.
    pub unit: Unit,
    pub(super) attributes: Vec<(Attribute, Shares)>,
}

/// The released votes of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shares {
    /// All votes, hidden ones too, of panes that showed their total.
    pub total: u64,
    /// Votes in all panes: what `total` would be without suppression.
    pub votes: u64,
    /// By category; `None` where no pane of the window showed the category.
    pub counts: Vec<Option<u64>>,
    /// By category: all votes of the panes that showed it.
    pub totals: Vec<u64>,
    /// Votes by cell in the panes that showed a category, each pane behind its mask. Finer than the counts, so not for show:
    /// what is estimated from them passes [`show_summed_shares`](crate::privacy::show_summed_shares).
    pub evidence: MaskedCounts,
}

impl View {
    /// Nothing where the window holds no such votes.
    pub fn shares(&self, attribute: Attribute) -> Shares {
        let found = self.attributes.iter().find(|(name, _)| *name == attribute);
        found.map_or_else(Shares::default, |(_, shares)| shares.clone())
    }
}

impl Shares {
    pub fn count(&self, category: usize) -> Option<u64> {
        self.counts.get(category).copied().flatten()
    }

    /// The category's part of the votes in the panes that showed it; those that hid it say nothing of it.
    pub fn share(&self, category: usize) -> Option<f64> {
        let count = self.count(category)?;
        let total = *self.totals.get(category)?;
        (total > 0).then(|| count as f64 / total as f64)
    }

    /// The sums in the words of disclosure control.
    pub fn cells(&self) -> Cells {
        Cells::Shown {
            total: self.total,
            counts: self.counts.clone(),
        }
    }

    /// Part of the votes that the shown cells stand for.
    pub fn coverage(&self) -> Option<f64> {
        let shown: u64 = self.counts.iter().flatten().sum();
        (self.votes > 0).then(|| shown as f64 / self.votes as f64)
    }
}
