//! One ONNX session: made as the manifest says, run on batches of sizes that it has met before.

use std::slice;

use anyhow::{Context, ensure};
use demograph_core::record::Estimate;
use half::f16;
use ort::{
    session::{OutputSelector, RunOptions},
    value::{DynValue, TensorElementType, TensorRef, ValueType},
};

use super::{
    InferenceSettings, NetFile,
    batch::{Batch, Output},
    engines::Shapes,
    graph::{self, check_width, shape},
    heads::Reader,
    session::Opened,
    trial,
};
use crate::{
    manifest::{Front, Net},
    prepare::Preparer,
};

/// On a processor, batches up to this size are run as they are: padding 5 crops to 8 computes 3 for nothing.
const UNPADDED_MAX: usize = 32;
/// On a GPU, batches are padded to the next of these.
const GPU_SIZES: [usize; 4] = [1, 16, 64, 256];

/// A loaded net: one session.
pub(super) struct LoadedNet {
    net: Net,
    front: Front,
    settings: InferenceSettings,
    opened: Opened,
    /// The sizes that batches are run in, ascending.
    sizes: Vec<usize>,
    scales_by_batch: bool,
    warnings: Vec<String>,
}

impl LoadedNet {
    /// Makes the session, compares it with the manifest, warms it up, and tries it.
    pub(super) fn load(file: &NetFile, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let NetFile {
            net,
            front,
            scales_by_batch,
        } = file;
        let opened = open(front, settings).with_context(|| net.file.clone())?;
        let fixed = graph::check(&opened.session, &front.input, &net.heads)
            .with_context(|| format!("{}: the manifest does not fit", net.file))?;
        let mut loaded = Self {
            net: net.clone(),
            front: front.clone(),
            settings: settings.clone(),
            opened,
            sizes: sizes(fixed, settings),
            scales_by_batch: *scales_by_batch,
            warnings: Vec::new(),
        };
        let mut batch = loaded.batch()?;
        loaded
            .warm_up(&mut batch)
            .with_context(|| format!("{}: the first run", net.file))?;
        loaded.try_noise(&mut batch)?;
        Ok(loaded)
    }

    /// The name of its file.
    pub(super) fn file(&self) -> &str {
        &self.net.file
    }

    /// What looks like a mistake in the manifest.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A batch that any session of this net can run.
    pub(super) fn batch(&self) -> anyhow::Result<Batch> {
        let preparer = Preparer::new((&self.front.input).into());
        let largest = *self.sizes.last().expect("there is at least one size");
        Ok(Batch {
            heads: self.net.heads.iter().map(Reader::new).collect(),
            levels: self.opened.memory(largest * preparer.levels())?,
            preparer,
            sizes: self.sizes.clone(),
            size: self.sizes[0],
        })
    }

    /// A new session in place of one that may be broken for good, for example after a GPU ran out of memory.
    pub(super) fn reopen(&mut self) -> anyhow::Result<()> {
        self.opened = open(&self.front, &self.settings)?;
        Ok(())
    }

    /// The largest size first, so that memory is taken once. On a processor the sizes between cost nothing to prepare.
    fn warm_up(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        let all = batch.all_heads();
        batch.clear();
        let mut sizes = self.sizes.clone();
        if self.settings.provider.is_on_processor() {
            sizes = vec![sizes[0], batch.largest()];
            sizes.dedup();
        }
        for size in sizes.into_iter().rev() {
            batch.pretend(size);
            if let Err(error) = self.run(batch, &all) {
                batch.size = 1;
                let takes_one = size > 1 && self.run(batch, &all).is_ok();
                return Err(match takes_one {
                    true => error.context(format!(
                        "a batch of 1 runs and one of {size} does not, though the input says otherwise: export the net with \
                         a free batch dimension in input and outputs, or fix the batch to 1"
                    )),
                    false => error,
                });
            }
        }
        Ok(())
    }

    /// Noise, alone and together.
    fn try_noise(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        let crops = trial::crops(&self.net);
        let all = batch.all_heads();
        let mut alone = vec![Ok(Estimate::default()); crops.len()];
        let mut rows = vec![Vec::new(); all.len()];
        for (crop, answer) in crops.iter().zip(&mut alone) {
            let (crop, answer) = (slice::from_ref(crop), slice::from_mut(answer));
            batch.write(crop, answer);
            let outputs = self.run(batch, &all)?;
            batch.read(&all, &outputs, crop, answer);
            for (rows, output) in rows.iter_mut().zip(outputs) {
                rows.push(output.numbers[..output.width].to_vec());
            }
        }
        let mut together = vec![Ok(Estimate::default()); crops.len()];
        let largest = batch.largest();
        for (crops, answers) in crops.chunks(largest).zip(together.chunks_mut(largest)) {
            batch.write(crops, answers);
            let outputs = self.run(batch, &all)?;
            batch.read(&all, &outputs, crops, answers);
        }
        trial::compare(&self.net.file, self.scales_by_batch, &together, &alone)?;
        let warnings = self.net.heads.iter().zip(&rows).flat_map(|(head, rows)| {
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            trial::warnings(head, &rows)
        });
        self.warnings = warnings.collect();
        let normalises = (self.net.input.mean, self.net.input.std) != ([0.0; 3], [1.0; 3]);
        if self.front.is_of_bytes && normalises {
            self.warnings.push(format!(
                "input {:?}: the graph takes bytes, so mean and std are not used",
                self.net.input.name
            ));
        }
        Ok(())
    }

    /// One run of what lies in the batch; the output of each wanted head.
    pub(super) fn run(&mut self, batch: &Batch, wanted: &[usize]) -> anyhow::Result<Vec<Output>> {
        let heads = &self.net.heads;
        let names: Vec<&str> = wanted
            .iter()
            .map(|&head| heads[head].output.as_str())
            .collect();
        // Heads may share an output, which is asked for once.
        let mut asked = names.clone();
        asked.sort_unstable();
        asked.dedup();
        let selector = asked
            .iter()
            .fold(OutputSelector::no_default(), |selector, name| {
                selector.with(*name)
            });
        let options = RunOptions::new()?.with_outputs(selector);
        let size = batch.size;
        let levels = TensorRef::from_array_view((shape(&self.front.input, size), batch.written()))?;
        let session = &mut self.opened.session;
        let inputs = ort::inputs![self.front.input.name.as_str() => levels];
        let outputs = session.run_with_options(inputs, &options)?;
        let mut read = Vec::with_capacity(wanted.len());
        for (&head, name) in wanted.iter().zip(names) {
            let output =
                output(&outputs[name], size).with_context(|| format!("output {name:?}"))?;
            check_width(&heads[head], output.width)?;
            read.push(output);
        }
        Ok(read)
    }
}

fn open(front: &Front, settings: &InferenceSettings) -> anyhow::Result<Opened> {
    let shapes = Shapes::of(front, settings.batch_max);
    Opened::new(&front.onnx, shapes.as_ref(), settings)
}

/// An output as rows, if it has one a crop.
fn output(value: &DynValue, size: usize) -> anyhow::Result<Output> {
    let is_half = matches!(
        value.dtype(),
        ValueType::Tensor {
            ty: TensorElementType::Float16,
            ..
        }
    );
    let (shape, numbers) = match is_half {
        true => {
            let (shape, halves) = value.try_extract_tensor::<f16>()?;
            (shape, halves.iter().map(|half| half.to_f32()).collect())
        }
        false => {
            let (shape, numbers) = value.try_extract_tensor::<f32>()?;
            (shape, numbers.to_vec())
        }
    };
    ensure!(
        shape.first().is_some_and(|&rows| rows == size as i64) || (size == 1 && shape.is_empty()),
        "has the shape {shape:?} for a batch of {size}: its first dimension must be the batch, so that each crop has a row \
         of its own. Export the net with outputs of [batch, classes]"
    );
    Ok(Output {
        width: numbers.len() / size,
        numbers,
    })
}

/// The sizes that batches are run in, ascending. Only the one that the graph takes, if it fixes it. On a GPU each size
/// costs time and memory to prepare, so those are few: 1, 16, 64, 256, and the largest. On a processor a new size
/// costs nothing (OpenVINO: 5 ms, once), so small batches have their own.
fn sizes(fixed: Option<usize>, settings: &InferenceSettings) -> Vec<usize> {
    if let Some(size) = fixed {
        return vec![size];
    }
    let largest = settings.batch_max;
    let is_run = |size: usize| match settings.provider.is_on_processor() {
        true => size <= UNPADDED_MAX || size.is_power_of_two(),
        false => GPU_SIZES.contains(&size),
    };
    (1..=largest)
        .filter(|&size| is_run(size) || size == largest)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    use super::*;
    use crate::infer::{ModelFiles, PrecisionChoice, Provider, session::has_vnni};

    /// What the shipped model's warm-up takes at best: inference without preparation.
    fn cpu_time(precision: PrecisionChoice) -> Duration {
        let settings = InferenceSettings {
            provider: Provider::Cpu,
            precision,
            ..Default::default()
        };
        let folder = demograph_core::golden::repository("models/research-small");
        let files = ModelFiles::read(&folder, &settings).unwrap();
        let mut net = LoadedNet::load(&files.nets[0], &settings).unwrap();
        let mut batch = net.batch().unwrap();
        let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
        let rounds = (0..4).map(|_| {
            let began = now();
            net.warm_up(&mut batch).unwrap();
            now() - began
        });
        rounds.min().unwrap()
    }

    #[test]
    fn int8_pays_off_where_the_processor_multiplies_bytes() {
        let [fp32, int8] = [PrecisionChoice::Fp32, PrecisionChoice::Int8].map(cpu_time);
        let times = fp32.div_duration_f64(int8);
        // Measured: 2.7 with VNNI (Zen 4), 1.1 without (Zen 3).
        let least = if has_vnni() { 1.7 } else { 0.8 };
        assert!(times > least, "int8 is {times:.2} times as fast as fp32");
    }

    #[test]
    fn a_processor_runs_small_batches_as_they_are_and_a_gpu_pads_them() {
        let of = |fixed, provider, batch_max| {
            let settings = InferenceSettings {
                provider,
                batch_max,
                ..Default::default()
            };
            sizes(fixed, &settings)
        };
        assert_eq!(of(None, Provider::Openvino, 6), [1, 2, 3, 4, 5, 6]);
        assert_eq!(of(None, Provider::Cpu, 100)[30..], [31, 32, 64, 100]);
        assert_eq!(of(None, Provider::Cuda, 6), [1, 6]);
        assert_eq!(of(None, Provider::Cuda, 300), [1, 16, 64, 256, 300]);
        assert_eq!(of(Some(4), Provider::Cpu, 8), [4]);
    }
}
