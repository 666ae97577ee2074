//! The section `[inference]`: how to run the model. The doc comment of a field is its help text.

use std::path::PathBuf;

use demograph_core::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The number of threads that decode and infer, each with a session of its own. 0: one for each core.
    #[schemars(range(max = 256))]
    pub sessions: usize,
    /// The most crops of a track that are estimated in ten seconds. The others are spared: they are counted and not
    /// decoded, because a track has one vote. Crops without a track id are never spared. 0: all are estimated. Default: 3;
    /// 0 with `windows.weighting = "dwell"`.
    #[schemars(range(max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crops_per_track: Option<u32>,
    /// The largest batch, in crops: 8 to 32 for a CPU, 64 or more for a GPU.
    #[schemars(range(min = 1, max = 1024))]
    pub batch_max: usize,
    /// How long a worker waits for a full batch. 0s: it runs the crops that are there. For GPUs with one session, where a
    /// small batch costs as much as a large one. Estimates may come later by this time.
    pub batch_wait_max: Span,
    /// Pin each session's thread to a core of its own, if there are enough cores. Only if no other program needs these
    /// cores: the system cannot move the session away.
    pub pin: bool,
    /// The ONNX Runtime library. Default: $ORT_DYLIB_PATH, then a library beside the program, then .setup/onnxruntime of the
    /// project in which Cargo built it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnxruntime: Option<PathBuf>,
}

impl Inference {
    /// The default of `batch_max`, also where no config is read.
    pub const BATCH_MAX: usize = 16;
    /// The default of `crops_per_track`.
    pub const CROPS_PER_TRACK: u32 = 3;
}

impl Default for Inference {
    fn default() -> Self {
        Self {
            provider: Provider::Auto,
            precision: PrecisionChoice::Auto,
            allow_cpu_fallback: false,
            device_id: 0,
            sessions: 0,
            crops_per_track: None,
            batch_max: Self::BATCH_MAX,
            batch_wait_max: Span::seconds(0),
            pin: false,
            onnxruntime: None,
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
    /// The fp32 file, computed in half precision: with TensorRT only.
    Fp16,
    Int8,
}

impl PrecisionChoice {
    /// The provider that computes so, where none is named.
    pub fn provider(self) -> Provider {
        match self {
            Self::Bf16 => Provider::Openvino,
            Self::Fp16 => Provider::Tensorrt,
            Self::Auto | Self::Fp32 | Self::Int8 => Provider::Cpu,
        }
    }
}
