//! A posterior -> one of few cells: most probable class, runner-up, how far apart they are, and how close behind a
//! third class is.
//!
//! The map depends on the number of classes alone, not on a calibration, so that cells of any two windows of one model
//! can be added, and estimated again with another calibration.

/// Upper edges of ln(first / second); beyond the last is the most confident bin.
const EDGES: [f64; 8] = [0.2, 0.5, 0.9, 1.4, 2.0, 2.7, 3.5, 4.5];
/// Bins of confidence.
pub(super) const BINS: usize = EDGES.len() + 1;
/// Lower edges of ln(second / third): how close behind a third class is.
const THIRDS: [f64; 2] = [0.5, 1.3];
/// Levels of that, the closest first, and what third / second is about in each.
const LEVELS: usize = THIRDS.len() + 1;
const BEHIND: [f64; LEVELS] = [0.8, 0.42, 0.15];
/// What ln(first / second) is about in each bin, for cells that no calibration face fell into.
const CENTRES: [f64; BINS] = [0.1, 0.35, 0.7, 1.15, 1.7, 2.3, 3.1, 4.0, 5.5];

/// The cells of an attribute with so many classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    classes: usize,
}

impl Grid {
    /// At least 2 classes.
    pub fn new(classes: usize) -> Option<Self> {
        (classes >= 2).then_some(Self { classes })
    }

    /// How many classes there are.
    pub fn classes(self) -> usize {
        self.classes
    }

    /// How many cells there are.
    pub fn cells(self) -> usize {
        self.classes * (self.classes - 1) * LEVELS * BINS
    }

    /// The cell of a posterior; of equals the first class wins. Weights need not sum to 1.
    pub fn cell(self, posterior: &[f32]) -> usize {
        debug_assert_eq!(posterior.len(), self.classes);
        let best = |taken: &[usize]| {
            let free = (0..posterior.len()).filter(|class| !taken.contains(class));
            // `max_by` takes the last of equals.
            free.rev()
                .max_by(|&a, &b| posterior[a].total_cmp(&posterior[b]))
        };
        let log = |class: usize| f64::from(posterior[class]).max(1e-9).ln();
        let first = best(&[]).expect("a grid has at least 2 classes");
        let second = best(&[first]).expect("a grid has at least 2 classes");
        let third = best(&[first, second]);
        let level = third.map_or(LEVELS - 1, |third| {
            THIRDS.partition_point(|&edge| edge <= log(second) - log(third))
        });
        let bin = EDGES.partition_point(|&edge| edge < log(first) - log(second));
        let runner_up = second - usize::from(second > first);
        let pair = first * (self.classes - 1) + runner_up;
        (pair * LEVELS + level) * BINS + bin
    }

    /// The predicted class, the runner-up, and the bin of a cell.
    pub(super) fn parts(self, cell: usize) -> (usize, usize, usize) {
        let (pair, bin) = (cell / BINS / LEVELS, cell % BINS);
        let (first, runner_up) = (pair / (self.classes - 1), pair % (self.classes - 1));
        (first, runner_up + usize::from(runner_up >= first), bin)
    }

    /// The class that a naive count gives a cell to.
    pub fn predicted(self, cell: usize) -> usize {
        self.parts(cell).0
    }

    /// A posterior that would fall into the cell.
    pub(super) fn centre(self, cell: usize) -> Vec<f64> {
        let (first, second, bin) = self.parts(cell);
        let mut weights = vec![BEHIND[cell / BINS % LEVELS]; self.classes];
        weights[first] = CENTRES[bin].exp();
        weights[second] = 1.0;
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_knows_winner_runner_up_and_confidence() {
        let grid = Grid::new(3).unwrap();
        assert_eq!(grid.parts(grid.cell(&[0.1, 0.3, 0.6])), (2, 1, 2));
        assert_eq!(grid.parts(grid.cell(&[1.0, 0.0, 0.0])), (0, 1, BINS - 1));
        assert_eq!(grid.parts(grid.cell(&[0.4, 0.2, 0.4])), (0, 2, 0));
        assert_eq!(Grid::new(1), None);
    }

    proptest! {
        #[test]
        fn every_posterior_has_a_cell_and_every_cell_its_centre(
            weights in prop::collection::vec(0.001f32..1.0, 2..9)
        ) {
            let grid = Grid::new(weights.len()).unwrap();
            let cell = grid.cell(&weights);
            prop_assert!(cell < grid.cells());
            let centre: Vec<f32> = grid.centre(cell).iter().map(|&p| p as f32).collect();
            prop_assert_eq!(grid.cell(&centre), cell);
        }
    }
}
