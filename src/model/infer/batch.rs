//! What one worker has for a net: room for the levels of a batch, which it writes while sessions compute other batches, and
//! the heads by which it reads what a session answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use demograph_core::record::{Attributes, Crop};
use ort::value::Tensor;

use super::{Answer, NoAnswer, heads::Reader};
use crate::prepare::Preparer;

/// A worker's batch for one net.
pub(super) struct Batch {
    pub heads: Vec<Reader>,
    pub preparer: Preparer,
    /// Room for the levels of the largest batch, used again and again.
    pub levels: Tensor<u8>,
    /// The sizes that batches are run in, ascending.
    pub sizes: Vec<usize>,
    /// The one that the levels are to be run in.
    pub size: usize,
}

/// A head's output: a row a crop, and what pads the batch.
pub(super) struct Output {
    pub numbers: Vec<f32>,
    pub width: usize,
}

impl Batch {
    /// The most crops that it holds.
    pub(super) fn largest(&self) -> usize {
        *self.sizes.last().expect("there is at least one size")
    }

    pub(super) fn all_heads(&self) -> Vec<usize> {
        (0..self.heads.len()).collect()
    }

    /// The heads that a crop allows.
    pub(super) fn wanted(&self, crops: &[Crop]) -> Vec<usize> {
        let allowed = crops
            .iter()
            .fold(Attributes::NONE, |all, crop| all.union(crop.attributes));
        (0..self.heads.len())
            .filter(|&head| allowed.contains(self.heads[head].attribute()))
            .collect()
    }

    /// Prepares the crops. A crop that cannot be prepared has no answer.
    pub(super) fn write(&mut self, crops: &[Crop], answers: &mut [Answer]) {
        self.size = self.padded(crops.len());
        let len = self.preparer.levels();
        let (_, levels) = self.levels.extract_tensor_mut();
        let levels = &mut levels[..self.size * len];
        for ((crop, answer), place) in crops.iter().zip(answers).zip(levels.chunks_mut(len)) {
            let preparer = &mut self.preparer;
            // Its buffers are written before they are read, so that a panic leaves nothing behind.
            if catch_unwind(AssertUnwindSafe(|| preparer.write(crop, place))).is_err() {
                place.fill(0);
                *answer = Err(NoAnswer);
            }
        }
        // An earlier batch's faces are not computed again.
        levels[crops.len() * len..].fill(0);
    }

    /// Whatever its levels are, it is to be run as if it held so many crops.
    pub(super) fn pretend(&mut self, crops: usize) {
        self.size = self.padded(crops);
    }

    /// No face is in it.
    pub(super) fn clear(&mut self) {
        self.levels.extract_tensor_mut().1.fill(0);
    }

    /// What is to be run.
    pub(super) fn written(&self) -> &[u8] {
        &self.levels.extract_tensor().1[..self.size * self.preparer.levels()]
    }

    /// Adds to the answers what the outputs of the wanted heads say.
    pub(super) fn read(
        &self,
        wanted: &[usize],
        outputs: &[Output],
        crops: &[Crop],
        answers: &mut [Answer],
    ) {
        for (&head, output) in wanted.iter().zip(outputs) {
            let reader = &self.heads[head];
            let rows = output.numbers.chunks(output.width);
            for ((crop, answer), row) in crops.iter().zip(answers.iter_mut()).zip(rows) {
                if crop.attributes.contains(reader.attribute())
                    && let Ok(estimate) = answer
                    && let Err(no_answer) = reader.read(row, estimate)
                {
                    *answer = Err(no_answer);
                }
            }
        }
    }

    /// The smallest size that holds so many.
    fn padded(&self, crops: usize) -> usize {
        let fits = self.sizes.iter().find(|&&size| size >= crops);
        *fits.expect("a batch holds at most as many crops as its largest size")
    }
}
