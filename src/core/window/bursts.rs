//! How detections without a track depend on one another: nobody says which are the same person's, but people who stay
//! make what is seen differ more between spans of time than independent faces would.
//!
//! Windows are added up to blocks of 1, 4, 16 and 64 panes. Each block is compared with one of 64 panes that lies at least
//! that long before it, so that few people are in both and shares have had little time to change. How much more they
//! differ than independent faces is the design effect at this length. A window is judged by what was known before it
//! was released: its own faces change no bit of it.
//!
//! Promises: integers; a few numbers a source, whatever was seen. What is learnt of a window is what it shows: the faces of
//! hidden classes count as those of these classes in the block before, so that no later window says who they were. Where
//! many are hidden the config is believed.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    estimate::{Grid, MaskedCounts, VOTE, part_inside},
    record::Attribute,
};

/// The lengths of blocks, in panes.
const LENGTHS: [i64; 4] = [1, 4, 16, 64];
const LONGEST: usize = LENGTHS.len() - 1;
/// What was seen is forgotten by half when so many panes were compared: about two days of panes of 10 s.
const PANES_MAX: u64 = 256 * 64;
/// A window teaches something if at least this part of its faces is of classes that it shows.
const SHOWN_MIN: f64 = 0.9;
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
    /// The panes of windows that taught nothing: the config is believed for them.
    untold: u64,
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
    /// The panes of the windows in these blocks.
    panes: u64,
}

/// Windows added up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Block {
    /// By predicted class.
    classes: Vec<Faces>,
    /// By how much the squared distances of faces from their mean are smaller, in thousandths, because hidden ones are all
    /// taken for what was expected of them.
    assumed: u64,
    panes: u64,
}

/// Faces of one predicted class. All numbers are in thousandths.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Faces {
    number: u64,
    /// The sums of the posteriors by class.
    sums: Vec<u64>,
    /// The sum of the squared lengths of the posteriors, as far as cells tell them apart.
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
    /// Takes in the detections of a window that was released, as far as it shows them, by the numbers of its panes in time.
    /// It counts where it begins. What comes too late for its block counts in the one that is open.
    pub(crate) fn learn(
        &mut self,
        attribute: Attribute,
        panes: Range<i64>,
        classes: usize,
        votes: &MaskedCounts,
    ) {
        let series = &mut self.0[attribute as usize];
        let is_told = votes.shown().votes() >= SHOWN_MIN * votes.votes();
        match Grid::new(classes).filter(|_| votes.votes() > 0.0) {
            Some(grid) if is_told => series.learn(panes, grid, votes),
            _ => series.untold += panes.end.abs_diff(panes.start),
        }
    }

    /// What a window of so many panes is judged by, where `assumed` detections a person are assumed.
    pub(crate) fn looks(&self, panes: u64, assumed: u64) -> [Looks; 3] {
        self.0.each_ref().map(|series| series.looks(panes, assumed))
    }
}

impl Series {
    fn learn(&mut self, panes: Range<i64>, grid: Grid, votes: &MaskedCounts) {
        let is_other = |block: &Block| ![0, grid.classes()].contains(&block.classes.len());
        if self.ended.iter().any(is_other) || is_other(&self.scales[0].open) {
            *self = Self::default();
        }
        if self.scales[LONGEST].panes + self.untold >= PANES_MAX {
            self.scales.iter_mut().for_each(Scale::forget);
            self.untold /= 2;
        }
        for (place, length) in LENGTHS.into_iter().enumerate() {
            let (scale, number) = (&mut self.scales[place], panes.start.div_euclid(length));
            if number > scale.number {
                let ended = std::mem::take(&mut scale.open);
                scale.number = number;
                scale.compare(&ended, &self.ended[0]);
                if place == LONGEST {
                    self.ended.swap(0, 1);
                    self.ended[1] = ended;
                }
            }
        }
        let mut window = Block::of(votes, grid, &self.ended[0]);
        window.panes = panes.end.abs_diff(panes.start);
        let scales = self.scales.iter_mut();
        scales.for_each(|scale| scale.open.add(&window));
    }

    fn looks(&self, panes: u64, assumed: u64) -> Looks {
        let known = match self.scales.iter().any(|scale| scale.panes > 0) {
            true => self.design_effects(assumed as f64),
            false => [assumed.saturating_mul(100); LENGTHS.len()],
        };
        Looks::of(panes.max(1), &known)
    }

    /// At the lengths of blocks, in hundredths; the longer the more. Rounded up to steps of a tenth of their value, so that
    /// they say nothing of single faces.
    fn design_effects(&self, assumed: f64) -> [u64; LENGTHS.len()] {
        let longest = &self.scales[LONGEST];
        let believed = |scale: &Scale, found: f64| {
            let blocks = |panes: u64| panes as f64 / LENGTHS[LONGEST] as f64;
            let (weight, believed) = (blocks(scale.panes), ASSUMED_BLOCKS + blocks(self.untold));
            match found.is_finite() {
                true => (believed * assumed + weight * found) / (believed + weight),
                false => assumed,
            }
        };
        let all = longest.independent as f64 + longest.independent_before as f64;
        let of_longest = believed(longest, longest.squares as f64 / all);
        let mut least = 1.0f64;
        let mut found = [0; LENGTHS.len()];
        for (place, scale) in self.scales.iter().enumerate() {
            // What they were compared with is a longest block.
            let by_before = of_longest * scale.independent_before as f64;
            let own = match place {
                LONGEST => of_longest,
                _ => believed(
                    scale,
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
    fn compare(&mut self, block: &Block, before: &Block) {
        // One of few faces would make more of the difference than the block itself.
        let (of_block, of_before) = (block.all(), before.all());
        let (faces, others) = (of_block.whole(), of_before.whole());
        if faces == 0 || others < faces / 2 || others == 0 {
            return;
        }
        let distance = |(&sum, &other): (&u64, &u64)| {
            let expected = u128::from(faces) * u128::from(other) / u128::from(others);
            u128::from(sum).abs_diff(expected).pow(2)
        };
        let sums = of_block.sums.iter().zip(&of_before.sums);
        self.squares += sums.map(distance).sum::<u128>();
        let (one, faces, others) = (before.variance(), u128::from(faces), u128::from(others));
        let assumed = |block: &Block| u128::from(block.assumed) * u128::from(STEPS);
        self.independent += (one * faces).saturating_sub(assumed(block));
        let alike = (one * others).saturating_sub(assumed(before));
        self.independent_before += alike * faces / others * faces / others;
        self.panes += block.panes;
    }

    /// By half.
    fn forget(&mut self) {
        self.squares /= 2;
        self.independent /= 2;
        self.independent_before /= 2;
        self.panes /= 2;
    }
}

impl Block {
    /// What a window shows; the faces of hidden classes are those of the block before.
    fn of(votes: &MaskedCounts, grid: Grid, before: &Self) -> Self {
        let none = Faces {
            sums: vec![0; grid.classes()],
            ..Faces::default()
        };
        let mut block = Self {
            classes: vec![none; grid.classes()],
            ..Self::default()
        };
        let step = |parts: u128| (parts * u128::from(STEPS) / u128::from(VOTE)) as u64;
        let shown = votes.shown().iter();
        for (cell, votes) in shown.filter(|(cell, _)| (*cell as usize) < grid.cells()) {
            let squares = votes.sums.iter().map(|&sum| u128::from(sum).pow(2));
            let more = Faces {
                number: step(votes.parts.into()),
                sums: votes.sums.iter().map(|&sum| step(sum.into())).collect(),
                squares: step(squares.sum::<u128>() / u128::from(votes.parts.max(1))),
            };
            block.classes[grid.predicted(cell as usize)].add(&more);
        }
        for (hidden, parts) in votes.hidden(grid.classes()) {
            block.assume(&hidden, step(parts.into()), before);
        }
        block
    }

    /// Adds so many faces of the hidden classes, in thousandths: as those in the block before were. Where it had none,
    /// evenly many of each.
    fn assume(&mut self, hidden: &[bool], faces: u64, before: &Self) {
        let places = (0..hidden.len()).filter(|&class| hidden[class]);
        let of_before = |class: usize| {
            let faces = before.classes.get(class);
            faces.filter(|faces| faces.number > 0)
        };
        let mut known: Vec<(usize, Faces)> = places
            .clone()
            .filter_map(|class| Some((class, of_before(class)?.clone())))
            .collect();
        if known.is_empty() {
            let sure = |class| (class, Faces::sure(class, hidden.len(), STEPS));
            known = places.map(sure).collect();
        }
        let mut all = Faces::default();
        known.iter().for_each(|(_, faces)| all.add(faces));
        for (class, of_class) in &known {
            self.classes[*class].add(&of_class.part(faces, all.number));
        }
        self.assumed += all.part(faces, all.number).spread();
    }

    fn add(&mut self, window: &Self) {
        let length = self.classes.len().max(window.classes.len());
        self.classes.resize(length, Faces::default());
        let classes = self.classes.iter_mut().zip(&window.classes);
        classes.for_each(|(sum, more)| sum.add(more));
        self.assumed += window.assumed;
        self.panes += window.panes;
    }

    fn all(&self) -> Faces {
        let mut all = Faces::default();
        self.classes.iter().for_each(|faces| all.add(faces));
        all
    }

    /// Of one face's posterior, in millionths.
    fn variance(&self) -> u128 {
        let all = self.all();
        let spread = u128::from(all.spread()) * u128::from(STEPS);
        spread / u128::from(all.whole().max(1))
    }
}

impl Faces {
    fn add(&mut self, more: &Self) {
        self.number += more.number;
        self.squares += more.squares;
        self.sums.resize(self.sums.len().max(more.sums.len()), 0);
        let sums = self.sums.iter_mut().zip(&more.sums);
        sums.for_each(|(sum, more)| *sum += more);
    }

    /// Whole faces.
    fn whole(&self) -> u64 {
        (self.number + STEPS / 2) / STEPS
    }

    /// The sum of the squared distances of the posteriors from their mean.
    fn spread(&self) -> u64 {
        let number = u128::from(self.number.max(1));
        let mean = |&sum: &u64| u128::from(sum).pow(2);
        let of_mean = self.sums.iter().map(mean).sum::<u128>() / number;
        self.squares.saturating_sub(of_mean as u64)
    }

    /// `faces` parts of `all`.
    fn part(&self, faces: u64, all: u64) -> Self {
        let part = |n: u64| (u128::from(n) * u128::from(faces) / u128::from(all)) as u64;
        Self {
            number: part(self.number),
            sums: self.sums.iter().map(|&sum| part(sum)).collect(),
            squares: part(self.squares),
        }
    }

    /// So many of which the model is sure.
    fn sure(class: usize, classes: usize, number: u64) -> Self {
        let mut sums = vec![0; classes];
        sums[class] = number;
        Self {
            number,
            sums,
            squares: number,
        }
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
