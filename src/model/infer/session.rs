//! A session of ONNX Runtime with the provider that was asked for, and the memory that it reads from.

use std::path::Path;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use ort::{
    ep::{self, ArbitrarilyConfigurableExecutionProvider},
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{Session, builder::GraphOptimizationLevel},
    value::Tensor,
};

use super::{InferenceSettings, engines, runtime};
use crate::infer::{PrecisionChoice, Provider};

/// A session, and with what settings it really runs: after a fallback they are not those that were asked for.
pub(super) struct Opened {
    pub session: Session,
    settings: InferenceSettings,
}

impl Opened {
    pub fn new(onnx: &Bytes, settings: &InferenceSettings) -> anyhow::Result<Self> {
        let environment = runtime::environment(settings)?;
        let make = |provider| -> anyhow::Result<Self> {
            let settings = InferenceSettings {
                provider,
                ..settings.clone()
            };
            let engines = match (&settings.engine_cache, provider) {
                (Some(root), Provider::Tensorrt) => Some(engines::folder(root, onnx, &settings)?),
                _ => None,
            };
            let made = session(environment, onnx, &settings, engines.as_deref());
            let session = made.map_err(|error| anyhow!("{error}"))?;
            Ok(Self { session, settings })
        };
        match make(settings.provider) {
            Err(error) if settings.provider == Provider::Cpu => {
                Err(error).context("ONNX Runtime refuses the net")
            }
            Err(error) if settings.allow_cpu_fallback => {
                tracing::warn!(provider = ?settings.provider, error = format!("{error:#}"), "not available: running on the CPU");
                make(Provider::Cpu).context("ONNX Runtime refuses the net")
            }
            opened => opened.with_context(|| {
                format!(
                    "inference.provider = {:?} is not available with this library and machine; \
                     install an ONNX Runtime with it{}, or set provider = \"cpu\", or allow_cpu_fallback = true",
                    format!("{:?}", settings.provider).to_lowercase(),
                    match settings.provider {
                        Provider::Openvino => " (setup/onnxruntime-openvino fetches one for Linux on x86_64)",
                        Provider::Cuda | Provider::Tensorrt =>
                            " (setup/onnxruntime-gpu fetches one for Linux on x86_64; CUDA 13 and cuDNN 9 must be there)",
                        _ => "",
                    }
                )
            }),
        }
    }

    /// Memory for the levels of a batch. For a GPU it is pinned: it copies from there by itself, while this thread and
    /// the other session's batch go on, whereas other memory is first copied to where the driver can reach it.
    pub fn memory(&self, levels: usize) -> anyhow::Result<Tensor<u8>> {
        if self.settings.provider.is_on_processor() {
            return Ok(Tensor::from_array(([levels], vec![0; levels]))?);
        }
        let pinned = MemoryInfo::new(
            AllocationDevice::CUDA_PINNED,
            self.settings.device_id,
            AllocatorType::Device,
            MemoryType::CPUInput,
        )?;
        Allocator::new(&self.session, pinned)
            .and_then(|pinned| Tensor::new(&pinned, [levels]))
            .with_context(|| format!("{} MB of pinned memory", levels / 1_000_000))
    }
}

/// One thread each: sessions run beside one another, so threads inside them would only compete.
fn session(
    environment: &ort::environment::Environment,
    onnx: &Bytes,
    settings: &InferenceSettings,
    engines: Option<&Path>,
) -> ort::Result<Session> {
    let builder = Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    // Without VNNI the usual kernel overflows where weights are signed, so another one is asked for, which with VNNI would take
    // 2.4 times as long.
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
            // Of the library alone on one H100 (1.28.0, fp32, batches of 256, two sessions or more): 59,600 crops/s with
            // channels last inside, 50,300 without.
            let cuda = ep::CUDA::default()
                .with_device_id(device_id)
                .with_conv_algorithm_search(search)
                .with_prefer_nhwc(true);
            builder
                .with_execution_providers([strictly(cuda.build())])?
                .with_disable_cpu_fallback()?
        }
        Provider::Tensorrt => {
            let mut tensorrt = ep::TensorRT::default()
                .with_device_id(device_id)
                .with_fp16(settings.precision == PrecisionChoice::Fp16);
            if let Some(folder) = engines {
                let folder = folder.display().to_string();
                tensorrt = tensorrt
                    .with_engine_cache(true)
                    .with_engine_cache_path(&folder)
                    .with_timing_cache(true)
                    .with_timing_cache_path(&folder);
            }
            builder
                .with_execution_providers([strictly(tensorrt.build())])?
                .with_disable_cpu_fallback()?
        }
    };
    builder.commit_from_memory(onnx)
}

/// Whether the processor has an instruction that sums products of bytes without overflow.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni")
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn has_vnni() -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::ModelFiles;

    #[test]
    fn memory_for_a_gpu_that_is_not_there_is_an_error_that_says_what_was_wanted() {
        let settings = InferenceSettings {
            provider: Provider::Cpu,
            ..Default::default()
        };
        let folder = demograph_core::golden::repository("models/age-gender-cc0");
        let files = ModelFiles::read(&folder, &settings).unwrap();
        let mut opened = Opened::new(&files.nets[0].front.onnx, &settings).unwrap();
        let mut memory = opened.memory(6).unwrap();
        assert_eq!(memory.extract_tensor_mut().1, [0; 6]);

        opened.settings.provider = Provider::Cuda;
        let error = opened.memory(12_000_000).expect_err("there is no GPU");
        let error = format!("{error:#}");
        assert!(error.starts_with("12 MB of pinned memory: "), "{error}");
    }
}
