//! A JPEG -> its place in the shipped model's batch, by the service's own path. CROPS names a folder of JPEGs of one size.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use demograph::{
    decode::{Limits, image},
    infer::{Manifest, Preparer},
    record::Attributes,
};

use super::{microseconds, say};

const LIMITS: Limits = Limits {
    payload_bytes_max: 1 << 20,
    image_side_max: 2048,
    future_max: 0,
};

pub fn run() -> anyhow::Result<()> {
    let folder = std::env::var_os("CROPS").map(PathBuf::from).context(
        "decode: CROPS names a folder of JPEGs of one size, such as benches/run.py makes",
    )?;
    let jpegs = read(&folder)?;
    let side = image(&jpegs[0], &LIMITS, Attributes::NONE)
        .map_err(|reject| anyhow::anyhow!("{}: {reject:?}", folder.display()))?
        .width;
    let manifest = std::fs::read_to_string("models/utkface-small/manifest.toml")?;
    let manifest = Manifest::parse(&manifest)?;
    let mut preparer = Preparer::new(&manifest.nets[0].input);
    let mut place = vec![0.0; preparer.numbers()];
    let us = microseconds(jpegs.len(), || {
        for jpeg in &jpegs {
            let Ok(crop) = image(jpeg, &LIMITS, Attributes::NONE) else {
                bail!("a JPEG was rejected");
            };
            preparer.write(&crop, &mut place)?;
        }
        Ok(())
    })?;
    say(&format!("decode_{side}"), us);
    Ok(())
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
