//! ONNX Runtime itself: found, loaded and started once a process.

use std::{
    ffi::CStr,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use anyhow::{Context, anyhow, bail};
use ort::environment::Environment;

/// What the library is called beside the program and in the project's folder.
const LIBRARY: &str = "libonnxruntime.so";

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static VERSION: OnceLock<String> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// The environment; the first call decides which library is loaded.
pub(super) fn environment(configured: Option<&Path>) -> anyhow::Result<&'static Environment> {
    let _one_at_a_time = STARTING
        .lock()
        .map_err(|_| anyhow!("an earlier start of ONNX Runtime panicked"))?;
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let library = find(configured)?;
    let started =
        start(&library).and_then(|environment| Ok((environment, read_version(&library)?)));
    let (environment, version) = started
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("load ONNX Runtime from {}", library.display()))?;
    VERSION.get_or_init(|| version);
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// The version of the library that [`environment`] loaded.
pub(super) fn version() -> &'static str {
    VERSION.get().map_or("", String::as_str)
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
fn find(configured: Option<&Path>) -> anyhow::Result<PathBuf> {
    let places = match configured {
        Some(path) => vec![path.to_owned()],
        None => usual_places(),
    };
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.clone()),
        None => bail!(
            "the ONNX Runtime library is not there; looked at {}. \
             `make setup` fetches it; elsewhere set inference.onnxruntime or ORT_DYLIB_PATH to {LIBRARY} 1.24 to 1.28",
            places
                .iter()
                .map(|place| place.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the variable is ONNX Runtime's own convention"
)]
fn usual_places() -> Vec<PathBuf> {
    let named = std::env::var("ORT_DYLIB_PATH").ok().map(PathBuf::from);
    let program = std::env::current_exe().ok();
    let beside = program.and_then(|program| Some(program.parent()?.join(LIBRARY)));
    let project = Path::new(".setup/onnxruntime").join(LIBRARY);
    named.into_iter().chain(beside).chain([project]).collect()
}
