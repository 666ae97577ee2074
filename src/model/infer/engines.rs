//! The engines that TensorRT builds: for which batches, and in which folder it keeps them with what it timed for them. Building
//! takes minutes.
//!
//! Promises: an engine is found again only for the same graph, batches, precision, library and GPU. ONNX Runtime alone would
//! take one of another shape (its issue 32254).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{InferenceSettings, PrecisionChoice, graph, runtime, sha256};
use crate::manifest::Front;

/// The batches that one engine takes, as ONNX Runtime wants them: the input's name and its lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shapes {
    pub smallest: String,
    pub largest: String,
}

impl Shapes {
    /// None where the graph fixes the batch. Also none where ONNX Runtime could not read the input's name: it takes the first
    /// colon and the first comma for the name's end.
    pub(super) fn of(front: &Front, batch_max: usize) -> Option<Self> {
        let name = &front.input.name;
        if !front.is_batch_free || name.contains([':', ',']) {
            return None;
        }
        let of = |batch| {
            let lengths = graph::shape(&front.input, batch).map(|length| length.to_string());
            format!("{name}:{}", lengths.join("x"))
        };
        Some(Self {
            smallest: of(1),
            largest: of(batch_max),
        })
    }
}

/// The folder of this graph's engines below the one that the config names.
pub(super) fn folder(
    root: &Path,
    onnx: &[u8],
    shapes: Option<&Shapes>,
    settings: &InferenceSettings,
) -> anyhow::Result<PathBuf> {
    let key = Key {
        graph: &sha256(onnx),
        shapes,
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
    /// None where the graph fixes them.
    shapes: Option<&'a Shapes>,
    precision: PrecisionChoice,
    library: &'a str,
    gpus: &'a str,
}

impl Key<'_> {
    fn name(&self) -> String {
        let Self {
            graph,
            shapes,
            precision,
            library,
            gpus,
        } = self;
        let text = format!("{graph}\n{shapes:?}\n{precision:?}\n{library}\n{gpus}");
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
    use crate::infer::ModelFiles;

    #[test]
    fn whatever_an_engine_depends_on_gives_another_folder() {
        let [small, large] = [16, 64].map(|largest| Shapes {
            smallest: "a:1".into(),
            largest: format!("a:{largest}"),
        });
        let key = Key {
            graph: "a",
            shapes: Some(&small),
            precision: PrecisionChoice::Fp32,
            library: "1.28.0",
            gpus: "H100",
        };
        let others = [
            Key { graph: "b", ..key },
            Key {
                shapes: Some(&large),
                ..key
            },
            Key {
                shapes: None,
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
    fn an_engine_takes_batches_from_one_crop_to_the_largest_unless_the_graph_fixes_them() {
        let folder = demograph_core::golden::repository("models/age-gender-cc0");
        let files = ModelFiles::read(&folder, &InferenceSettings::default()).unwrap();
        let mut front = files.nets[0].front.clone();
        let shapes = Shapes::of(&front, 256).unwrap();
        let (width, height) = (front.input.width, front.input.height);
        let expected = |batch| format!("demograph.levels:{batch}x3x{height}x{width}");
        assert_eq!(
            [shapes.smallest, shapes.largest],
            [expected(1), expected(256)]
        );

        front.input.name = "image:0".into();
        assert_eq!(Shapes::of(&front, 256), None);
        front.input.name = "image".into();
        assert!(Shapes::of(&front, 256).is_some());
        front.is_batch_free = false;
        assert_eq!(Shapes::of(&front, 256), None);
    }

    #[test]
    fn the_folder_lies_below_the_one_of_the_config_and_is_there() {
        let root = tempfile::tempdir().unwrap();
        let settings = InferenceSettings::default();
        let one = folder(root.path(), b"a", None, &settings).unwrap();
        assert!(one.is_dir() && one.starts_with(root.path()));
        let other = folder(root.path(), b"b", None, &settings).unwrap();
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
