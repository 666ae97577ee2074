//! Rolling views: sums of released panes over the last minute, five minutes, hour. What was hidden in a pane
//! stays hidden in the sum; `coverage` says how much that is.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::Unit;
use crate::{
    config::Span,
    estimate::CellCounts,
    privacy::{Cells, ReleasedPane},
    record::{Attribute, EventTime, SourceId},
};

/// Where the sources go that have no series of their own.
const OTHER: &str = "__other__";

/// The rolling views of all sources.
#[derive(Debug)]
pub struct Rolling {
    spans: Vec<Span>,
    series_max: usize,
    own: HashSet<SourceId>,
    rings: HashMap<SourceId, Vec<Ring>>,
    /// Keeps panes that start together apart: two partitions, or a change of terms.
    panes_seen: u64,
}

/// What one rolling window shows of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub source: SourceId,
    pub window: Span,
    /// Where there is none, the source has gone silent, or to another instance.
    pub panes: usize,
    pub faces: u64,
    /// Detections if any pane's votes are.
    pub unit: Unit,
    attributes: Vec<(Attribute, Shares)>,
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
    /// Votes by cell in the panes that showed their total. Exact, so not for show.
    pub evidence: CellCounts,
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

    pub fn share(&self, category: usize) -> Option<f64> {
        let count = self.count(category)?;
        (self.total > 0).then(|| count as f64 / self.total as f64)
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

/// One window of one source.
#[derive(Debug)]
struct Ring {
    span: Span,
    panes: BTreeMap<(EventTime, u64), Arc<ReleasedPane>>,
    /// The sum of the panes' cells, kept up to date because there are many.
    evidence: [CellCounts; 3],
    /// When the last pane came in, by the wall clock.
    touched: EventTime,
}

impl Rolling {
    pub fn new(spans: &[Span], series_max: usize) -> Self {
        Self {
            spans: spans.to_vec(),
            series_max,
            own: HashSet::new(),
            rings: HashMap::new(),
            panes_seen: 0,
        }
    }

    /// Adds a pane and returns the views that it changes.
    pub fn add(&mut self, pane: ReleasedPane, now: EventTime) -> Vec<View> {
        let key = self.series(&pane.source);
        let rings = self.rings.entry(key.clone()).or_insert_with(|| {
            let ring = |&span| Ring {
                span,
                panes: BTreeMap::new(),
                evidence: Default::default(),
                touched: now,
            };
            self.spans.iter().map(ring).collect()
        });
        self.panes_seen += 1;
        let pane = Arc::new(pane);
        rings
            .iter_mut()
            .map(|ring| {
                ring.add(pane.clone(), self.panes_seen, now);
                ring.view(&key)
            })
            .collect()
    }

    /// Adds panes of before a restart, which were shown already, and returns the views as they are then.
    pub fn restore(&mut self, panes: Vec<ReleasedPane>, now: EventTime) -> Vec<View> {
        let last: BTreeMap<SourceId, Vec<View>> = panes
            .into_iter()
            .map(|pane| (pane.source.clone(), self.add(pane, now)))
            .collect();
        last.into_values().flatten().collect()
    }

    /// Takes out the panes of a partition that somebody else goes on with. Returns the views that changed; those of
    /// sources with no pane left are empty, and the sources are forgotten.
    pub fn forget(&mut self, partition: i32) -> Vec<View> {
        let mut changed = Vec::new();
        for (source, rings) in &mut self.rings {
            for ring in rings.iter_mut() {
                if ring.forget(partition) {
                    changed.push(ring.view(source));
                }
            }
        }
        let own = &mut self.own;
        self.rings.retain(|source, rings| {
            let is_used = rings.iter().any(|ring| !ring.panes.is_empty());
            if !is_used {
                own.remove(source);
            }
            is_used
        });
        changed
    }

    /// Empties the windows whose source has been silent for longer than they are, and returns them.
    pub fn expire(&mut self, now: EventTime) -> Vec<View> {
        let mut changed = Vec::new();
        for (source, rings) in &mut self.rings {
            for ring in rings {
                let is_over = ring.touched.plus(ring.span.as_millis()) <= now;
                if is_over && !ring.panes.is_empty() {
                    ring.panes.clear();
                    ring.evidence = Default::default();
                    changed.push(ring.view(source));
                }
            }
        }
        changed
    }

    /// Whether the source shares its series with others.
    pub fn is_folded(&self, source: &SourceId) -> bool {
        !self.own.contains(source)
    }

    fn series(&mut self, source: &SourceId) -> SourceId {
        if self.own.len() < self.series_max {
            self.own.insert(source.clone());
        }
        if self.own.contains(source) {
            source.clone()
        } else {
            SourceId::new(OTHER)
        }
    }
}

impl Ring {
    fn add(&mut self, pane: Arc<ReleasedPane>, number: u64, now: EventTime) {
        self.touched = now;
        for (attribute, cells) in shown_cells(&pane) {
            self.evidence[attribute as usize].merge(cells);
        }
        self.panes.insert((pane.start, number), pane);
        let newest = self.panes.values().map(|pane| pane.end).max();
        let begin = newest.map_or(EventTime::MIN, |end| end.minus(self.span.as_millis()));
        while let Some(oldest) = self.panes.first_entry() {
            if oldest.key().0 >= begin {
                break;
            }
            for (attribute, cells) in shown_cells(&oldest.remove()) {
                self.evidence[attribute as usize].remove(cells);
            }
        }
    }

    /// Takes out a partition's panes, and says whether there were any.
    fn forget(&mut self, partition: i32) -> bool {
        let gone: Vec<_> = self
            .panes
            .extract_if(.., |_, pane| pane.partition == partition)
            .map(|(_, pane)| pane)
            .collect();
        for pane in &gone {
            for (attribute, cells) in shown_cells(pane) {
                self.evidence[attribute as usize].remove(cells);
            }
        }
        !gone.is_empty()
    }

    fn view(&self, source: &SourceId) -> View {
        let mut sums: BTreeMap<Attribute, Shares> = BTreeMap::new();
        for pane in self.panes.values() {
            for released in &pane.attributes {
                let sum = sums.entry(released.attribute).or_default();
                sum.votes += pane.votes;
                if let Cells::Shown { total, counts } = &released.cells {
                    sum.total += total;
                    sum.add(counts);
                }
            }
        }
        for (&attribute, sum) in &mut sums {
            sum.evidence = self.evidence[attribute as usize].clone();
        }
        let has_detections = self
            .panes
            .values()
            .any(|pane| pane.unit == Unit::Detections);
        View {
            unit: if has_detections {
                Unit::Detections
            } else {
                Unit::Tracks
            },
            source: source.clone(),
            window: self.span,
            panes: self.panes.len(),
            faces: self.panes.values().map(|pane| pane.accounting.faces).sum(),
            attributes: sums.into_iter().collect(),
        }
    }
}

/// The cells of the attributes that show their total.
fn shown_cells(pane: &ReleasedPane) -> impl Iterator<Item = (Attribute, &CellCounts)> {
    let shown = pane
        .attributes
        .iter()
        .filter(|released| released.cells != Cells::Suppressed);
    shown.map(|released| (released.attribute, &released.evidence))
}

impl Shares {
    fn add(&mut self, counts: &[Option<u64>]) {
        self.counts
            .resize(self.counts.len().max(counts.len()), None);
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            if let Some(count) = count {
                *sum = Some(sum.unwrap_or(0) + count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        privacy::{Thresholds, release},
        window::{ClosedBy, ClosedPane, Evidence, Tally},
    };

    /// A pane of a minute in which `women` and `men` were seen.
    fn pane(minute: i64, women: usize, men: usize) -> ReleasedPane {
        let mut tally = Tally::default();
        for place in 0..women + men {
            let mut evidence = Evidence::default();
            let p = if place < women { 0.9 } else { 0.2 };
            evidence.set(Attribute::Gender, &[p, 1.0 - p]);
            tally.vote(&evidence);
        }
        let closed = ClosedPane {
            source: SourceId::new("cam"),
            partition: 0,
            start: EventTime(minute * 60_000),
            end: EventTime((minute + 1) * 60_000),
            by: ClosedBy::Watermark,
            accounting: Default::default(),
            tracks: (women + men) as u64,
            votes: (women + men) as u64,
            unit: Unit::Tracks,
            tally,
        };
        let thresholds = Thresholds::of(&config::Policy::default(), Unit::Tracks);
        release(closed, thresholds)
    }

    #[test]
    fn a_view_holds_the_cells_of_its_panes_that_show_their_total_and_of_no_other() {
        let mut rolling = Rolling::new(&[Span::seconds(120)], 10);
        let mut votes = |pane: ReleasedPane| {
            let now = pane.end;
            let view = rolling.add(pane, now).remove(0);
            view.shares(Attribute::Gender).evidence.votes()
        };
        assert_eq!(votes(pane(0, 20, 10)), 30.0);
        // Too few people: suppressed, and so out of the estimate.
        assert_eq!(votes(pane(1, 2, 1)), 30.0);
        // The first minute has left the window.
        assert_eq!(votes(pane(2, 8, 8)), 16.0);
        let emptied = rolling.expire(EventTime(3 * 60_000 + 120_000)).remove(0);
        assert_eq!(
            emptied.shares(Attribute::Gender).evidence,
            CellCounts::default()
        );
    }
}
