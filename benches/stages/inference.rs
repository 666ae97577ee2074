//! Inference as the service does it (resize, normalise, session, heads), by provider, file and batch size.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, ensure};
use demograph_core::record::{Attribute, Crop};
use demograph_model::infer::{
    Crew, InferenceSettings, Model, ModelFiles, OnnxModel, PrecisionChoice, Provider,
};
use demograph_service::cores;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{Cost, cost, median, print_row, rounded};

/// 3 and 5 are no powers of two.
const BATCHES: [usize; 8] = [1, 2, 3, 4, 5, 8, 16, 32];
/// inference.batch_max by default.
const USUAL_BATCH: usize = 8;
/// Crops of one measurement.
const CROPS: usize = 64;
const ROUNDS: usize = 7;
/// Batches of random sizes.
const RANDOM: usize = 400;

/// Each provider in a process of its own: a process can load one ONNX Runtime only, and each has its own.
pub fn run_each() -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    for provider in ["cpu", "openvino"] {
        let status = Command::new(&program)
            .args(["inference", provider])
            .status()?;
        ensure!(status.success(), "inference {provider}: {status}");
    }
    Ok(())
}

/// The files that a provider runs: int8, and what the processor can besides.
pub fn run(provider: &str) -> anyhow::Result<()> {
    let (provider, precisions) = match provider {
        "cpu" => (
            Provider::Cpu,
            [PrecisionChoice::Int8, PrecisionChoice::Fp32],
        ),
        _ => (
            Provider::Openvino,
            [PrecisionChoice::Int8, PrecisionChoice::Bf16],
        ),
    };
    for precision in precisions {
        let settings = InferenceSettings {
            provider,
            precision,
            batch_max: *BATCHES.last().expect("there are sizes"),
            ..InferenceSettings::default()
        };
        by_size(&settings)?;
        slowest(&settings)?;
        together(&settings)?;
    }
    Ok(())
}

/// $MODEL, else the shipped one.
pub fn model_folder() -> PathBuf {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/research-small");
    std::env::var_os("MODEL").map_or_else(|| shipped.into(), PathBuf::from)
}

fn load(settings: &InferenceSettings) -> anyhow::Result<OnnxModel> {
    let folder = model_folder();
    let files = ModelFiles::read(&folder, settings)?;
    OnnxModel::load(&files, settings).with_context(|| folder.display().to_string())
}

/// Noise of a size that a tracker's crops have; it costs what a face does.
fn crops(count: usize) -> Vec<Crop> {
    let mut random = StdRng::seed_from_u64(7);
    let crop = |_| {
        let side = 160;
        let mut rgb = vec![0; (side * side * 3) as usize];
        random.fill_bytes(&mut rgb);
        Crop::from_rgb((side, side), &rgb, Attribute::ALL.into_iter().collect())
    };
    (0..count).map(crop).collect()
}

fn estimate(model: &mut OnnxModel, crops: &[Crop]) -> Cost {
    cost(|| {
        let estimates = model.estimate(crops).expect("the session works");
        assert_eq!(estimates.len(), crops.len());
    })
}

/// The sizes take turns, so that what disturbs the machine disturbs all of them.
fn by_size(settings: &InferenceSettings) -> anyhow::Result<()> {
    let mut model = load(settings)?;
    let mut costs = vec![Vec::new(); BATCHES.len()];
    for _ in 0..ROUNDS {
        for (size, costs) in BATCHES.into_iter().zip(&mut costs) {
            let crops = crops(size);
            let mut sum = Cost::default();
            for _ in 0..CROPS.div_ceil(size) {
                let one = estimate(&mut model, &crops);
                sum.cpu += one.cpu;
                sum.wall += one.wall;
            }
            costs.push(sum);
        }
    }
    for (size, costs) in BATCHES.into_iter().zip(&costs) {
        let cost = Cost {
            cpu: median(costs.iter().map(|cost| cost.cpu)),
            wall: median(costs.iter().map(|cost| cost.wall)),
        };
        let row = format!("inference, {}, batches of {size}", name(&model));
        print_row(
            &row,
            cost,
            CROPS.div_ceil(size) * size,
            json!({"model": model.facts().id}),
        );
    }
    Ok(())
}

/// Whether any size that comes along costs more than it should: the slowest batch against the median of its size. CPU
/// time decides; the clock is beside it.
fn slowest(settings: &InferenceSettings) -> anyhow::Result<()> {
    let mut model = load(settings)?;
    let largest = settings.batch_max;
    let crops = crops(largest);
    let mut random = StdRng::seed_from_u64(11);
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); largest + 1];
    let mut sum = Cost::default();
    let mut events = 0;
    for _ in 0..RANDOM {
        let size = random.random_range(1..=largest);
        let one = estimate(&mut model, &crops[..size]);
        costs[size].push(one);
        sum.cpu += one.cpu;
        sum.wall += one.wall;
        events += size;
    }
    let ratio = |of: fn(&Cost) -> Duration| {
        let worst = costs.iter().filter(|costs| !costs.is_empty()).map(|costs| {
            let usual = median(costs.iter().map(of));
            let slowest = costs.iter().map(of).max().unwrap_or_default();
            slowest.as_secs_f64() / usual.as_secs_f64()
        });
        rounded(worst.fold(0.0, f64::max))
    };
    let row = format!("inference, {}, batches of random size", name(&model));
    let more = json!({
        "largest": largest,
        "batches": RANDOM,
        "slowest_of_its_median_cpu": ratio(|cost| cost.cpu),
        "slowest_of_its_median_wall": ratio(|cost| cost.wall),
    });
    print_row(&row, sum, events, more);
    Ok(())
}

/// As many sessions as cores, each with a thread: on a core of its own, and where the system puts it. Beside the CPU time
/// the clock is of interest here; each takes turns, since other programs disturb it.
fn together(settings: &InferenceSettings) -> anyhow::Result<()> {
    let sessions = std::thread::available_parallelism()?.get();
    let settings = InferenceSettings {
        batch_max: USUAL_BATCH,
        ..settings.clone()
    };
    let files = ModelFiles::read(&model_folder(), &settings)?;
    let crew = Crew::with_own_sessions(sessions);
    let mut models = OnnxModel::load_several(&files, &settings, crew)?;
    let crops = crops(USUAL_BATCH);
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (is_pinned, costs) in [false, true].into_iter().zip(&mut costs) {
            let cores = cores::one_each(sessions);
            costs.push(cost(|| {
                std::thread::scope(|scope| {
                    for (model, core) in models.iter_mut().zip(cores) {
                        let crops = &crops;
                        scope.spawn(move || {
                            if is_pinned {
                                cores::keep_to(core);
                            }
                            for _ in 0..4 * CROPS / USUAL_BATCH {
                                estimate(model, crops);
                            }
                        });
                    }
                });
            }));
        }
    }
    for (how, costs) in ["free", "pinned"].into_iter().zip(&costs) {
        let cost = Cost {
            cpu: median(costs.iter().map(|cost| cost.cpu)),
            wall: median(costs.iter().map(|cost| cost.wall)),
        };
        let row = format!("inference, {}, {sessions} sessions {how}", name(&models[0]));
        print_row(
            &row,
            cost,
            4 * CROPS * sessions,
            json!({"batch": USUAL_BATCH}),
        );
    }
    Ok(())
}

fn name(model: &OnnxModel) -> String {
    let engine = model.engine();
    let provider = format!("{:?}", engine.provider).to_lowercase();
    format!(
        "{provider} {} ({})",
        engine.precision.name(),
        engine.library
    )
}
