//! ONNX Runtime itself: found, loaded and started once a process.

#![expect(unsafe_code, reason = "asks a C library for its version")]
use std::{
    ffi::CStr,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use anyhow::{Context, anyhow, bail};
use ort::environment::Environment;

use super::InferenceSettings;
use crate::infer::Provider;

/// What the library is called beside the program and in the project's folder.
const LIBRARY: &str = "libonnxruntime.so";
/// Libraries with another provider than the CPU's.
const OPENVINO: Variant = Variant {
    folder: "onnxruntime-openvino",
    provider: "libonnxruntime_providers_openvino.so",
};
const CUDA: Variant = Variant {
    folder: "onnxruntime-gpu",
    provider: "libonnxruntime_providers_cuda.so",
};
const TENSORRT: Variant = Variant {
    provider: "libonnxruntime_providers_tensorrt.so",
    ..CUDA
};

/// A library with a provider of its own.
struct Variant {
    /// Its folder, beside that of the usual library or the program.
    folder: &'static str,
    /// What lies beside it.
    provider: &'static str,
}
/// Minor versions in which int8 was measured 2.7 times slower on a processor without AMX (docs/adr, 1); 1.32 is well again.
const SLOW_INT8: std::ops::Range<u32> = 27..32;

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static LIBRARY_FILE: OnceLock<PathBuf> = OnceLock::new();
static VERSION: OnceLock<String> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// The environment; the first call decides which library is loaded.
pub(super) fn environment(settings: &InferenceSettings) -> anyhow::Result<&'static Environment> {
    let _one_at_a_time = STARTING
        .lock()
        .map_err(|_| anyhow!("an earlier start of ONNX Runtime panicked"))?;
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let library = find(settings)?;
    let started =
        start(&library).and_then(|environment| Ok((environment, read_version(&library)?)));
    let (environment, version) = started
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("load ONNX Runtime from {}", library.display()))?;
    VERSION.get_or_init(|| version);
    LIBRARY_FILE.get_or_init(|| library);
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// The version of the library that [`environment`] loaded.
pub(super) fn version() -> &'static str {
    VERSION.get().map_or("", String::as_str)
}

/// Whether the library that [`environment`] loaded has OpenVINO beside it.
pub(super) fn has_openvino() -> bool {
    LIBRARY_FILE
        .get()
        .is_some_and(|library| OPENVINO.is_at(library))
}

/// Why int8 on the loaded library's CPU provider is slower than it need be on this processor, if it is.
pub(super) fn slow_int8() -> Option<String> {
    slow_int8_of(version(), has_amx())
}

fn slow_int8_of(version: &str, has_amx: bool) -> Option<String> {
    let minor: u32 = version.split('.').nth(1)?.parse().ok()?;
    (SLOW_INT8.contains(&minor) && !has_amx).then(|| {
        format!(
            "ONNX Runtime {version} computes int8 2.7 times slower than 1.26.0 on a processor without AMX, as this one is: \
             use the library that setup/onnxruntime fetches, or inference.provider = \"openvino\""
        )
    })
}

/// AMX-INT8: leaf 7, EDX, bit 25.
#[cfg(target_arch = "x86_64")]
fn has_amx() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & (1 << 25) != 0
}

/// Nothing was measured on other processors, so nothing is said of them.
#[cfg(not(target_arch = "x86_64"))]
fn has_amx() -> bool {
    true
}

fn read_version(library: &Path) -> Result<String, Box<dyn std::error::Error>> {
    // SAFETY: the library is loaded already (its initialisers have run), and the two functions are those that every
    // version of ONNX Runtime's C interface begins with.
    unsafe {
        let library = libloading::Library::new(library)?;
        let base = library
            .get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase")?;
        let version = ((*base()).GetVersionString)();
        Ok(CStr::from_ptr(version).to_str()?.to_owned())
    }
}

fn start(library: &Path) -> Result<Environment, Box<dyn std::error::Error>> {
    let environment = ort::init_from(library)?
        .with_name("demograph")
        .with_telemetry(false)
        .build()?;
    // It tells each step of each optimisation: hundreds of lines a start.
    environment.set_log_level(ort::logging::LogLevel::Warning);
    Ok(environment)
}

/// The first of the usual places that has the library.
fn find(settings: &InferenceSettings) -> anyhow::Result<PathBuf> {
    let places = match &settings.onnxruntime {
        Some(path) => vec![path.clone()],
        None => usual_places(),
    };
    let variant = match settings.provider {
        Provider::Cpu => None,
        Provider::Openvino | Provider::Auto => Some(OPENVINO),
        Provider::Cuda => Some(CUDA),
        Provider::Tensorrt => Some(TENSORRT),
    };
    if let Some(library) = variant.and_then(|variant| variant.find(&places)) {
        return Ok(library);
    }
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.clone()),
        None => bail!(
            "the ONNX Runtime library was not found; looked at {}. \
             `make setup` fetches it; elsewhere set inference.onnxruntime or ORT_DYLIB_PATH to {LIBRARY} 1.24 to 1.28",
            places
                .iter()
                .map(|place| place.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

impl Variant {
    /// The first library with the provider: one of the places, or in its folder's or its folder's neighbour. A process
    /// can load one ONNX Runtime only, and each has the CPU provider too.
    fn find(&self, places: &[PathBuf]) -> Option<PathBuf> {
        let candidates = places.iter().flat_map(|place| {
            let folders = [place.parent(), place.parent().and_then(Path::parent)];
            let beside = folders.map(|folder| Some(folder?.join(self.folder).join(LIBRARY)));
            [Some(place.clone())].into_iter().chain(beside).flatten()
        });
        candidates.into_iter().find(|library| self.is_at(library))
    }

    fn is_at(&self, library: &Path) -> bool {
        library.is_file() && library.with_file_name(self.provider).is_file()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the variable is ONNX Runtime's own convention"
)]
fn usual_places() -> Vec<PathBuf> {
    let named = std::env::var("ORT_DYLIB_PATH").ok().map(PathBuf::from);
    let program = std::env::current_exe().ok();
    named
        .into_iter()
        .chain(program.as_deref().and_then(beside))
        .chain(program.as_deref().and_then(in_project))
        .collect()
}

fn beside(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.join(LIBRARY))
}

/// Of a program that Cargo built (`target/debug/demograph`), what `make setup` fetched. Never looked for in the working
/// directory: who can write there would choose the library that is loaded.
fn in_project(program: &Path) -> Option<PathBuf> {
    let target = program
        .ancestors()
        .find(|folder| folder.ends_with("target"))?;
    Some(target.parent()?.join(".setup/onnxruntime").join(LIBRARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_slow_in_int8_is_named_where_it_is_slow() {
        for (version, has_amx, is_slow) in [
            ("1.26.0", false, false),
            ("1.24.1", false, false),
            ("1.27.0", false, true),
            ("1.31.1", false, true),
            ("1.31.1", true, false),
            ("1.32.0", false, false),
            ("unknown", false, false),
        ] {
            let said = slow_int8_of(version, has_amx);
            assert_eq!(said.is_some(), is_slow, "{version}, AMX {has_amx}");
            assert!(said.is_none_or(|text| text.contains(version)));
        }
    }

    #[test]
    fn no_place_depends_on_the_working_directory() {
        for place in usual_places() {
            assert!(place.is_absolute(), "{}", place.display());
        }
        let built = in_project(Path::new("/src/demograph/target/release/demograph"));
        let expected = Path::new("/src/demograph/.setup/onnxruntime").join(LIBRARY);
        assert_eq!(built, Some(expected));
        assert_eq!(in_project(Path::new("/usr/bin/demograph")), None);
    }

    #[test]
    fn the_library_with_a_provider_is_found_beside_the_one_without() {
        for variant in [OPENVINO, CUDA, TENSORRT] {
            let root = tempfile::tempdir().unwrap();
            let places = [root.path().join("onnxruntime").join(LIBRARY)];
            assert_eq!(variant.find(&places), None);
            let folder = root.path().join(variant.folder);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join(LIBRARY), "").unwrap();
            assert_eq!(variant.find(&places), None, "without its provider");
            std::fs::write(folder.join(variant.provider), "").unwrap();
            assert_eq!(variant.find(&places), Some(folder.join(LIBRARY)));
        }
    }
}
