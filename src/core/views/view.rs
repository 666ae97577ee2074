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
    /// The source, or `__other__` for all that share a view.
    pub source: SourceId,
    /// How long the view is.
    pub window: Span,
    /// How many released windows it adds up. Where there is none, the source has gone silent, or to another instance.
    pub windows: usize,
    /// From when to when these windows go; longer than the view where people are few.
    pub covers: Option<(EventTime, EventTime)>,
    /// Faces that were counted, with or without a vote.
    pub faces: u64,
    /// Detections if any window's votes are.
    pub unit: Unit,
    pub(super) attributes: Vec<(Attribute, AttributeView)>,
}

/// What a view shows of one attribute: the votes of its released windows, added up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributeView {
    /// All votes, hidden ones too, of windows that showed their total.
    pub total: u64,
    /// Votes in all windows: what `total` would be without suppression.
    pub votes: u64,
    /// By category; `None` where no window of the view showed the category.
    pub counts: Vec<Option<u64>>,
    /// By category: all votes of the windows that showed it.
    pub totals: Vec<u64>,
    /// Votes by cell in the windows that showed a category, each window behind its mask. Finer than the counts, so not for
    /// show: what is estimated from them passes [`show_summed_shares`](crate::privacy::show_summed_shares).
    pub evidence: MaskedCounts,
}

impl View {
    /// The votes of one attribute; without any where no window of the view estimated it.
    pub fn attribute(&self, attribute: Attribute) -> AttributeView {
        let found = self.attributes.iter().find(|(name, _)| *name == attribute);
        found.map_or_else(AttributeView::default, |(_, view)| view.clone())
    }
}

impl AttributeView {
    /// The votes for a category in the windows that showed it; `None` where none did.
    pub fn count(&self, category: usize) -> Option<u64> {
        self.counts.get(category).copied().flatten()
    }

    /// The category's part of the votes in the windows that showed it; those that hid it say nothing of it.
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

    /// The part of the votes that is shown.
    pub fn shown_ratio(&self) -> Option<f64> {
        let shown: u64 = self.counts.iter().flatten().sum();
        (self.votes > 0).then(|| shown as f64 / self.votes as f64)
    }
}
