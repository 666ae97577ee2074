//! The container files: what they name exists and fits together. No image is built here; there is no registry.

use std::process::Command;

use demograph_service::config::Config;
use serde_json::Value;

use crate::tools::{self, root};

const COMPOSE: &str = "deploy/compose.yaml";
const CONFIG: &str = "deploy/compose.toml";
const DATASOURCE: &str = "deploy/grafana/provisioning/datasources/prometheus.yaml";
const PROVIDER: &str = "deploy/grafana/provisioning/dashboards/demograph.yaml";

/// The list at a pointer, as texts.
fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("no {pointer}"));
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// `source:target[:ro]` of a service's volumes.
fn mounts(compose: &Value, service: &str) -> Vec<(String, String)> {
    let pair = |mount: String| {
        let mut parts = mount.split(':').map(String::from);
        (parts.next().unwrap(), parts.next().unwrap())
    };
    let volumes = texts(compose, &format!("/services/{service}/volumes"));
    volumes.into_iter().map(pair).collect()
}

/// What a Dockerfile copies from the repository.
fn copied(dockerfile: &str) -> Vec<String> {
    let dockerfile = tools::text(dockerfile);
    let copies = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    copies
        .filter(|copy| !copy.starts_with("--from="))
        .flat_map(|copy| {
            let mut words: Vec<String> = copy.split_whitespace().map(String::from).collect();
            words.pop();
            words
        })
        .collect()
}

#[test]
fn everything_that_compose_mounts_and_builds_exists() {
    let compose = tools::yaml(COMPOSE);
    let deploy = root().join("deploy");
    for service in ["demograph", "prometheus", "grafana"] {
        for (source, _) in mounts(&compose, service) {
            let exists = match source.starts_with('.') {
                true => deploy.join(&source).exists(),
                false => compose["volumes"].get(&source).is_some(),
            };
            assert!(exists, "{service}: {source} is not there");
        }
    }
    let build = &compose["services"]["demograph"]["build"];
    let context = deploy.join(build["context"].as_str().unwrap());
    assert!(context.join(build["dockerfile"].as_str().unwrap()).exists());
    for (name, service) in compose["services"].as_object().unwrap() {
        let Some(depends) = service.get("depends_on") else {
            continue;
        };
        let names: Vec<String> = match depends {
            Value::Object(map) => map.keys().cloned().collect(),
            _ => texts(service, "/depends_on"),
        };
        for other in names {
            assert!(
                compose["services"].get(&other).is_some(),
                "{name} waits for {other}"
            );
        }
    }
}

#[test]
fn the_parts_of_compose_find_one_another() {
    let compose = tools::yaml(COMPOSE);
    let config = Config::parse(&tools::text(CONFIG)).unwrap();
    let dockerfile = tools::text("deploy/Dockerfile");

    // demograph: its config, its tables, its broker.
    let demograph = mounts(&compose, "demograph");
    let (_, place) = demograph
        .iter()
        .find(|(from, _)| from == "./compose.toml")
        .unwrap();
    assert!(dockerfile.contains(&format!("\"run\", \"--config\", \"{place}\"")));
    for place in [config.output.url.clone(), config.state_place()] {
        assert!(demograph.iter().any(|(_, to)| *to == place), "{place}");
    }
    let advertised = &compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    assert!(
        advertised
            .as_str()
            .unwrap()
            .contains(&format!("//{}", config.kafka.brokers))
    );
    let command = compose["services"]["topic"]["command"].as_str().unwrap();
    assert!(command.contains(&format!("--topic {} ", config.kafka.topic)));
    assert!(command.contains(&format!("--bootstrap-server {} ", config.kafka.brokers)));

    // Prometheus scrapes the port that demograph listens at, and Grafana asks Prometheus.
    let port = config.http.listen.rsplit(':').next().unwrap();
    assert!(dockerfile.contains(&format!("EXPOSE {port}")));
    assert!(dockerfile.contains(&format!("/127.0.0.1/{port} ")));
    let scrape = tools::yaml("deploy/prometheus/prometheus.yml");
    let targets = texts(&scrape, "/scrape_configs/0/static_configs/0/targets");
    assert_eq!(targets, [format!("demograph:{port}")]);
    let source = tools::yaml(DATASOURCE);
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    let provider = tools::yaml(PROVIDER);
    let folder = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    let grafana = mounts(&compose, "grafana");
    assert!(grafana.contains(&("../dashboards".into(), folder.into())));
}

#[test]
fn the_image_s_context_holds_what_the_dockerfile_copies() {
    let ignore = tools::text(".dockerignore");
    let let_in: Vec<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let on_cpu = copied("deploy/Dockerfile");
    assert!(on_cpu.len() > 8, "{on_cpu:?}");
    let on_gpu = copied("deploy/Dockerfile.gpu");
    assert_eq!(on_gpu, ["setup"]);
    for path in on_cpu.into_iter().chain(on_gpu) {
        assert!(root().join(&path).exists(), "{path} is not there");
        assert!(
            let_in.contains(&path.as_str()),
            ".dockerignore keeps {path} out"
        );
    }
}

/// The program looks for the library in this folder beside itself.
#[test]
fn the_image_for_a_gpu_runs_as_the_other_one_and_has_the_library_where_it_is_looked_for() {
    let last = |file| {
        let text = tools::text(file);
        let from = text.find("WORKDIR /opt/demograph").unwrap();
        text[from..].to_owned()
    };
    let (cpu, gpu) = (last("deploy/Dockerfile"), last("deploy/Dockerfile.gpu"));
    assert!(gpu.contains("COPY --from=library /src/.setup/onnxruntime-gpu onnxruntime-gpu\n"));
    for word in [
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "    CMD",
        "ENTRYPOINT",
        "CMD",
    ] {
        let line = |text: &str| {
            let line = text.lines().find(|line| line.starts_with(word));
            line.unwrap_or_else(|| panic!("no {word}")).to_owned()
        };
        assert_eq!(line(&cpu), line(&gpu));
    }
}

#[test]
fn the_config_of_compose_passes_the_program_s_own_check() {
    let output = Command::new(env!("CARGO_BIN_EXE_demograph"))
        .args(["--log", "error", "check", "--offline", "--config", CONFIG])
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("loads and runs"), "{said}");
}
