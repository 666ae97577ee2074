//! Runs the foreign tools that judge our files: promtool and the Python tools of `setup/test-tools`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python that has the pinned tools.
pub fn python() -> PathBuf {
    root().join(".setup/venv/bin/python")
}

/// Runs the program in the repository's root with `input`; panics with all that it says unless it succeeds.
pub fn run(program: impl AsRef<Path>, arguments: &[&str], input: &str) -> String {
    let program = program.as_ref();
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup-test`", program.display()));
    let mut stdin = child.stdin.take().unwrap();
    // A tool that reads nothing may have ended already; what it says tells more than the broken pipe.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}\n{said}{complained}",
        program.display(),
        output.status
    );
    said
}

/// A YAML file of the repository, read by PyYAML.
pub fn yaml(path: &str) -> Value {
    const READ: &str =
        "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    serde_json::from_str(&run(python(), &["-c", READ, path], "")).unwrap()
}

/// A text file of the repository.
pub fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
