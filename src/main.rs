//! Parses the command line, sets up logging, runs the command, ends with its exit code.

#![expect(unsafe_code, reason = "sets the environment before any thread runs")]
mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::Cli;
use rustix::process::{Resource, Rlimit, setrlimit};

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet. Some builds of ONNX Runtime report home unless told not to.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    if let Err(error) = forbid_core_dumps() {
        eprintln!("warning: core dumps cannot be switched off: {error}");
    }
    Cli::parse().run()
}

/// A core dump would hold faces.
fn forbid_core_dumps() -> std::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none)?)
}

#[cfg(test)]
mod tests {
    use rustix::process::getrlimit;

    use super::*;

    #[test]
    fn a_process_that_dies_leaves_no_core_and_cannot_allow_one_again() {
        forbid_core_dumps().unwrap();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
