//! Inference by batch size, on the shipped model's int8 file, and how far the slowest batch is from the median of its
//! size once every size is warm.

use std::{collections::BTreeMap, path::Path};

use demograph::{
    config::Provider,
    infer::{InferenceSettings, Model, ModelFiles, OnnxModel},
    record::{Attribute, Crop},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};

/// Batches of random sizes.
const BATCHES: usize = 400;

pub fn run() -> anyhow::Result<()> {
    let settings = InferenceSettings {
        provider: Provider::Auto,
        ..Default::default()
    };
    let files = ModelFiles::read(Path::new("models/utkface-small"), &settings)?;
    let mut model = OnnxModel::load(&files, &settings)?;
    let (width, height) = (
        files.nets[0].net.input.width,
        files.nets[0].net.input.height,
    );
    let crops: Vec<Crop> = (0..settings.batch_max)
        .map(|_| Crop {
            width,
            height,
            rgb: vec![128; (width * height * 3) as usize],
            attributes: Attribute::ALL.into_iter().collect(),
        })
        .collect();
    let mut rng = StdRng::seed_from_u64(1);
    let mut times: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for _ in 0..BATCHES {
        let size = rng.random_range(1..=crops.len());
        let began = cpu_seconds();
        model.estimate(&crops[..size])?;
        times.entry(size).or_default().push(cpu_seconds() - began);
    }
    let mut slowest = 0.0_f64;
    for (size, times) in &mut times {
        times.sort_by(f64::total_cmp);
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        slowest = slowest.max(worst / median);
        let us = median / *size as f64 * 1e6;
        println!(
            "{}",
            serde_json::json!({ "row": format!("infer_batch_{size}"), "us": us, "slowest": worst / median })
        );
    }
    let provider = format!("{:?}", model.engine().provider);
    println!(
        "{}",
        serde_json::json!({ "row": "slowest_batch", "ratio": slowest, "provider": provider })
    );
    Ok(())
}

/// Of the whole process: an engine may compute on a thread of its own.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
