//! `CROPS=folder cargo bench --bench decode`: a JPEG -> the numbers of the shipped model's input: levels by the
//! service's own path, then normalised, which the service leaves to operators in front of the graph. In microseconds of CPU: the best of some rounds, since other programs can only make it slower. CROPS
//! names a folder of JPEGs of one size.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use demograph_core::record::Attributes;
use demograph_model::{
    decode::{Limits, image},
    manifest::{Input, Manifest},
    prepare::Preparer,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// As many as the six ways of Python have together, so that both meet the machine at its quietest.
const ROUNDS: usize = 54;
const LIMITS: Limits = Limits {
    payload_bytes_max: 1 << 20,
    image_side_min: 16,
    image_side_max: 2048,
    future_max: 0,
    past_max: i64::MAX,
};

fn main() -> anyhow::Result<()> {
    let folder = std::env::var_os("CROPS").map(PathBuf::from).context(
        "decode: CROPS names a folder of JPEGs of one size, such as benches/run.py makes",
    )?;
    let jpegs = read(&folder)?;
    let side = image(&jpegs[0], &LIMITS, Attributes::NONE)
        .map_err(|reject| anyhow::anyhow!("{}: {reject:?}", folder.display()))?
        .width;
    let manifest = std::fs::read_to_string("models/research-small/manifest.toml")?;
    let manifest = Manifest::parse(&manifest)?;
    let input = &manifest.nets[0].input;
    let mut preparer = Preparer::new(input.into());
    let mut place = vec![0; preparer.levels()];
    let mut numbers = vec![0.0; place.len()];
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = cpu_seconds();
        for jpeg in &jpegs {
            let Ok(crop) = image(jpeg, &LIMITS, Attributes::NONE) else {
                bail!("a JPEG was rejected");
            };
            preparer.write(&crop, &mut place);
            normalise(input, &place, &mut numbers);
        }
        best = best.min(cpu_seconds() - began);
    }
    let row = json!({ "row": format!("decode_{side}"), "us": best / jpegs.len() as f64 * 1e6 });
    println!("{row}");
    Ok(())
}

/// As the graph does it, so that what is measured is what Python's ways do.
fn normalise(input: &Input, levels: &[u8], numbers: &mut [f32]) {
    let plane = levels.len() / 3;
    let planes = levels.chunks(plane).zip(numbers.chunks_mut(plane));
    for ((levels, numbers), (mean, std)) in planes.zip(input.mean.iter().zip(input.std)) {
        let scale = 1.0 / std;
        for (number, &level) in numbers.iter_mut().zip(levels) {
            *number = (f32::from(level) - mean) * scale;
        }
    }
}

/// CPU seconds of this thread so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn read(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    paths.sort();
    let jpegs: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    anyhow::ensure!(!jpegs.is_empty(), "{} is empty", folder.display());
    Ok(jpegs)
}
