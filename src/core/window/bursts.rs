//! How detections without a track depend on one another: nobody says which are the same person's, but people who stay
//! make what is seen differ more between spans of time than independent faces would.
//!
//! Windows are added up to blocks of 1, 4, 16 and 64 panes. Each block is compared with one of 64 panes that lies at least
//! that long before it, so that few people are in both and shares have had little time to change. How much more they
//! differ than independent faces is the design effect at this length. A window is judged by what was known before it
//! was released: its own faces change no bit of it.
//!
//! Promises: integers; a few numbers a source, whatever was seen. What is learnt of a window is what it shows: the faces of
//! hidden classes count as those of these classes in the block before, so that no later window says who they were.

use serde::{Deserialize, Serialize};

use crate::{
    estimate::{Grid, MaskedCounts, VOTE, part_inside},
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

/// Windows added up, by the predicted class of their faces.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Block(Vec<Faces>);

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
    /// Takes in the detections of a window that was released, as far as it shows them, by the number of its first pane in
    /// time. What comes too late for its block counts in the one that is open.
    pub(crate) fn learn(
        &mut self,
        attribute: Attribute,
        number: i64,
        classes: usize,
        votes: &MaskedCounts,
    ) {
        if let Some(grid) = Grid::new(classes).filter(|_| votes.votes() > 0.0) {
            self.0[attribute as usize].learn(number, grid, votes);
        }
    }

    /// What a window of so many panes is judged by, where `assumed` detections a person are assumed.
    pub(crate) fn looks(&self, panes: u64, assumed: u64) -> [Looks; 3] {
        self.0.each_ref().map(|series| series.looks(panes, assumed))
    }
}

impl Series {
    fn learn(&mut self, number: i64, grid: Grid, votes: &MaskedCounts) {
        let is_other = |block: &Block| !block.0.is_empty() && block.0.len() != grid.classes();
        if self.ended.iter().any(is_other) || is_other(&self.scales[0].open) {
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
        }
        let window = Block::of(votes, grid, &self.ended[0]);
        let scales = self.scales.iter_mut();
        scales.for_each(|scale| scale.open.add(&window));
    }

    fn looks(&self, panes: u64, assumed: u64) -> Looks {
        let known = match self.scales.iter().any(|scale| scale.blocks > 0) {
            true => self.design_effects(assumed as f64),
            false => [assumed.saturating_mul(100); LENGTHS.len()],
        };
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
        let (faces, others) = (block.faces(), before.faces());
        if faces == 0 || others < faces / 2 || others == 0 {
            return;
        }
        let distance = |(sum, other): (u64, u64)| {
            let expected = u128::from(faces) * u128::from(other) / u128::from(others);
            u128::from(sum).abs_diff(expected).pow(2)
        };
        self.squares += block.sums().zip(before.sums()).map(distance).sum::<u128>();
        let (one, faces) = (before.variance(), u128::from(faces));
        self.independent += one * faces;
        self.independent_before += one * (faces * faces / u128::from(others));
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
    /// What a window shows; the faces of hidden classes are those of the block before.
    fn of(votes: &MaskedCounts, grid: Grid, before: &Self) -> Self {
        let none = Faces {
            sums: vec![0; grid.classes()],
            ..Faces::default()
        };
        let mut block = Self(vec![none; grid.classes()]);
        let step = |parts: u128| (parts * u128::from(STEPS) / u128::from(VOTE)) as u64;
        let shown = votes.shown().iter();
        for (cell, votes) in shown.filter(|(cell, _)| (*cell as usize) < grid.cells()) {
            let squares = votes.sums.iter().map(|&sum| u128::from(sum).pow(2));
            let more = Faces {
                number: step(votes.parts.into()),
                sums: votes.sums.iter().map(|&sum| step(sum.into())).collect(),
                squares: step(squares.sum::<u128>() / u128::from(votes.parts.max(1))),
            };
            block.0[grid.predicted(cell as usize)].add(&more);
        }
        for (hidden, parts) in votes.hidden(grid.classes()) {
            block.assume(&hidden, step(parts.into()), before);
        }
        block
    }

    /// Adds so many faces of the hidden classes: as they were before; of classes that nobody was of, evenly many.
    fn assume(&mut self, hidden: &[bool], faces: u64, before: &Self) {
        let places: Vec<usize> = (0..hidden.len()).filter(|&class| hidden[class]).collect();
        let of_before = |&class: &usize| before.0.get(class).map_or(0, |faces| faces.number);
        let all: u64 = places.iter().map(of_before).sum();
        for &class in &places {
            let more = match before.0.get(class) {
                Some(of_class) if all > 0 => of_class.part(faces, all),
                _ => Faces::sure(class, hidden.len(), faces / places.len() as u64),
            };
            self.0[class].add(&more);
        }
    }

    fn add(&mut self, window: &Self) {
        self.0
            .resize(self.0.len().max(window.0.len()), Faces::default());
        let classes = self.0.iter_mut().zip(&window.0);
        classes.for_each(|(sum, more)| sum.add(more));
    }

    /// Whole faces.
    fn faces(&self) -> u64 {
        (self.0.iter().map(|faces| faces.number).sum::<u64>() + STEPS / 2) / STEPS
    }

    /// The sums of all posteriors by class.
    fn sums(&self) -> impl Iterator<Item = u64> + '_ {
        let sum = |class: usize| self.0.iter().map(|faces| faces.sums[class]).sum();
        (0..self.0.len()).map(sum)
    }

    /// Of one face's posterior, in millionths.
    fn variance(&self) -> u128 {
        let (faces, steps) = (u128::from(self.faces()), u128::from(STEPS));
        let squares: u64 = self.0.iter().map(|faces| faces.squares).sum();
        let square = u128::from(squares) * steps / faces;
        let means = self.sums().map(|sum| (u128::from(sum) / faces).pow(2));
        square.saturating_sub(means.sum())
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
