//! What we build on: licences that a user can live with, and one source for all crates.

use std::process::Command;

use serde_json::Value;

/// Permissive licences; each crate must offer one of them (or a combination of them).
const ALLOWED: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
];

/// Every crate that is built, tests and build scripts included.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // What is built here was fetched for here.
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it built this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression can be satisfied with allowed licences. `/` is an old way to write OR.
fn is_allowed(expression: &str) -> bool {
    let bare = expression.replace('/', " OR ").replace(['(', ')'], " ");
    bare.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|licence| ALLOWED.contains(&licence.trim()))
    })
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let packages = packages();
    assert!(packages.len() > 100, "the list of crates is not complete");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none stated");
        assert!(
            is_allowed(licence),
            "{} {}: licence {licence:?} is not among the allowed ones",
            package["name"],
            package["version"]
        );
    }
}

#[test]
fn a_licence_that_is_not_allowed_is_noticed() {
    assert!(is_allowed("MIT OR GPL-3.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_allowed("GPL-3.0"));
    assert!(!is_allowed("MIT AND AGPL-3.0-only"));
}

#[test]
fn every_dependency_comes_from_the_registry_never_from_a_branch() {
    let lock = include_str!("../../Cargo.lock");
    let sources: Vec<_> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = \""))
        .collect();
    let crates = lock.matches("[[package]]").count();
    let own = include_str!("../../Cargo.toml")
        .matches("{ path = ")
        .count()
        + 1;
    assert_eq!(sources.len() + own, crates, "a path outside the workspace");
    for source in sources {
        assert!(source.starts_with("registry+"), "{source}");
    }
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = include_str!("../../Cargo.toml");
    let mut explained = false;
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line == "[workspace.dependencies]";
        }
        explained = line.starts_with('#') || (explained && !line.is_empty());
        let is_entry = in_dependencies && line.contains(" = ");
        assert!(!is_entry || explained, "no comment above: {line}");
    }
}
