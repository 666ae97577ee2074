//! A session of ONNX Runtime with the provider that was asked for, and the memory that it reads from.

use std::path::Path;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use ort::{
    ep::ExecutionProviderDispatch,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{Session, builder::GraphOptimizationLevel},
    value::Tensor,
};

use super::{
    InferenceSettings,
    engines::{self, Shapes},
    providers, runtime,
};
use crate::infer::Provider;

/// A session, and with what settings it really runs: after a fallback they are not those that were asked for.
pub(super) struct Opened {
    pub session: Session,
    settings: InferenceSettings,
}

impl Opened {
    /// The shapes are those of the batches that it is to run, where a batch may have several.
    pub fn new(
        onnx: &Bytes,
        shapes: Option<&Shapes>,
        settings: &InferenceSettings,
    ) -> anyhow::Result<Self> {
        let environment = runtime::environment(settings)?;
        let make = |provider| -> anyhow::Result<Self> {
            let settings = InferenceSettings {
                provider,
                ..settings.clone()
            };
            let engines = match (&settings.engine_cache, provider) {
                (Some(root), Provider::Tensorrt) => {
                    Some(engines::folder(root, onnx, shapes, &settings)?)
                }
                _ => None,
            };
            let made = session(environment, onnx, &settings, shapes, engines.as_deref());
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
                        Provider::Cuda =>
                            " (setup/onnxruntime-gpu fetches one for Linux on x86_64; CUDA 13 and cuDNN 9 must be there)",
                        Provider::Tensorrt =>
                            " (setup/onnxruntime-gpu fetches one for Linux on x86_64; CUDA 13, cuDNN 9 and TensorRT 10 must be there)",
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
    shapes: Option<&Shapes>,
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
    let mut builder = match has_vnni() {
        true => builder,
        false => builder.with_config_entry("session.x64quantprecision", "1")?,
    };
    // Without these two, a provider that does not work is replaced by the CPU in silence.
    let strictly = |provider: ExecutionProviderDispatch| provider.error_on_failure();
    let provider = match settings.provider {
        // `auto` is settled before a session is made (choose.rs).
        Provider::Cpu | Provider::Auto => return builder.commit_from_memory(onnx),
        Provider::Openvino => strictly(providers::openvino(settings).build()),
        Provider::Cuda => strictly(providers::cuda(settings).build()),
        Provider::Tensorrt => strictly(providers::tensorrt(settings, shapes, engines).build()),
    };
    let mut builder = builder
        .with_execution_providers([provider])?
        .with_disable_cpu_fallback()?;
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
        let mut opened = Opened::new(&files.nets[0].front.onnx, None, &settings).unwrap();
        let mut memory = opened.memory(6).unwrap();
        assert_eq!(memory.extract_tensor_mut().1, [0; 6]);

        opened.settings.provider = Provider::Cuda;
        let error = opened.memory(12_000_000).expect_err("there is no GPU");
        let error = format!("{error:#}");
        assert!(error.starts_with("12 MB of pinned memory: "), "{error}");
    }
}
