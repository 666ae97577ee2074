//! The section `[inference]`: how to run the model. The doc comment of a field is its help text.

use std::path::PathBuf;

use demograph_core::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many work on one model, and on how many sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// Threads, each with batches of its own. Where they are no more than the sessions, each has a session of its own.
    pub workers: usize,
    pub sessions: usize,
}

impl Crew {
    /// So many threads, each with a session of its own.
    pub fn with_own_sessions(count: usize) -> Self {
        Self {
            workers: count,
            sessions: count,
        }
    }
}

/// How to run the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inference {
    /// The execution provider of ONNX Runtime. `auto` measures `cpu` and `openvino` at start and takes the faster one.
    pub provider: Provider,
    /// The numeric precision, and with it the model's file that runs.
    pub precision: PrecisionChoice,
    /// If the provider is not available, run on the CPU with a warning. Otherwise the start fails.
    pub allow_cpu_fallback: bool,
    /// The GPU to use.
    pub device_id: i32,
    /// The number of sessions, which infer beside one another. 0: one for each core, and two on a GPU.
    #[schemars(range(max = 256))]
    pub sessions: usize,
    /// The number of threads that decode. Each makes a batch ready and takes the next free session for it. 0: one for each
    /// core, and at least as many as sessions. On a CPU each session has a thread of its own: leave it at 0.
    #[schemars(range(max = 256))]
    pub workers: usize,
    /// The most crops of a track that are estimated in ten seconds. The others are spared: they are counted and not
    /// decoded, because a track has one vote. Crops without a track id are never spared. 0: all are estimated. Default: 3;
    /// 0 with `windows.weighting = "dwell"`.
    #[schemars(range(max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crops_per_track: Option<u32>,
    /// The largest batch, in crops. 0: 16 on a CPU, 256 on a GPU.
    #[schemars(range(max = 1024))]
    pub batch_max: usize,
    /// How long a worker waits for a full batch. 0s: it runs the crops that are there. For GPUs with one session, where a
    /// small batch costs as much as a large one. Estimates may come later by this time.
    pub batch_wait_max: Span,
    /// Pin each worker's thread to a core of its own, if there are enough cores. Only if no other program needs these
    /// cores: the system cannot move the worker away.
    pub pin: bool,
    /// The ONNX Runtime library. Default: $ORT_DYLIB_PATH, then a library beside the program, then .setup/onnxruntime of the
    /// project in which Cargo built it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnxruntime: Option<PathBuf>,
    /// A folder in which TensorRT keeps the engines that it builds, which takes minutes. Default: each start builds them anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_cache: Option<PathBuf>,
}

impl Inference {
    /// The largest batch on a CPU where nothing is said, also where no config is read.
    pub const BATCH_ON_PROCESSOR: usize = 16;
    /// The same on a GPU: the largest that was measured on one.
    const BATCH_ON_GPU: usize = 256;
    /// One session computes while the other's batch is made ready.
    const SESSIONS_ON_GPU: usize = 2;
    /// The default of `crops_per_track`.
    pub const CROPS_PER_TRACK: u32 = 3;

    /// The largest batch.
    pub fn batch(&self) -> usize {
        match (self.batch_max, self.provider.is_on_processor()) {
            (0, true) => Self::BATCH_ON_PROCESSOR,
            (0, false) => Self::BATCH_ON_GPU,
            (said, _) => said,
        }
    }

    /// Who works on a machine with so many cores. On a processor as many threads decode as infer: more would only compete.
    pub fn crew_on(&self, cores: usize) -> Crew {
        let is_on_processor = self.provider.is_on_processor();
        let sessions = match (self.sessions, is_on_processor) {
            (0, true) => cores,
            (0, false) => Self::SESSIONS_ON_GPU,
            (said, _) => said,
        };
        let workers = match (self.workers, is_on_processor) {
            (0, true) => sessions,
            (0, false) => cores,
            (said, _) => said,
        };
        Crew {
            workers: workers.max(sessions),
            sessions,
        }
    }
}

impl Default for Inference {
    fn default() -> Self {
        Self {
            provider: Provider::Auto,
            precision: PrecisionChoice::Auto,
            allow_cpu_fallback: false,
            device_id: 0,
            sessions: 0,
            workers: 0,
            crops_per_track: None,
            batch_max: 0,
            batch_wait_max: Span::seconds(0),
            pin: false,
            onnxruntime: None,
            engine_cache: None,
        }
    }
}

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    #[default]
    Cpu,
    /// On the CPU too; needs the library that setup/onnxruntime-openvino fetches.
    Openvino,
    /// The faster of `cpu` and `openvino`, measured at start; `cpu` where the library has no OpenVINO.
    Auto,
    Cuda,
    Tensorrt,
}

impl Provider {
    /// Whether it runs on the machine's own cores.
    pub fn is_on_processor(self) -> bool {
        matches!(self, Self::Cpu | Self::Openvino | Self::Auto)
    }
}

/// Which of the model's files runs, and in which numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// int8 on the CPU where the manifest has it, else fp32.
    #[default]
    Auto,
    Fp32,
    /// The fp32 file, computed in bfloat16: with OpenVINO only.
    Bf16,
    /// Half precision, for a GPU: the manifest's fp16 file; with TensorRT the fp32 file, which it rounds.
    Fp16,
    Int8,
}

impl PrecisionChoice {
    /// The provider that computes in this precision, where none is named.
    pub fn provider(self) -> Provider {
        match self {
            Self::Bf16 => Provider::Openvino,
            // A CPU computes the fp16 file in 32 bits: slowly, and nearly as a GPU does.
            Self::Auto | Self::Fp32 | Self::Fp16 | Self::Int8 => Provider::Cpu,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_depends_on_the_provider() {
        let of = |provider, (sessions, workers, batch_max)| {
            let inference = Inference {
                provider,
                sessions,
                workers,
                batch_max,
                ..Default::default()
            };
            let Crew { workers, sessions } = inference.crew_on(16);
            [sessions, workers, inference.batch()]
        };
        for provider in [Provider::Auto, Provider::Cpu, Provider::Openvino] {
            assert_eq!(of(provider, (0, 0, 0)), [16, 16, 16]);
        }
        for provider in [Provider::Cuda, Provider::Tensorrt] {
            assert_eq!(of(provider, (0, 0, 0)), [2, 16, 256]);
            assert_eq!(of(provider, (5, 8, 7)), [5, 8, 7]);
            assert_eq!(of(provider, (20, 8, 7)), [20, 20, 7]);
        }
    }
}
