//! `provider = "auto"`: which of the two providers for the CPU is the faster for this model on this processor.
//!
//! Promises: both are measured on real sessions with the very file that will run, after their self-tests; both figures
//! are logged; a provider that does not start or answers wrongly is never chosen. The session that was measured serves.

use std::{panic::resume_unwind, thread, time::Duration};

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

/// What every session runs with.
pub(super) struct Settled {
    /// With a provider that can be opened.
    pub settings: InferenceSettings,
    /// The model on which the provider was measured, if one was.
    pub measured: Option<OnnxModel>,
}

impl Settled {
    fn with(provider: Provider, settings: &InferenceSettings) -> Self {
        Self {
            settings: InferenceSettings {
                provider,
                ..settings.clone()
            },
            measured: None,
        }
    }
}

/// Settles which provider runs.
pub(super) fn settle(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Settled> {
    let with = |provider| Settled::with(provider, settings);
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
        Provider::Auto => faster(files, settings)?,
        provider => with(provider),
    };
    let provider = settled.settings.provider;
    if provider.is_on_processor() && files.precision == Precision::Fp16 {
        tracing::warn!(
            "inference.precision = \"fp16\" is for a GPU: a CPU computes in 32 bits and converts, which is slower than \"fp32\""
        );
    }
    if provider == Provider::Cpu
        && files.precision == Precision::Int8
        && let Some(warning) = runtime::slow_int8()
    {
        tracing::warn!("{warning}");
    }
    Ok(settled)
}

fn faster(files: &ModelFiles, settings: &InferenceSettings) -> anyhow::Result<Settled> {
    let (mut contestants, mut refused) = (Vec::new(), Vec::new());
    for (settings, opened) in open_both(files, settings) {
        match opened {
            Ok(model) => contestants.push(Contestant {
                settings,
                model,
                best: Duration::MAX,
            }),
            Err(error) => {
                let (provider, error) = (settings.provider, format!("{error:#}"));
                tracing::warn!(?provider, error, "provider auto: left out");
                refused.push(error);
            }
        }
    }
    let crops: Vec<Crop> = (0..settings.batch_max).map(|_| grey(files)).collect();
    for _ in 0..ROUNDS {
        for Contestant { model, best, .. } in &mut contestants {
            *best = (*best).min(cpu_time(model, &crops)?);
        }
    }
    for Contestant { settings, best, .. } in &contestants {
        let provider = settings.provider;
        let crops_per_cpu_second = (crops.len() as f64 / best.as_secs_f64()).round();
        tracing::info!(?provider, crops_per_cpu_second, "provider auto: measured");
    }
    let fastest = contestants.into_iter().min_by_key(|one| one.best);
    let Contestant {
        settings, model, ..
    } = fastest.with_context(|| {
        format!(
            "no provider for the CPU runs this model: {}",
            refused.join("; ")
        )
    })?;
    tracing::info!(
        provider = ?settings.provider,
        library = runtime::version(),
        "provider auto: chosen"
    );
    Ok(Settled {
        settings,
        measured: Some(model),
    })
}

/// A provider that was opened, and its shortest turn.
struct Contestant {
    settings: InferenceSettings,
    model: OnnxModel,
    best: Duration,
}

/// Opens a session with either provider, both at once: most of a start is this.
fn open_both(
    files: &ModelFiles,
    settings: &InferenceSettings,
) -> [(InferenceSettings, anyhow::Result<OnnxModel>); 2] {
    let [cpu, openvino] = [Provider::Cpu, Provider::Openvino].map(|provider| InferenceSettings {
        provider,
        allow_cpu_fallback: false,
        ..settings.clone()
    });
    thread::scope(|scope| {
        let beside = scope.spawn(|| OnnxModel::with_provider(files, &cpu));
        let here = OnnxModel::with_provider(files, &openvino);
        let beside = beside.join().unwrap_or_else(|panic| resume_unwind(panic));
        [(cpu.clone(), beside), (openvino.clone(), here)]
    })
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
