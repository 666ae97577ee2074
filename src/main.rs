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
    end_where_nobody_reads();
    Cli::parse().run()
}

/// A reader that has seen enough, such as `head`, ends the program without a word, as SIGPIPE ends others.
fn end_where_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout: Broken pipe") {
            std::process::exit(141);
        }
        usual(panic);
    }));
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
