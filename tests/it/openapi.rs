//! The API is what its description says: schemathesis asks what the description allows, and what it does not.

use super::{tools, world::Service};

/// Requests of one kind for each path; more with each kind of bad value.
const EXAMPLES: &str = "10";

/// For the test of the page.
pub fn holds(service: &Service) {
    let description = format!("{}/api/v1/openapi.json", service.url);
    let schemathesis = tools::root().join(".setup/venv/bin/schemathesis");
    let said = tools::run(
        schemathesis,
        &[
            "--config-file",
            "tests/tools/schemathesis.toml",
            "run",
            &description,
            "--url",
            &service.url,
            "--phases",
            "coverage,fuzzing",
            "--max-examples",
            EXAMPLES,
            "--seed",
            "7",
            "--generation-database",
            "none",
            "--no-color",
        ],
        "",
    );
    assert!(said.contains("Tested: 5"), "{said}");
}
