//! The tables as DuckDB and pyarrow read them.

use std::path::Path;

use serde_json::Value;

use super::{Process, command, repository, setup};

/// The rows of a query, as objects.
pub fn duckdb(sql: &str) -> Vec<Value> {
    ask("duckdb", sql)
}

/// The table `windows` in this folder or at this URL, summed by source.
pub fn pyarrow_totals(windows: &str) -> Vec<Value> {
    ask("totals", windows)
}

/// The columns of a file, in the words of `schemas/*.arrow.txt`.
pub fn pyarrow_schema(file: &Path) -> Vec<Value> {
    ask("schema", &file.display().to_string())
}

fn ask(question: &str, argument: &str) -> Vec<Value> {
    let mut python = command(setup("venv/bin/python", "setup/test-tools"));
    python
        .arg(repository("tests/it/world/tables.py"))
        .args([question, argument])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let said = Process::start("tables.py", python).finish(60);
    assert_eq!(said.code, Some(0), "{argument}\n{}", said.stderr);
    serde_json::from_str(&said.stdout).unwrap()
}
