//! Released windows added up: what every view, hour and day is made of.
//!
//! Promises: a category's count is that of the windows that showed it; votes are added behind the mask of their window, so
//! that a sum says no more of hidden categories than its windows did.

use serde::{Deserialize, Serialize};

use super::AttributeView;
use crate::{
    estimate::MaskedCounts,
    privacy::{Cells, ReleasedAttribute, ReleasedWindow},
    record::Attribute,
    window::Unit,
};

/// Windows added up; what was added can be taken out again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sums {
    windows: usize,
    faces: u64,
    votes: u64,
    /// Windows whose votes are detections.
    detections: usize,
    attributes: [Sum; 3],
}

/// One attribute of windows added up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Sum {
    windows: usize,
    votes: u64,
    total: u64,
    categories: Vec<Category>,
    evidence: MaskedCounts,
}

/// One category in the windows that showed it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Category {
    windows: usize,
    votes: u64,
    /// The totals of these windows: what `votes` is a part of.
    total: u64,
}

impl Sums {
    /// Adds one window.
    pub fn add(&mut self, window: &ReleasedWindow) {
        self.windows += 1;
        self.faces += window.accounting.seen();
        self.votes += window.votes;
        self.detections += usize::from(window.unit == Unit::Detections);
        for released in &window.content {
            self.attributes[released.attribute as usize].add(window.votes, released);
        }
    }

    /// Takes out what was added.
    pub fn subtract(&mut self, added: &Self) {
        self.windows -= added.windows;
        self.faces -= added.faces;
        self.votes -= added.votes;
        self.detections -= added.detections;
        for (sum, added) in self.attributes.iter_mut().zip(&added.attributes) {
            sum.subtract(added);
        }
    }

    /// How many windows there are.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Their faces.
    pub fn faces(&self) -> u64 {
        self.faces
    }

    /// Their votes, shown and hidden.
    pub fn votes(&self) -> u64 {
        self.votes
    }

    /// Detections if the votes of any window are.
    pub fn unit(&self) -> Unit {
        match self.detections {
            0 => Unit::Tracks,
            _ => Unit::Detections,
        }
    }

    /// The attributes that were estimated, and what may be shown of each.
    pub fn attributes(&self) -> impl Iterator<Item = (Attribute, AttributeView)> + '_ {
        let sums = Attribute::ALL.into_iter().zip(&self.attributes);
        let known = sums.filter(|(_, sum)| sum.windows > 0);
        known.map(|(attribute, sum)| (attribute, sum.view()))
    }

    /// How many rows of categories these are, at least one an attribute.
    pub fn rows(&self) -> usize {
        let known = self.attributes.iter().filter(|sum| sum.windows > 0);
        known.map(|sum| sum.categories.len().max(1)).sum()
    }

    /// Keeps these attributes only.
    pub fn retain(&mut self, is_kept: impl Fn(Attribute) -> bool) {
        for (attribute, sum) in Attribute::ALL.into_iter().zip(&mut self.attributes) {
            if !is_kept(attribute) {
                *sum = Sum::default();
            }
        }
    }
}

impl Sum {
    fn add(&mut self, votes: u64, released: &ReleasedAttribute) {
        self.windows += 1;
        self.votes += votes;
        let Cells::Shown { total, counts } = &released.cells else {
            return;
        };
        self.total += total;
        self.evidence
            .merge(&released.evidence.for_sums(&released.cells));
        let length = self.categories.len().max(counts.len());
        self.categories.resize(length, Category::default());
        for (sum, count) in self.categories.iter_mut().zip(counts) {
            if let Some(count) = count {
                sum.windows += 1;
                sum.votes += count;
                sum.total += total;
            }
        }
    }

    fn subtract(&mut self, added: &Self) {
        self.windows -= added.windows;
        self.votes -= added.votes;
        self.total -= added.total;
        self.evidence.remove(&added.evidence);
        for (sum, added) in self.categories.iter_mut().zip(&added.categories) {
            sum.windows -= added.windows;
            sum.votes -= added.votes;
            sum.total -= added.total;
        }
    }

    fn view(&self) -> AttributeView {
        let shown = |category: &Category| (category.windows > 0).then_some(category.votes);
        AttributeView {
            total: self.total,
            votes: self.votes,
            counts: self.categories.iter().map(shown).collect(),
            totals: self.categories.iter().map(|one| one.total).collect(),
            evidence: self.evidence.clone(),
        }
    }
}
