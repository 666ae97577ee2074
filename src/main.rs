//! Parses the command line, sets up logging, runs the command, ends with its exit code.

#![expect(unsafe_code, reason = "sets the environment before any thread runs")]
mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::Cli;

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet. Some builds of ONNX Runtime report home unless told not to.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
    // A core dump would hold faces.
    if let Err(error) = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0) {
        eprintln!("warning: core dumps cannot be switched off: {error}");
    }
    Cli::parse().run()
}
