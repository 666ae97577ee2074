//! One ONNX session: made as the manifest says, fed with batches of sizes that it has met before.

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use ort::{
    session::{OutputSelector, RunOptions, Session},
    value::{Tensor, TensorElementType, TensorRef, ValueType},
};

use super::{
    InferenceSettings, NetFile,
    heads::Reader,
    manifest::{Input, Layout, Net},
    session::Opened,
    tensor::Preparer,
};
use crate::record::{Attributes, Crop, Estimate};

/// On a processor, batches up to this size are run as they are: padding 5 crops to 8 computes 3 for nothing.
const UNPADDED_MAX: usize = 32;

/// A loaded net.
pub(super) struct LoadedNet {
    net: Net,
    onnx: Bytes,
    settings: InferenceSettings,
    opened: Opened,
    heads: Vec<Reader>,
    preparer: Preparer,
    /// Room for the largest batch, used again and again.
    batch: Tensor<f32>,
    /// The batch sizes that were warmed up, ascending: each new size would cost time.
    sizes: Vec<usize>,
}

impl LoadedNet {
    /// Makes the session, compares it with the manifest, and warms it up.
    pub(super) fn load(file: &NetFile, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let NetFile { net, onnx } = file;
        let opened = Opened::new(onnx, settings).with_context(|| net.file.clone())?;
        let fixed_size = check(&opened.session, net)
            .with_context(|| format!("{}: the manifest does not fit", net.file))?;
        let sizes = sizes(fixed_size, settings);
        let preparer = Preparer::new(&net.input);
        let mut loaded = Self {
            heads: net.heads.iter().map(Reader::new).collect(),
            batch: opened.memory(largest(&sizes) * preparer.numbers())?,
            preparer,
            net: net.clone(),
            onnx: onnx.clone(),
            settings: settings.clone(),
            opened,
            sizes,
        };
        loaded
            .warm_up()
            .with_context(|| format!("{}: the first run", net.file))?;
        Ok(loaded)
    }

    /// Adds to the estimates what this net says of the crops.
    pub(super) fn estimate(
        &mut self,
        crops: &[Crop],
        estimates: &mut [Estimate],
    ) -> anyhow::Result<()> {
        let batch_max = largest(&self.sizes);
        for (crops, estimates) in crops.chunks(batch_max).zip(estimates.chunks_mut(batch_max)) {
            if let Err(error) = self.estimate_batch(crops, estimates) {
                // A session can be broken for good, for example after a GPU ran out of memory.
                tracing::warn!(
                    error = format!("{error:#}"),
                    net = self.net.file,
                    "inference failed: trying once more with a new session"
                );
                self.opened = Opened::new(&self.onnx, &self.settings)?;
                self.batch = self.opened.memory(batch_max * self.preparer.numbers())?;
                self.estimate_batch(crops, estimates)
                    .context("inference failed twice")?;
            }
        }
        Ok(())
    }

    fn estimate_batch(&mut self, crops: &[Crop], estimates: &mut [Estimate]) -> anyhow::Result<()> {
        let allowed = crops
            .iter()
            .fold(Attributes::NONE, |all, crop| all.union(crop.attributes));
        let wanted: Vec<usize> = (0..self.heads.len())
            .filter(|&head| allowed.contains(self.heads[head].attribute()))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let size = self.padded(crops.len());
        let len = self.preparer.numbers();
        let (_, batch) = self.batch.extract_tensor_mut();
        let batch = &mut batch[..size * len];
        for (crop, place) in crops.iter().zip(batch.chunks_mut(len)) {
            self.preparer.write(crop, place);
        }
        // An earlier batch's faces are not computed again.
        batch[crops.len() * len..].fill(0.0);
        let outputs = run(&mut self.opened.session, &self.net, (batch, size, &wanted))?;
        for (&head, output) in wanted.iter().zip(&outputs) {
            let reader = &self.heads[head];
            let rows = output.chunks(reader.classes());
            for ((crop, estimate), row) in crops.iter().zip(estimates.iter_mut()).zip(rows) {
                if crop.attributes.contains(reader.attribute()) {
                    reader.read(row, estimate)?;
                }
            }
        }
        Ok(())
    }

    /// The smallest warm size that holds so many.
    fn padded(&self, crops: usize) -> usize {
        let fits = self.sizes.iter().find(|&&size| size >= crops);
        *fits.expect("crops come in chunks of the largest size")
    }

    /// The largest size first, so that memory is taken once.
    fn warm_up(&mut self) -> anyhow::Result<()> {
        let all: Vec<usize> = (0..self.heads.len()).collect();
        let (_, batch) = self.batch.extract_tensor_mut();
        batch.fill(0.0);
        for &size in self.sizes.iter().rev() {
            let batch = &batch[..size * self.preparer.numbers()];
            run(&mut self.opened.session, &self.net, (batch, size, &all))?;
        }
        Ok(())
    }
}

/// The sizes that batches are run in, ascending. Only the one that the graph takes, if it fixes it. On a GPU each size
/// costs time and memory to prepare, so those are few: the powers of two, and the largest. On a processor a new size
/// costs nothing (OpenVINO: 5 ms, once), so small batches have their own.
fn sizes(fixed: Option<usize>, settings: &InferenceSettings) -> Vec<usize> {
    if let Some(size) = fixed {
        return vec![size];
    }
    let unpadded_max = match settings.provider.is_on_processor() {
        true => UNPADDED_MAX,
        false => 1,
    };
    let largest = settings.batch_max;
    (1..=largest)
        .filter(|&size| size <= unpadded_max || size.is_power_of_two() || size == largest)
        .collect()
}

fn largest(sizes: &[usize]) -> usize {
    *sizes.last().expect("there is at least one size")
}

/// One run; the rows of each wanted head.
fn run(
    session: &mut Session,
    net: &Net,
    (batch, size, wanted): (&[f32], usize, &[usize]),
) -> anyhow::Result<Vec<Vec<f32>>> {
    let names: Vec<&str> = wanted
        .iter()
        .map(|&head| net.heads[head].output.as_str())
        .collect();
    let selector = names
        .iter()
        .fold(OutputSelector::no_default(), |selector, name| {
            selector.with(*name)
        });
    let options = RunOptions::new()?.with_outputs(selector);
    let tensor = TensorRef::from_array_view((shape(&net.input, size), batch))?;
    let outputs =
        session.run_with_options(ort::inputs![net.input.name.as_str() => tensor], &options)?;
    names
        .iter()
        .map(|name| {
            let (_, numbers) = outputs[*name].try_extract_tensor::<f32>()?;
            Ok(numbers.to_vec())
        })
        .collect()
}

fn shape(input: &Input, batch: usize) -> [i64; 4] {
    let (width, height) = (i64::from(input.width), i64::from(input.height));
    match input.layout {
        Layout::Nchw => [batch as i64, 3, height, width],
        Layout::Nhwc => [batch as i64, height, width, 3],
    }
}

/// Compares the graph with the manifest. Returns the batch size if the graph fixes it.
fn check(session: &Session, net: &Net) -> anyhow::Result<Option<usize>> {
    let named = |outlets: &[ort::value::Outlet]| {
        outlets
            .iter()
            .map(|outlet| outlet.name().to_owned())
            .collect::<Vec<_>>()
    };
    let input = session
        .inputs()
        .iter()
        .find(|input| input.name() == net.input.name)
        .with_context(|| {
            format!(
                "input.name = {:?}, but the inputs are {:?}",
                net.input.name,
                named(session.inputs())
            )
        })?;
    ensure!(
        session.inputs().len() == 1,
        "the net has several inputs: {:?}; one image is supported",
        named(session.inputs())
    );
    let dimensions =
        floats(input.dtype()).with_context(|| format!("input {:?}", net.input.name))?;
    let expected = shape(&net.input, 1);
    let fits = dimensions.len() == 4
        && dimensions
            .iter()
            .zip(expected)
            .skip(1)
            .all(|(&is, should)| is < 0 || is == should);
    ensure!(
        fits,
        "input {:?} has the shape {dimensions:?}, the manifest says {expected:?} (batch aside)",
        net.input.name
    );
    for head in &net.heads {
        let output = session
            .outputs()
            .iter()
            .find(|output| output.name() == head.output)
            .with_context(|| {
                format!(
                    "head {}: output = {:?}, but the outputs are {:?}",
                    head.attribute,
                    head.output,
                    named(session.outputs())
                )
            })?;
        let shape = floats(output.dtype()).with_context(|| format!("output {:?}", head.output))?;
        let classes = Reader::new(head).classes();
        let given: i64 = shape.iter().skip(1).product();
        ensure!(
            given < 0 || given == classes as i64,
            "head {}: output {:?} gives {given} numbers a crop, the manifest names {classes}",
            head.attribute,
            head.output
        );
    }
    Ok(usize::try_from(dimensions[0]).ok().filter(|&size| size > 0))
}

fn floats(value: &ValueType) -> anyhow::Result<Vec<i64>> {
    match value {
        ValueType::Tensor {
            ty: TensorElementType::Float32,
            shape,
            ..
        } => Ok(shape.to_vec()),
        ValueType::Tensor { ty, .. } => bail!("holds {ty:?}; 32-bit floats are supported"),
        other => bail!("is {other:?}; tensors are supported"),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use rustix::time::{ClockId, clock_gettime};

    use super::*;
    use crate::{
        config::{PrecisionChoice, Provider},
        infer::{ModelFiles, session::has_vnni},
    };

    /// What the shipped model's warm-up takes at best: inference without preparation.
    fn cpu_time(precision: PrecisionChoice) -> Duration {
        let settings = InferenceSettings {
            provider: Provider::Cpu,
            precision,
            ..Default::default()
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/utkface-small");
        let files = ModelFiles::read(&folder, &settings).unwrap();
        let mut net = LoadedNet::load(&files.nets[0], &settings).unwrap();
        let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
        let rounds = (0..4).map(|_| {
            let began = now();
            net.warm_up().unwrap();
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
        assert_eq!(of(None, Provider::Cuda, 6), [1, 2, 4, 6]);
        assert_eq!(of(Some(4), Provider::Cpu, 8), [4]);
    }
}
