//! Who may import whom (ARCHITECTURE.md). Read from the source text, so that a wrong import fails here by name.

use std::path::{Path, PathBuf};

/// Modules that compute only: no clock, threads, files, network, metrics.
const PURE: [&str; 34] = [
    "camera/align",
    "camera/detect/input.rs",
    "camera/detect/outputs.rs",
    "camera/detect/overlap.rs",
    "camera/face.rs",
    "camera/ffmpeg/redact.rs",
    "camera/ffmpeg/refusal.rs",
    "camera/film.rs",
    "camera/mask.rs",
    "camera/nut",
    "camera/quality.rs",
    "camera/timeline.rs",
    "camera/track",
    "core/",
    "gateway/address.rs",
    "gateway/flow.rs",
    "gateway/presence.rs",
    "lab/evaluate",
    "lab/report/html/",
    "lab/report/text.rs",
    "model/decode",
    "model/manifest",
    "model/prepare",
    "model/infer/heads.rs",
    "model/infer/self_test.rs",
    "model/infer/trial.rs",
    "service/http/web_config.rs",
    "service/pipeline/assignment.rs",
    "service/pipeline/attention.rs",
    "service/sink/tables/cast.rs",
    "top/answers.rs",
    "top/choice.rs",
    "top/screen.rs",
    "top/words.rs",
];

/// What pure modules may not name.
const IMPURE: [&str; 12] = [
    "std::time",
    "std::thread",
    "std::fs",
    "std::env",
    "std::net",
    "crate::clock",
    "crate::metrics",
    "crate::kafka",
    "crate::pipeline",
    "crossbeam_channel",
    "tokio",
    "tracing",
];

/// A library, and the only places that may know it.
const KNOWN_TO_ONE: [(&str, &[&str]); 24] = [
    ("font8x8::", &["camera/sketch.rs"]),
    ("reqwest::", &["service/peers/client.rs"]),
    ("tokio_rustls::", &["service/http/tls.rs"]),
    ("use rustls::", &["top/client.rs"]),
    (
        "bcrypt::",
        &["service/http/users.rs", "service/http/web_config.rs"],
    ),
    ("yaml_serde::", &["service/http/web_config.rs"]),
    ("hyper::", &["service/http/connections.rs"]),
    ("hyper_util::", &["service/http/connections.rs"]),
    ("openssl_sys", &["service/kafka/tls.rs"]),
    ("rdkafka::", &["service/kafka/"]),
    (
        "ort::",
        &[
            "model/infer/batch.rs",
            "model/infer/graph.rs",
            "model/infer/net.rs",
            "model/infer/providers.rs",
            "model/infer/runtime.rs",
            "model/infer/session.rs",
            "model/infer/tensors.rs",
        ],
    ),
    (
        "turbojpeg::",
        &[
            "camera/encode.rs",
            "model/decode/jpeg.rs",
            "model/decode/tests/",
            "model/infer/tests/",
        ],
    ),
    ("crossterm::", &["top/terminal.rs"]),
    ("signal_hook::", &["top/lib.rs"]),
    ("ureq::", &["top/client.rs"]),
    ("zip::", &["lab/dataset/pictures.rs"]),
    ("object_store::", &["service/sink/store.rs"]),
    (
        "futures_util::",
        &[
            "service/sink/store.rs",
            "service/peers.rs",
            "page/api/stream.rs",
            "gateway/preview/routes.rs",
        ],
    ),
    ("parquet::", &["service/sink/file.rs", "service/sink/file/"]),
    ("hmac::", &["core/state/track_key.rs"]),
    (
        "percent_encoding::",
        &["core/state/names.rs", "gateway/address.rs", "top/access.rs"],
    ),
    ("prost::", &["model/manifest/"]),
    (
        "axum::",
        &[
            "service/http.rs",
            "service/http/",
            "page/",
            "gateway/preview/",
        ],
    ),
    (
        "prometheus::",
        &[
            "gateway/metrics.rs",
            "service/metrics.rs",
            "service/metrics/",
        ],
    ),
];

/// What only the lab or the command line may depend on.
const NOT_OF_THE_SERVICE: [&str; 10] = [
    "zip",
    "csv",
    "clap",
    "comfy-table",
    "indicatif",
    "demograph-lab",
    "demograph-camera",
    "demograph-page",
    "demograph-top",
    "demograph-gateway",
];

/// Edges of the service do not know one another; only the pipeline and the command line join them.
const EDGES: [(&str, &[&str]); 3] = [
    (
        "service/kafka/",
        &["crate::sink", "crate::metrics", "crate::http"],
    ),
    (
        "service/sink/",
        &[
            "crate::kafka",
            "crate::metrics",
            "crate::http",
            "crate::pipeline",
        ],
    ),
    (
        "service/http",
        &["crate::kafka", "crate::sink", "crate::pipeline"],
    ),
];

/// Every source file without its tests, by its path below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default()
                .to_owned();
            (name, code)
        })
        .filter(|(name, _)| {
            !["tests.rs", "laws.rs", "model.rs", "golden.rs"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .collect()
}

#[test]
fn pure_modules_know_neither_clock_nor_world() {
    for (name, code) in sources() {
        if !PURE.iter().any(|module| name.starts_with(module)) {
            continue;
        }
        for word in IMPURE {
            assert!(!code.contains(word), "src/{name} is pure, but names {word}");
        }
    }
}

#[test]
fn each_foreign_library_is_known_to_one_place() {
    for (name, code) in sources() {
        for (library, places) in KNOWN_TO_ONE {
            let knows = code
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && word(line, library));
            let may = places.iter().any(|place| name.starts_with(place));
            assert!(
                !knows || may,
                "src/{name} uses {library}, which belongs to {places:?}"
            );
        }
    }
}

/// Whether the line names the library itself, not a module of ours that ends alike.
fn word(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn what_the_service_is_made_of_reads_no_data_set_and_draws_nothing() {
    for name in ["core", "model", "service"] {
        let manifest = crate::tools::text(&format!("src/{name}/Cargo.toml"));
        let (_, after) = manifest.split_once("[dependencies]").unwrap();
        let dependencies = after.split("[dev-dependencies]").next().unwrap();
        for stranger in NOT_OF_THE_SERVICE {
            let named = dependencies.lines().any(|line| {
                line.strip_prefix(stranger)
                    .is_some_and(|rest| rest.starts_with(['.', ' ']))
            });
            assert!(!named, "src/{name}/Cargo.toml depends on {stranger}");
        }
    }
}

#[test]
fn edges_do_not_know_one_another() {
    for (name, code) in sources() {
        for (edge, strangers) in EDGES {
            if !name.starts_with(edge) {
                continue;
            }
            for stranger in strangers {
                assert!(!code.contains(stranger), "src/{name} knows {stranger}");
            }
        }
    }
}

#[test]
fn files_stay_small_and_say_what_they_are_for() {
    for (name, _) in sources() {
        let text = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("src")
                .join(&name),
        )
        .unwrap();
        let lines = text.lines().count();
        assert!(lines <= 450, "src/{name} has {lines} lines");
        assert!(
            text.starts_with("//!"),
            "src/{name} does not say what it is for"
        );
    }
}

/// Who may open the seal of exact votes, and by which door.
const DOORS: [(&str, &[&str]); 4] = [
    ("for_sums(", &["core/views/sums.rs"]),
    ("for_state(", &["core/state/wire/v2.rs"]),
    (
        "for_cells_table(",
        &[
            "core/examples/periods.rs",
            "core/examples/stays/held.rs",
            "service/sink/tables/cells.rs",
        ],
    ),
    ("evidence.shares(", &["service/sink/tables/demographics.rs"]),
];

#[test]
fn exact_votes_leave_their_seal_by_named_doors_only() {
    let seal = "core/privacy/seal.rs";
    let mut opened = Vec::new();
    for (name, code) in sources() {
        let code: String = code.split_whitespace().collect();
        for (door, places) in DOORS {
            if !code.contains(door) || name == seal {
                continue;
            }
            assert!(places.contains(&name.as_str()), "src/{name} opens {door}");
            opened.push((door, name.clone()));
        }
    }
    let known = DOORS
        .iter()
        .flat_map(|(door, places)| places.iter().map(|place| (*door, (*place).to_owned())));
    opened.sort();
    let mut known: Vec<_> = known.collect();
    known.sort();
    assert_eq!(opened, known);
    // No other way out: the field is private, and the only functions that lend it are the doors.
    let text = crate::tools::text(&format!("src/{seal}"));
    assert!(text.contains("pub struct Sealed(CellCounts);"));
    assert!(!text.contains("Serialize"));
    let lends = text.lines().filter(|line| line.contains("-> &CellCounts"));
    assert_eq!(lends.count(), 2);
    assert_eq!(text.matches("self.0").count(), 4);
}

/// What holds the bytes or the pixels of a face, and where it is declared.
const FACES: [(&str, &str); 14] = [
    ("Crop", "src/core/record.rs"),
    ("Record", "src/core/record.rs"),
    ("Event", "src/core/event/write.rs"),
    ("CropEvent", "src/core/event/write.rs"),
    ("Composite", "src/cli/cameras.rs"),
    ("Frame", "src/camera/frame.rs"),
    ("Portrait", "src/camera/film.rs"),
    ("Canvas", "src/camera/film.rs"),
    ("Aligned", "src/camera/align/warp.rs"),
    ("Sketch", "src/camera/sketch.rs"),
    ("Still", "src/gateway/preview/screen.rs"),
    ("Shot", "src/camera/shot.rs"),
    ("Opened", "src/model/decode/opened.rs"),
    ("EncodedCrop", "src/model/decode/opened.rs"),
];

#[test]
fn what_holds_a_face_cannot_be_copied_written_or_printed() {
    for (name, file) in FACES {
        let source = crate::tools::text(file);
        let (before, _) = source
            .split_once(&format!("struct {name} {{"))
            .unwrap_or_else(|| panic!("{name} is not in {file}"));
        let above = before
            .lines()
            .rev()
            .skip_while(|line| line.starts_with("pub"));
        for line in above.take_while(|line| line.starts_with("///") || line.starts_with("#[")) {
            for derived in ["Clone", "Debug", "Serialize"] {
                let is_derived = line.contains("derive") && line.contains(derived);
                assert!(!is_derived, "{name} derives something: {line}");
            }
        }
        for written in ["Clone", "Serialize"] {
            let own = format!("{written} for {name} ");
            assert!(!source.contains(&own), "{file}: {own}");
        }
    }
}
