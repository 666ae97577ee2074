//! Files of the repository for the tests of all crates; `make bless` writes the derived ones anew.

use std::path::{Path, PathBuf};

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Compares the file with what the code says; with `DEMOGRAPH_BLESS=1` writes it instead.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for developers, in tests only"
)]
pub fn equals(path: &str, derived: &str) {
    let file = repository(path);
    if std::env::var("DEMOGRAPH_BLESS").is_ok() {
        std::fs::write(&file, derived).expect("the repository is writable");
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        published, derived,
        "{path} is not what the code says: run `make bless`"
    );
}
