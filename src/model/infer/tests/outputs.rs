//! The vector before a net's heads tells people apart (models/*/identity.json): no file that ships gives it away.

use super::*;
use crate::manifest::output_names;

/// What the trained nets answer beside the heads that their manifests name: seven races, and their sums.
const BESIDE: [&str; 2] = ["race", "ethnicity"];

#[test]
fn no_shipped_file_gives_features_away() {
    let mut files = 0;
    for name in ["fairface-small", "research-small", "age-gender-cc0"] {
        let folder = repository("models").join(name);
        let text = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
        let manifest = Manifest::parse(&text).unwrap();
        let heads = manifest.nets.iter().flat_map(|net| &net.heads);
        let mut known: Vec<String> = heads.map(|head| head.output.clone()).collect();
        known.extend(BESIDE.map(str::to_owned));
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "onnx") {
                continue;
            }
            let outputs = output_names(&std::fs::read(&path).unwrap());
            assert!(!outputs.is_empty(), "{}", path.display());
            for output in outputs {
                assert!(known.contains(&output), "{}: {output}", path.display());
            }
            files += 1;
        }
    }
    assert!(files >= 6, "{files}");
}
