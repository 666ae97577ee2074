//! The folder in which TensorRT keeps the engines that it builds, and what it timed for them: building takes minutes.
//!
//! Promises: an engine is found again only for the same graph, batch, precision, library and GPU. ONNX Runtime alone would
//! take one of another shape (its issue 32254).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{InferenceSettings, PrecisionChoice, runtime, sha256};

/// The folder of this graph's engines below the one that the config names.
pub(super) fn folder(
    root: &Path,
    onnx: &[u8],
    settings: &InferenceSettings,
) -> anyhow::Result<PathBuf> {
    let key = Key {
        graph: &sha256(onnx),
        batch_max: settings.batch_max,
        precision: settings.precision,
        library: runtime::version(),
        gpus: &gpus(Path::new("/proc/driver/nvidia")),
    };
    let folder = root.join(key.name());
    fs::create_dir_all(&folder)
        .with_context(|| format!("inference.engine_cache: make {}", folder.display()))?;
    Ok(folder)
}

/// What an engine depends on.
#[derive(Debug, Clone, Copy)]
struct Key<'a> {
    /// The SHA-256 of the file with its operators in front, which say the image's size.
    graph: &'a str,
    batch_max: usize,
    precision: PrecisionChoice,
    library: &'a str,
    gpus: &'a str,
}

impl Key<'_> {
    fn name(&self) -> String {
        let Self {
            graph,
            batch_max,
            precision,
            library,
            gpus,
        } = self;
        let text = format!("{graph}\n{batch_max}\n{precision:?}\n{library}\n{gpus}");
        sha256(text.as_bytes())
    }
}

/// The models of the GPUs and the driver, as the driver says them.
fn gpus(driver: &Path) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let mut models: Vec<String> = fs::read_dir(driver.join("gpus"))
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|gpu| {
            let text = read(gpu.path().join("information"));
            let models = text.lines().filter(|line| line.starts_with("Model:"));
            models.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    models.sort();
    models.push(read(driver.join("version")));
    models.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_engine_depends_on_gives_another_folder() {
        let key = Key {
            graph: "a",
            batch_max: 16,
            precision: PrecisionChoice::Fp32,
            library: "1.28.0",
            gpus: "H100",
        };
        let others = [
            Key { graph: "b", ..key },
            Key {
                batch_max: 64,
                ..key
            },
            Key {
                precision: PrecisionChoice::Fp16,
                ..key
            },
            Key {
                library: "1.26.0",
                ..key
            },
            Key { gpus: "L4", ..key },
        ];
        assert_eq!(key.name(), key.name());
        for other in others {
            assert_ne!(other.name(), key.name(), "{other:?}");
        }
    }

    #[test]
    fn the_folder_lies_below_the_one_of_the_config_and_is_there() {
        let root = tempfile::tempdir().unwrap();
        let settings = InferenceSettings::default();
        let one = folder(root.path(), b"a", &settings).unwrap();
        assert!(one.is_dir() && one.starts_with(root.path()));
        let other = folder(root.path(), b"b", &settings).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn the_gpus_are_those_that_the_driver_names() {
        let driver = tempfile::tempdir().unwrap();
        assert_eq!(gpus(driver.path()), "");
        for (bus, model) in [("0000:02:00.0", "L4"), ("0000:01:00.0", "H100")] {
            let gpu = driver.path().join("gpus").join(bus);
            fs::create_dir_all(&gpu).unwrap();
            let text = format!("Model: \t\t {model}\nBus Location: \t {bus}\n");
            fs::write(gpu.join("information"), text).unwrap();
        }
        fs::write(driver.path().join("version"), "580").unwrap();
        assert_eq!(gpus(driver.path()), "Model: \t\t H100\nModel: \t\t L4\n580");
    }
}
