//! `provider = "auto"`: which of the two providers for the CPU is the faster for this model on this processor.
//!
//! Promises: both are measured on real sessions with the very file that will run, after their self-tests; both figures
//! are logged; a provider that does not start or answers wrongly is never chosen.

use std::time::Duration;

use anyhow::{Context, anyhow};
use demograph_core::record::{Attribute, Crop};
use rustix::time::{ClockId, clock_gettime};

use super::{InferenceSettings, Model, ModelFiles, OnnxModel, runtime};
use crate::{
    infer::{PrecisionChoice, Provider},
    manifest::Precision,
};

/// Turns that each provider gets; the best counts, since other programs can only make one slower.
const ROUNDS: usize = 3;

/// The settings with a provider that can be opened.
pub(super) fn settle(
    files: &ModelFiles,
    settings: &InferenceSettings,
) -> anyhow::Result<InferenceSettings> {
    let with = |provider| InferenceSettings {
        provider,
        ..settings.clone()
    };
    runtime::environment(settings)?;
    let settled = match settings.provider {
        // Only OpenVINO computes in bf16: there is nothing to compare.
        Provider::Auto if settings.precision == PrecisionChoice::Bf16 => with(Provider::Openvino),
        Provider::Auto if !runtime::has_openvino() => {
            tracing::info!(
                "provider auto: cpu, because no library with OpenVINO was found (setup/onnxruntime-openvino fetches it)"
            );
            with(Provider::Cpu)
        }
        Provider::Auto => with(faster(files, settings)?),
        _ => settings.clone(),
    };
    if settled.provider.is_on_processor() && files.precision == Precision::Fp16 {
        tracing::warn!(
            "inference.precision = \"fp16\" is for a GPU: a CPU computes in 32 bits and converts, which is slower than \"fp32\""
        );
    }
    if settled.provider == Provider::Cpu
        && files.precision == Precision::Int8
        && let Some(warning) = runtime::slow_int8()
    {
        tracing::warn!("{warning}");
    }
    Ok(settled)
}

fn faster(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Provider> {
    let (mut contestants, mut refused) = (Vec::new(), Vec::new());
    for provider in [Provider::Cpu, Provider::Openvino] {
        let settings = InferenceSettings {
            provider,
            allow_cpu_fallback: false,
            ..settings.clone()
        };
        match OnnxModel::with_provider(files, &settings) {
            Ok(model) => contestants.push((provider, model, Duration::MAX)),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(?provider, error, "provider auto: left out");
                refused.push(error);
            }
        }
    }
    let crops: Vec<Crop> = (0..settings.batch_max).map(|_| grey(files)).collect();
    for _ in 0..ROUNDS {
        for (_, model, best) in &mut contestants {
            *best = (*best).min(cpu_time(model, &crops)?);
        }
    }
    for (provider, _, best) in &contestants {
        let crops_per_cpu_second = (crops.len() as f64 / best.as_secs_f64()).round();
        tracing::info!(?provider, crops_per_cpu_second, "provider auto: measured");
    }
    let (provider, ..) = contestants
        .iter()
        .min_by_key(|(_, _, best)| *best)
        .with_context(|| {
            format!(
                "no provider for the CPU runs this model: {}",
                refused.join("; ")
            )
        })?;
    tracing::info!(
        ?provider,
        library = runtime::version(),
        "provider auto: chosen"
    );
    Ok(*provider)
}

/// A crop of the first net's size, so that the time is inference's alone.
fn grey(files: &ModelFiles) -> Crop {
    let (width, height) = files
        .nets
        .first()
        .map_or((1, 1), |file| (file.net.input.width, file.net.input.height));
    let pixels = vec![128; (width * height * 3) as usize];
    Crop::from_rgb(
        (width, height),
        &pixels,
        Attribute::ALL.into_iter().collect(),
    )
}

/// Of the whole process: OpenVINO may compute on a thread of its own.
fn cpu_time(model: &mut OnnxModel, crops: &[Crop]) -> anyhow::Result<Duration> {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(time).map_err(|_| anyhow!("the process's CPU time is negative"))
    };
    let began = now()?;
    model.estimate(crops)?;
    Ok(now()?.saturating_sub(began))
}
