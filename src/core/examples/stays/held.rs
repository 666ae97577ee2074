//! How often intervals hold the truth, and how often the shift test rejects it.

use demograph_core::{
    estimate::{Calibration, CellCounts, CellVotes, MaskedCounts, Method, estimate, shift_p},
    privacy::ReleasedWindow,
    record::SourceId,
    span::Span,
    views::Rolling,
};

use super::source::{ATTRIBUTE, BEGIN, PANE, TRUTH};

/// Of sums of one length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    pub sums: u32,
    /// Intervals that held the truth.
    held: u32,
    tests: u32,
    below_5_percent: u32,
    below_1_permille: u32,
    effects: f64,
}

impl Held {
    pub fn add(&mut self, votes: &CellCounts, calibration: &Calibration) {
        let votes = votes.dense(calibration.grid());
        self.judge(
            &votes.expect("the cells are of the calibration"),
            calibration,
        );
    }

    /// As if all votes were of different people.
    pub fn add_independent(&mut self, votes: &CellCounts, calibration: &Calibration) {
        let mut independent = CellCounts::default();
        for (cell, votes) in votes.iter() {
            independent.add(cell, votes.parts, &votes.sums);
        }
        self.add(&independent, calibration);
    }

    fn judge(&mut self, votes: &CellVotes, calibration: &Calibration) {
        let Some(shares) = estimate(calibration, votes, Method::default()) else {
            return;
        };
        self.sums += 1;
        self.effects += votes.design_effect;
        for (share, truth) in shares.iter().zip(TRUTH) {
            self.held += u32::from((share.low..=share.high).contains(&truth));
        }
        if let Some(p) = shift_p(calibration, votes) {
            self.tests += 1;
            self.below_5_percent += u32::from(p < 0.05);
            self.below_1_permille += u32::from(p < 0.001);
        }
    }

    pub fn coverage(&self) -> f64 {
        f64::from(self.held) / f64::from(self.sums) / TRUTH.len() as f64
    }

    pub fn design_effect(&self) -> f64 {
        self.effects / f64::from(self.sums)
    }

    /// p below 5 %, and below 1 in 1,000; none where there were too few votes to tell.
    pub fn alarms(&self) -> (f64, f64) {
        let part = |n: u32| f64::from(n) / f64::from(self.tests.max(1));
        (part(self.below_5_percent), part(self.below_1_permille))
    }
}

/// The votes of a window.
pub fn votes(window: &ReleasedWindow) -> &CellCounts {
    let mut released = window.content.iter();
    let found = released.find(|released| released.attribute == ATTRIBUTE);
    let found = found.expect("each window has the attribute");
    found.evidence.for_cells_table()
}

/// Sums of the windows that begin in the same span of so many panes.
pub fn sums(windows: &[ReleasedWindow], panes: i64) -> Vec<CellCounts> {
    let mut sums: Vec<(i64, CellCounts)> = Vec::new();
    for window in windows {
        let span = (window.start.0 - BEGIN) / (panes * PANE);
        match sums.last_mut() {
            Some((last, sum)) if *last == span => sum.merge(votes(window)),
            _ => sums.push((span, votes(window).clone())),
        }
    }
    sums.into_iter().map(|(_, sum)| sum).collect()
}

/// What a rolling view of so many panes holds, once in its length, where no window in it hid anything.
pub fn views(windows: &[ReleasedWindow], panes: i64) -> Vec<CellCounts> {
    let length = panes * PANE;
    let mut rolling = Rolling::new(&[Span::seconds(length as u64 / 1_000)], 1);
    rolling.series(&SourceId::new("door"));
    let mut views = Vec::new();
    let mut next = BEGIN + 2 * length;
    for window in windows {
        rolling.add(window.clone(), window.end);
        let changed = rolling.changed();
        if window.end.0 >= next {
            next = window.end.0 + length;
            let evidence = changed
                .iter()
                .map(|view| view.attribute(ATTRIBUTE).evidence);
            let whole = evidence.filter(MaskedCounts::is_whole);
            views.extend(whole.map(|evidence| evidence.shown().clone()));
        }
    }
    views
}
