//! What each provider of ONNX Runtime is told. An option that is not named here is as ONNX Runtime leaves it.

use std::path::Path;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider};

use super::{InferenceSettings, PrecisionChoice, engines::Shapes};

pub(super) fn openvino(settings: &InferenceSettings) -> ep::OpenVINO {
    ep::OpenVINO::default()
        .with_device_type("CPU")
        .with_arbitrary_config("load_config", openvino_config(settings.precision))
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

/// Of the library alone on one H100 (1.28.0, fp32, batches of 256, two sessions or more): 59,600 crops/s with channels last
/// inside, 50,300 without. So channels are last.
///
/// Three options stay as they are:
/// - TF32: ONNX Runtime turns it on by itself. The figures above have it, and the self-test guards what it rounds.
/// - `fuse_conv_bias` is off: it was not measured.
/// - CUDA graphs are off: they want the same addresses and lengths in each run. A session here reads the batches of several
///   workers, in several sizes.
pub(super) fn cuda(settings: &InferenceSettings) -> ep::CUDA {
    ep::CUDA::default()
        .with_device_id(settings.device_id)
        .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
        .with_prefer_nhwc(true)
}

/// One engine for all sizes of batches. Without the shapes TensorRT builds one for the first batch, and builds it anew for each
/// batch outside of the sizes that it has met: minutes each. It is made for the largest, since a busy GPU gets those.
///
/// Its CUDA graphs stay off, as those of [`cuda`].
pub(super) fn tensorrt(
    settings: &InferenceSettings,
    shapes: Option<&Shapes>,
    engines: Option<&Path>,
) -> ep::TensorRT {
    let mut tensorrt = ep::TensorRT::default()
        .with_device_id(settings.device_id)
        .with_fp16(settings.precision == PrecisionChoice::Fp16);
    if let Some(Shapes { smallest, largest }) = shapes {
        tensorrt = tensorrt
            .with_profile_min_shapes(smallest)
            .with_profile_opt_shapes(largest)
            .with_profile_max_shapes(largest);
    }
    if let Some(folder) = engines {
        let folder = folder.display().to_string();
        tensorrt = tensorrt
            .with_engine_cache(true)
            .with_engine_cache_path(&folder)
            .with_timing_cache(true)
            .with_timing_cache_path(&folder);
    }
    tensorrt
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Debug};

    use super::*;

    /// The options as ort prints them: `"name": "value"`.
    fn options(provider: &impl Debug) -> BTreeSet<String> {
        let text = format!("{provider:?}");
        let (_, options) = text.split_once('(').unwrap();
        let words: Vec<&str> = options.split('"').skip(1).step_by(2).collect();
        let pairs = words
            .chunks(2)
            .map(|pair| format!("{} = {}", pair[0], pair[1]));
        pairs.collect()
    }

    fn set(lines: &[&str]) -> BTreeSet<String> {
        lines.iter().map(|&line| line.to_owned()).collect()
    }

    fn settings(precision: PrecisionChoice) -> InferenceSettings {
        InferenceSettings {
            device_id: 3,
            precision,
            ..Default::default()
        }
    }

    #[test]
    fn cuda_is_told_where_it_runs_how_it_searches_and_that_channels_are_last() {
        let expected = [
            "device_id = 3",
            "cudnn_conv_algo_search = HEURISTIC",
            "prefer_nhwc = true",
        ];
        for precision in [PrecisionChoice::Fp32, PrecisionChoice::Fp16] {
            assert_eq!(options(&cuda(&settings(precision))), set(&expected));
        }
    }

    #[test]
    fn tensorrt_is_told_the_sizes_of_batches_and_where_its_engines_lie() {
        let shapes = Shapes {
            smallest: "a:1x3x8x8".into(),
            largest: "a:256x3x8x8".into(),
        };
        let half = settings(PrecisionChoice::Fp16);
        let told = tensorrt(&half, Some(&shapes), Some(Path::new("/engines")));
        let expected = [
            "device_id = 3",
            "trt_fp16_enable = true",
            "trt_profile_min_shapes = a:1x3x8x8",
            "trt_profile_opt_shapes = a:256x3x8x8",
            "trt_profile_max_shapes = a:256x3x8x8",
            "trt_engine_cache_enable = true",
            "trt_engine_cache_path = /engines",
            "trt_timing_cache_enable = true",
            "trt_timing_cache_path = /engines",
        ];
        assert_eq!(options(&told), set(&expected));
        let told = tensorrt(&settings(PrecisionChoice::Fp32), None, None);
        assert_eq!(
            options(&told),
            set(&["device_id = 3", "trt_fp16_enable = false"])
        );
    }

    #[test]
    fn openvino_is_told_the_precision_and_to_pin_no_thread() {
        for (precision, hint) in [
            (PrecisionChoice::Auto, "f32"),
            (PrecisionChoice::Bf16, "bf16"),
        ] {
            let told: serde_json::Value =
                serde_json::from_str(&openvino_config(precision)).unwrap();
            let expected = serde_json::json!({
                "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1",
                "ENABLE_CPU_PINNING": "NO"
            });
            assert_eq!(told["CPU"], expected);
        }
    }
}
