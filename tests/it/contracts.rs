//! What is published is what the program does: schemas and the example configs.

use std::path::Path;

use demograph_service::config::Config;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `section.key` of the config's schema.
fn keys(schema: &Value) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for (section, property) in schema["properties"].as_object().unwrap() {
        let definition = find_definition(schema, property);
        for key in definition["properties"].as_object().unwrap().keys() {
            keys.push((section.clone(), key.clone()));
        }
    }
    keys
}

/// The definition that a property points to, itself or as the items of a list.
fn find_definition<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"]
        .as_str()
        .or(property["items"]["$ref"].as_str());
    match reference {
        Some(path) => schema.pointer(path.trim_start_matches('#')).unwrap(),
        None => property,
    }
}

#[test]
fn the_example_config_is_valid_and_explains_every_key() {
    Config::parse(&read("deploy/demograph.toml")).unwrap();
    explains_every_key("deploy/demograph.toml", &Config::schema());
}

#[cfg(feature = "gateway")]
#[test]
fn the_example_config_of_cameras_explains_every_key_and_shows_the_defaults() {
    use demograph_gateway::Config;
    let shown = Config::parse(&read(CAMERAS)).unwrap();
    explains_every_key(CAMERAS, &Config::schema());
    let bare = "[kafka]\nbrokers='localhost:9092'\ntopic='face-crops'\n[[camera]]\nid='lobby'\n\
                address='rtsp://192.0.2.10:554/sub'";
    assert_eq!(shown, Config::parse(bare).unwrap());
}

/// The example of the gateway's config.
const CAMERAS: &str = "deploy/camera.toml";

fn explains_every_key(file: &str, schema: &Value) {
    let text = read(file);
    for (section, key) in keys(schema) {
        let is_table = text.contains(&format!("[{section}.{key}]"));
        let line = text.lines().find(|line| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{key} = "))
        });
        let explained = line
            .is_some_and(|line| line.trim_start_matches("# ").contains('#') || section == "source");
        assert!(
            is_table || explained,
            "{file} does not explain {section}.{key}"
        );
    }
}

#[test]
fn the_example_config_shows_the_defaults() {
    let shown = Config::parse(&read("deploy/demograph.toml")).unwrap();
    let bare = Config::parse(
        "[kafka]\nbrokers='localhost:9092'\ntopic='face-crops'\n[model]\ndir='models/fairface-small'\n[output]\nurl='out'\n[[source]]\nid='lobby'",
    )
    .unwrap();
    assert_eq!(shown, bare);
}

/// Otherwise the benchmark ends with a peer that answers otherwise.
#[test]
fn the_peers_of_the_benchmark_count_the_age_bands_of_the_default_config() {
    let line = |path: &str, begin: &str| {
        let text = read(path);
        let line = text.lines().find(|line| line.starts_with(begin)).unwrap();
        let (_, list) = line.split_once('[').unwrap();
        list.split_once(']').unwrap().0.to_owned()
    };
    assert_eq!(
        line("benches/peers/contract.py", "AGE_STARTS"),
        line("deploy/demograph.toml", "age_bands")
    );
}

#[test]
fn every_config_in_deploy_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(CAMERAS) {
            continue;
        }
        if path.extension().is_some_and(|ending| ending == "toml") {
            Config::read(&path).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 2);
}

#[test]
fn the_example_event_follows_its_schema() {
    let schema: Value =
        serde_json::from_str(&read("schemas/face-crop-event.v1.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let page = read("schemas/README.md");
    let example = page
        .split("```json")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let event: Value = serde_json::from_str(example).unwrap();
    validator.validate(&event).unwrap();
    let mut wrong = event;
    wrong["type"] = "org.demograph.face-crop.v2".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_tables_page_explains_every_column() {
    let page = read("schemas/README.md");
    for table in demograph_service::sink::Table::ALL {
        for field in table.schema().fields() {
            assert!(
                page.contains(&format!("`{}`", field.name())),
                "{} is not explained",
                field.name()
            );
        }
    }
}
