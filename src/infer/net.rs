//! One ONNX session: made as the manifest says, fed with batches of sizes that it has met before.

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use ort::{
    ep::{self, ArbitrarilyConfigurableExecutionProvider},
    session::{OutputSelector, RunOptions, Session, builder::GraphOptimizationLevel},
    value::{TensorElementType, TensorRef, ValueType},
};

use super::{
    InferenceSettings, NetFile,
    heads::Reader,
    manifest::{Input, Layout, Net},
    runtime,
    tensor::Preparer,
};
use crate::{
    config::{PrecisionChoice, Provider},
    record::{Attributes, Crop, Estimate},
};

/// On a processor, batches up to this size are run as they are: padding 5 crops to 8 computes 3 for nothing.
const UNPADDED_MAX: usize = 32;

/// A loaded net.
pub(super) struct LoadedNet {
    net: Net,
    onnx: Bytes,
    settings: InferenceSettings,
    session: Session,
    heads: Vec<Reader>,
    preparer: Preparer,
    /// The input of one batch; its memory is used again.
    batch: Vec<f32>,
    /// The batch sizes that were warmed up, ascending: each new size would cost time.
    sizes: Vec<usize>,
}

impl LoadedNet {
    /// Makes the session, compares it with the manifest, and warms it up.
    pub(super) fn load(file: &NetFile, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let NetFile { net, onnx } = file;
        let session = open(onnx, settings).with_context(|| net.file.clone())?;
        let fixed_size = check(&session, net)
            .with_context(|| format!("{}: the manifest does not fit", net.file))?;
        let mut loaded = Self {
            heads: net.heads.iter().map(Reader::new).collect(),
            preparer: Preparer::new(&net.input),
            batch: Vec::new(),
            net: net.clone(),
            onnx: onnx.clone(),
            settings: settings.clone(),
            session,
            sizes: sizes(fixed_size, settings),
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
        let batch_max = self.batch_max();
        for (crops, estimates) in crops.chunks(batch_max).zip(estimates.chunks_mut(batch_max)) {
            if let Err(error) = self.estimate_batch(crops, estimates) {
                // A session can be broken for good, for example after a GPU ran out of memory.
                tracing::warn!(
                    error = format!("{error:#}"),
                    net = self.net.file,
                    "inference failed: trying once more with a new session"
                );
                self.session = open(&self.onnx, &self.settings)?;
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
        self.fill(crops, size);
        let outputs = run(&mut self.session, &self.net, (&self.batch, size, &wanted))?;
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

    /// Lays the crops into the batch; what is left of an earlier batch pads it.
    fn fill(&mut self, crops: &[Crop], size: usize) {
        let len = self.preparer.numbers();
        self.batch.resize(size * len, 0.0);
        for (crop, place) in crops.iter().zip(self.batch.chunks_mut(len)) {
            self.preparer.write(crop, place);
        }
        // Whoever looks into this memory later should find no face.
        self.batch[crops.len() * len..].fill(0.0);
    }

    /// The smallest warm size that holds so many.
    fn padded(&self, crops: usize) -> usize {
        let fits = self.sizes.iter().find(|&&size| size >= crops);
        *fits.expect("crops come in chunks of the largest size")
    }

    fn batch_max(&self) -> usize {
        *self.sizes.last().expect("there is at least one size")
    }

    /// The largest size first, so that memory is taken once.
    fn warm_up(&mut self) -> anyhow::Result<()> {
        let all: Vec<usize> = (0..self.heads.len()).collect();
        for &size in self.sizes.iter().rev() {
            self.batch.clear();
            self.batch.resize(size * self.preparer.numbers(), 0.0);
            run(&mut self.session, &self.net, (&self.batch, size, &all))?;
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

/// A session with the provider that was asked for.
fn open(onnx: &Bytes, settings: &InferenceSettings) -> anyhow::Result<Session> {
    let environment = runtime::environment(settings)?;
    let make = |provider| {
        let settings = InferenceSettings {
            provider,
            ..settings.clone()
        };
        session(environment, onnx, &settings).map_err(|error| anyhow!("{error}"))
    };
    match make(settings.provider) {
        Err(error) if settings.provider == Provider::Cpu => Err(error).context("ONNX Runtime refuses the net"),
        Err(error) if settings.allow_cpu_fallback => {
            tracing::warn!(provider = ?settings.provider, error = format!("{error:#}"), "not available: running on the CPU");
            make(Provider::Cpu).context("ONNX Runtime refuses the net")
        }
        Err(error) => Err(error).with_context(|| {
            format!(
                "inference.provider = {:?} is not available with this library and machine; \
                 install an ONNX Runtime with it{}, or set provider = \"cpu\", or allow_cpu_fallback = true",
                format!("{:?}", settings.provider).to_lowercase(),
                match settings.provider {
                    Provider::Openvino => " (setup/onnxruntime-openvino fetches one for Linux on x86_64)",
                    _ => "",
                }
            )
        }),
        Ok(session) => Ok(session),
    }
}

/// One thread each: sessions run beside one another, so threads inside them would only compete.
fn session(
    environment: &ort::environment::Environment,
    onnx: &Bytes,
    settings: &InferenceSettings,
) -> ort::Result<Session> {
    let builder = Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    // Without VNNI the usual kernel overflows where weights are signed. This takes another one, wherever it is asked for: with
    // VNNI that one takes 2.4 times as long.
    let builder = match has_vnni() {
        true => builder,
        false => builder.with_config_entry("session.x64quantprecision", "1")?,
    };
    // Without these two, a provider that does not work is replaced by the CPU in silence.
    let strictly = |provider: ep::ExecutionProviderDispatch| provider.error_on_failure();
    let device_id = settings.device_id;
    let mut builder = match settings.provider {
        // `auto` is settled before a session is made (choose.rs).
        Provider::Cpu | Provider::Auto => builder,
        Provider::Openvino => {
            let openvino = ep::OpenVINO::default()
                .with_device_type("CPU")
                .with_arbitrary_config("load_config", openvino_config(settings.precision));
            builder
                .with_execution_providers([strictly(openvino.build())])?
                .with_disable_cpu_fallback()?
        }
        Provider::Cuda => {
            let search = ep::cuda::ConvAlgorithmSearch::Heuristic;
            let cuda = ep::CUDA::default()
                .with_device_id(device_id)
                .with_conv_algorithm_search(search);
            builder
                .with_execution_providers([strictly(cuda.build())])?
                .with_disable_cpu_fallback()?
        }
        Provider::Tensorrt => {
            let tensorrt = ep::TensorRT::default()
                .with_device_id(device_id)
                .with_fp16(settings.precision == PrecisionChoice::Fp16);
            builder
                .with_execution_providers([strictly(tensorrt.build())])?
                .with_disable_cpu_fallback()?
        }
    };
    builder.commit_from_memory(onnx)
}

/// Whether the processor has an instruction that sums products of bytes without overflow.
#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vnni() -> bool {
    true
}

/// OpenVINO's own settings, which ONNX Runtime hands on. Left alone it would round fp32 to bf16 wherever the processor
/// can, so the precision is always said; an int8 file keeps its int8 under f32. And it would pin whichever thread infers,
/// in every session to the same core.
fn openvino_config(precision: PrecisionChoice) -> String {
    let hint = match precision {
        PrecisionChoice::Bf16 => "bf16",
        _ => "f32",
    };
    serde_json::json!({"CPU": {
        "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO"
    }})
    .to_string()
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
    use std::path::Path;

    use rustix::time::{ClockId, clock_gettime};

    use super::*;
    use crate::infer::ModelFiles;

    /// Of the shipped model, without preparation: what one batch takes at best.
    fn cpu_seconds(precision: PrecisionChoice) -> f64 {
        const BATCH: usize = 8;
        let settings = InferenceSettings {
            provider: Provider::Cpu,
            precision,
            batch_max: BATCH,
            ..Default::default()
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/utkface-small");
        let files = ModelFiles::read(&folder, &settings).unwrap();
        let mut net = LoadedNet::load(&files.nets[0], &settings).unwrap();
        let batch = vec![0.0; BATCH * net.preparer.numbers()];
        let now = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
        };
        let rounds = (0..10).map(|_| {
            let began = now();
            run(&mut net.session, &net.net, (&batch, BATCH, &[0, 1, 2])).unwrap();
            now() - began
        });
        rounds.fold(f64::MAX, f64::min)
    }

    #[test]
    fn int8_pays_off_where_the_processor_multiplies_bytes() {
        let times = cpu_seconds(PrecisionChoice::Fp32) / cpu_seconds(PrecisionChoice::Int8);
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
