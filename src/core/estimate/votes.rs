//! Votes as estimators take them: numbers for each cell, and how far they are of different people.

use super::{CellCounts, Grid, counts::VOTE};

/// Votes as estimators take them.
#[derive(Debug, Clone, PartialEq)]
pub struct CellVotes {
    /// By cell.
    pub counts: Vec<f64>,
    /// The sums of their posteriors, one row a cell.
    sums: Vec<f64>,
    classes: usize,
    /// So many votes count as an independent one.
    pub design_effect: f64,
    /// The mean square of what a person's votes in a window say on average, where it is known.
    square: Option<f64>,
}

impl CellVotes {
    /// None yet.
    pub fn new(grid: Grid) -> Self {
        Self {
            counts: vec![0.0; grid.cells()],
            sums: vec![0.0; grid.cells() * grid.classes()],
            classes: grid.classes(),
            design_effect: 1.0,
            square: None,
        }
    }

    /// Those that were counted. `None` where a cell lies beyond the grid or has another number of classes.
    pub(super) fn of(counts: &CellCounts, grid: Grid) -> Option<Self> {
        let whole = |parts: u64| parts as f64 / VOTE as f64;
        let of_people = counts.votes() + counts.repeats().within as f64;
        let mut votes = Self {
            design_effect: counts.design_effect(),
            square: Some(whole(counts.squares()) / of_people),
            ..Self::new(grid)
        };
        for (cell, here) in counts.iter() {
            let place = cell as usize;
            *votes.counts.get_mut(place)? = whole(here.parts);
            if here.sums.len() != grid.classes() {
                return None;
            }
            let sums = votes.sums[place * grid.classes()..].iter_mut();
            sums.zip(&here.sums)
                .for_each(|(sum, &parts)| *sum = whole(parts));
        }
        Some(votes)
    }

    /// What the model says of all of them, on average. `None` where nothing is known of it.
    pub(super) fn mean_posterior(&self) -> Option<Vec<f64>> {
        let mut sum = vec![0.0; self.classes];
        for row in self.sums.chunks_exact(self.classes) {
            sum.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
        }
        mean(&sum)
    }

    /// As if the crops of a person were all alike.
    pub(super) fn alike(self) -> Self {
        Self {
            square: None,
            ..self
        }
    }

    /// The mean square of what a person's votes in a window say on average. `None` where it is not known.
    pub(super) fn square(&self) -> Option<f64> {
        self.square
    }

    /// The mean square of what the votes say, each by itself, as far as cells tell them apart.
    pub(super) fn square_of_crops(&self) -> Option<f64> {
        let rows = self.sums.chunks_exact(self.classes).zip(&self.counts);
        let squares = rows.filter(|(_, n)| **n > 0.0).map(|(sums, n)| {
            let square: f64 = sums.iter().map(|sum| sum * sum).sum();
            square / n
        });
        let (squares, votes) = (squares.sum::<f64>(), self.counts.iter().sum::<f64>());
        (squares > 0.0).then(|| squares / votes)
    }

    /// The same of those in one cell.
    pub(super) fn mean_in(&self, cell: usize) -> Option<Vec<f64>> {
        mean(&self.sums[cell * self.classes..][..self.classes])
    }
}

fn mean(sums: &[f64]) -> Option<Vec<f64>> {
    let all: f64 = sums.iter().sum();
    (all > 0.0).then(|| sums.iter().map(|sum| sum / all).collect())
}
