//! How detections without a track depend on one another: nobody says which are the same person's, but people who stay
//! make what is seen differ more between spans of time than independent faces would.
//!
//! Panes are added up to blocks of 1, 4, 16 and 64 panes. Each block is compared with one of 64 panes that lies at least
//! that long before it, so that few people are in both and shares have had little time to change. How much more they
//! differ than independent faces is the design effect at this length. A window is judged by what was known when it
//! began: its own faces change no bit of it.
//!
//! Promises: integers; a few numbers a source, whatever was seen.

use serde::{Deserialize, Serialize};

use super::Tally;
use crate::{
    estimate::{VOTE, part_inside},
    record::Attribute,
};

/// The lengths of blocks, in panes.
const LENGTHS: [i64; 4] = [1, 4, 16, 64];
const LONGEST: usize = LENGTHS.len() - 1;
/// What was seen is forgotten by half when so many of the longest blocks were compared: about a day of panes of 10 s.
const BLOCKS_MAX: u64 = 256;
/// What the config assumes counts as so many of the longest blocks.
const ASSUMED_BLOCKS: f64 = 1.0;
/// Posteriors are summed in thousandths, their squares in millionths.
const STEPS: u64 = 1_000;

/// What is known of the detections of a source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Bursts([Series; 3]);

/// Of one attribute.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Series {
    scales: [Scale; LENGTHS.len()],
    /// The last but one of the longest blocks, and the last one.
    ended: [Block; 2],
    /// Design effects at the lengths of blocks, in hundredths, as they were known when the last window ended; 0 before.
    known: [u64; LENGTHS.len()],
}

/// Blocks of one length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Scale {
    /// The number of the block that is open.
    number: i64,
    open: Block,
    /// Of the blocks that were compared: the squared distances from what was expected by the block before.
    squares: u128,
    /// What independent faces would have made of them: by the faces of the blocks, and by those they were compared with.
    independent: u128,
    independent_before: u128,
    blocks: u64,
}

/// Panes added up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Block {
    faces: u64,
    /// The sums of the posteriors by class.
    sums: Vec<u64>,
    /// The sum of the squared lengths of the posteriors.
    squares: u64,
}

/// How the detections of one window depend on one another, and on those of the windows before.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Looks {
    /// So many hundredths of a detection count as an independent one.
    pub design_effect: u64,
    /// Hundredths of pairs a detection; see [`Repeats::before`](crate::estimate::Repeats::before).
    pub before: Vec<u64>,
}

impl Bursts {
    /// Takes in a pane, by its number in time. What comes too late for its block counts in the one that is open.
    pub(crate) fn pane(&mut self, number: i64, faces: &Tally) {
        for attribute in Attribute::ALL {
            let pane = Block::of(faces, attribute);
            if pane.faces > 0 {
                self.0[attribute as usize].pane(number, &pane);
            }
        }
    }

    /// What a window of so many panes is judged by, where `assumed` detections a person are assumed. Called when the
    /// window ends.
    pub(crate) fn window(&mut self, panes: u64, assumed: u64) -> [Looks; 3] {
        self.0
            .each_mut()
            .map(|series| series.window(panes, assumed))
    }
}

impl Series {
    fn pane(&mut self, number: i64, pane: &Block) {
        if self.ended.iter().any(|block| !block.is_like(pane)) || !self.scales[0].open.is_like(pane)
        {
            *self = Self::default();
        }
        for (place, length) in LENGTHS.into_iter().enumerate() {
            let (scale, number) = (&mut self.scales[place], number.div_euclid(length));
            if number > scale.number {
                let ended = std::mem::take(&mut scale.open);
                scale.number = number;
                scale.compare(
                    &ended,
                    &self.ended[0],
                    BLOCKS_MAX * (LENGTHS[LONGEST] / length) as u64,
                );
                if place == LONGEST {
                    self.ended.swap(0, 1);
                    self.ended[1] = ended;
                }
            }
            self.scales[place].open.add(pane);
        }
    }

    fn window(&mut self, panes: u64, assumed: u64) -> Looks {
        let known = match self.known {
            [0, ..] => [assumed.saturating_mul(100); LENGTHS.len()],
            known => known,
        };
        self.known = self.design_effects(assumed as f64);
        Looks::of(panes.max(1), &known)
    }

    /// At the lengths of blocks, in hundredths; the longer the more. Rounded up to steps of a tenth of their value, so that
    /// they say nothing of single faces.
    fn design_effects(&self, assumed: f64) -> [u64; LENGTHS.len()] {
        let longest = &self.scales[LONGEST];
        let believed = |scale: &Scale, place: usize, found: f64| {
            let weight = scale.blocks as f64 * (LENGTHS[place] as f64 / LENGTHS[LONGEST] as f64);
            match found.is_finite() {
                true => (ASSUMED_BLOCKS * assumed + weight * found) / (ASSUMED_BLOCKS + weight),
                false => assumed,
            }
        };
        let all = longest.independent as f64 + longest.independent_before as f64;
        let of_longest = believed(longest, LONGEST, longest.squares as f64 / all);
        let mut least = 1.0f64;
        let mut found = [0; LENGTHS.len()];
        for (place, scale) in self.scales.iter().enumerate() {
            // What they were compared with is a longest block.
            let by_before = of_longest * scale.independent_before as f64;
            let own = match place {
                LONGEST => of_longest,
                _ => believed(
                    scale,
                    place,
                    (scale.squares as f64 - by_before) / scale.independent as f64,
                ),
            };
            least = least.max(own);
            found[place] = stepped(least);
        }
        found
    }
}

/// In hundredths, rounded up.
fn stepped(design_effect: f64) -> u64 {
    let mut step = 100u64;
    while (step as f64) < 100.0 * design_effect && step < u64::MAX / 11 {
        step = step * 11 / 10;
    }
    step
}

impl Scale {
    fn compare(&mut self, block: &Block, before: &Block, blocks_max: u64) {
        // One of few faces would make more of the difference than the block itself.
        if block.faces == 0 || before.faces < block.faces / 2 || before.faces == 0 {
            return;
        }
        let (faces, others) = (i128::from(block.faces), i128::from(before.faces));
        let distance = |(&sum, &other): (&u64, &u64)| {
            let expected = faces * i128::from(other) / others;
            (i128::from(sum) - expected).unsigned_abs().pow(2)
        };
        self.squares += block
            .sums
            .iter()
            .zip(&before.sums)
            .map(distance)
            .sum::<u128>();
        let one = before.variance();
        self.independent += one * faces as u128;
        self.independent_before += one * (faces * faces / others) as u128;
        self.blocks += 1;
        if self.blocks >= blocks_max {
            self.squares /= 2;
            self.independent /= 2;
            self.independent_before /= 2;
            self.blocks /= 2;
        }
    }
}

impl Block {
    fn of(faces: &Tally, attribute: Attribute) -> Self {
        let cells = faces.cells(attribute);
        let step = |parts: u64| (u128::from(parts) * u128::from(STEPS) / u128::from(VOTE)) as u64;
        let mut sums = Vec::new();
        for (_, cell) in cells.iter() {
            sums.resize(sums.len().max(cell.sums.len()), 0);
            sums.iter_mut()
                .zip(&cell.sums)
                .for_each(|(sum, &parts): (&mut u64, _)| *sum += parts);
        }
        Self {
            faces: cells.votes().round() as u64,
            sums: sums.into_iter().map(step).collect(),
            squares: step(cells.squares()),
        }
    }

    fn add(&mut self, pane: &Self) {
        self.faces += pane.faces;
        self.squares += pane.squares;
        self.sums.resize(self.sums.len().max(pane.sums.len()), 0);
        self.sums
            .iter_mut()
            .zip(&pane.sums)
            .for_each(|(sum, more)| *sum += more);
    }

    /// Whether both are empty, or of as many classes.
    fn is_like(&self, other: &Self) -> bool {
        self.sums.is_empty() || self.sums.len() == other.sums.len()
    }

    /// Of one face's posterior, in millionths.
    fn variance(&self) -> u128 {
        let (faces, steps) = (u128::from(self.faces), u128::from(STEPS));
        let mean = |&sum: &u64| (u128::from(sum) / faces).pow(2);
        let square = u128::from(self.squares) * steps / faces;
        square.saturating_sub(self.sums.iter().map(mean).sum())
    }
}

impl Looks {
    /// Of a window of so many panes: the design effect at its length, and pairs with windows before such that a run of
    /// windows has the design effect at its own length.
    fn of(panes: u64, known: &[u64; LENGTHS.len()]) -> Self {
        let own = at(panes, known);
        let mut before: Vec<f64> = Vec::new();
        let mut windows = 1u64;
        while windows * panes < 4 * LENGTHS[LONGEST] as u64 {
            windows *= 2;
            let more = at(windows * panes, known) - own;
            let places = (0..).zip(&before);
            let inside: f64 = places
                .map(|(place, pairs)| 2.0 * pairs * part_inside(place, windows))
                .sum();
            let place = windows.ilog2() - 1;
            before.push(((more - inside) / 2.0 / part_inside(place, windows)).max(0.0));
        }
        Self {
            design_effect: own.round() as u64,
            before: before
                .into_iter()
                .map(|pairs| pairs.round() as u64)
                .collect(),
        }
    }
}

/// The design effect of so many panes: a straight line between the lengths of blocks. Beyond them, what people who stand
/// on both sides of a block's end take from it is added.
fn at(panes: u64, known: &[u64; LENGTHS.len()]) -> f64 {
    let [.., shorter, longest] = known.map(|hundredths| hundredths as f64);
    let beyond = longest + (longest - shorter) / 3.0;
    let lengths = LENGTHS
        .map(|length| length as f64)
        .into_iter()
        .chain([4.0 * LENGTHS[LONGEST] as f64]);
    let effects = known
        .iter()
        .map(|&hundredths| hundredths as f64)
        .chain([beyond]);
    let panes = panes as f64;
    let mut last: Option<(f64, f64)> = None;
    for (length, effect) in lengths.zip(effects) {
        match last {
            Some((from, less)) if panes <= length => {
                return less + (effect - less) * (panes - from) / (length - from);
            }
            _ => last = Some((length, effect)),
        }
    }
    beyond
}

#[cfg(test)]
mod tests;
