//! What we build on. Licences, sources and duplicates are cargo-deny's part (`deny.toml`).

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
