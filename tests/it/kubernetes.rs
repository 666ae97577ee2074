//! The Kubernetes files: they parse, and what they say of one another, of the image and of the config is true. No cluster
//! is started here.

use std::process::Command;

use demograph_service::config::Config;
use serde_json::Value;

use crate::tools::{self, root};

/// A file of deploy/k8s.
fn manifest(name: &str) -> Value {
    tools::yaml(&format!("deploy/k8s/{name}.yaml"))
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer)
        .as_str()
        .unwrap_or_else(|| panic!("{pointer} is no text"))
}

fn config_text() -> String {
    word(&manifest("configmap"), "/data/demograph.toml").to_owned()
}

fn config() -> Config {
    Config::parse(&config_text()).unwrap_or_else(|faults| panic!("{faults}"))
}

const POD: &str = "/spec/template/spec";
const JOB_POD: &str = "/spec/jobTemplate/spec/template/spec";

#[test]
fn every_manifest_says_what_it_is_and_all_have_one_name() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("deploy/k8s")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let manifest = manifest(&stem);
        let kind = word(&manifest, "/kind").to_lowercase();
        assert!(
            kind == stem || (kind == "cronjob" && stem == "compact"),
            "{stem}: {kind}"
        );
        assert!(word(&manifest, "/metadata/name").starts_with("demograph"));
        assert!(manifest["apiVersion"].is_string());
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn the_config_map_passes_the_program_s_own_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demograph.toml");
    std::fs::write(&file, config_text()).unwrap();
    let deployment = manifest("deployment");
    let variables = at(&deployment, &format!("{POD}/containers/0/env"))
        .as_array()
        .unwrap();
    let names = variables.iter().map(|variable| word(variable, "/name"));
    // Only what the pod gets: a secret that the config names and the pod lacks is a fault here.
    let output = Command::new(env!("CARGO_BIN_EXE_demograph"))
        .args(["--log", "error", "check", "--offline", "--config"])
        .arg(file)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .envs(names.map(|name| (name, "x")))
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("loads and runs"), "{said}");
}

#[test]
fn ports_paths_and_labels_agree() {
    let (deployment, service, policy) = (
        manifest("deployment"),
        manifest("service"),
        manifest("networkpolicy"),
    );
    let config = config();
    let port: u64 = config
        .http
        .listen
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let container = at(&deployment, &format!("{POD}/containers/0"));
    assert_eq!(at(container, "/ports/0/containerPort"), port);
    let named = word(container, "/ports/0/name");
    assert_eq!(at(&service, "/spec/ports/0/port"), port);
    assert_eq!(word(&service, "/spec/ports/0/targetPort"), named);
    assert_eq!(at(&policy, "/spec/ingress/0/ports/0/port"), port);
    let annotations = at(&deployment, "/spec/template/metadata/annotations");
    assert_eq!(annotations["prometheus.io/port"], port.to_string());
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(word(container, &format!("/{probe}/httpGet/path")), path);
        assert_eq!(word(container, &format!("/{probe}/httpGet/port")), named);
    }
    let labels = at(&deployment, "/spec/template/metadata/labels");
    let selectors = [
        at(&deployment, "/spec/selector/matchLabels"),
        at(&service, "/spec/selector"),
        at(&policy, "/spec/podSelector/matchLabels"),
    ];
    for selector in selectors {
        assert_eq!(selector, labels);
    }
    let budget = manifest("poddisruptionbudget");
    assert_eq!(at(&budget, "/spec/selector/matchLabels"), labels);
    let scaled = manifest("scaledobject");
    assert_eq!(
        at(&scaled, "/spec/scaleTargetRef/name"),
        at(&deployment, "/metadata/name")
    );
}

#[test]
fn pods_mount_the_config_and_may_do_nothing_else() {
    let map = manifest("configmap");
    let name = word(&map, "/metadata/name");
    for (manifest, pod) in [
        (manifest("deployment"), POD),
        (manifest("compact"), JOB_POD),
    ] {
        let pod = at(&manifest, pod);
        assert_eq!(word(pod, "/volumes/0/configMap/name"), name);
        let container = at(pod, "/containers/0");
        let mount = word(container, "/volumeMounts/0/mountPath");
        let arguments = at(container, "/args").as_array().unwrap();
        assert_eq!(
            arguments.last().unwrap(),
            &format!("{mount}/demograph.toml")
        );
        assert_eq!(at(pod, "/securityContext/runAsNonRoot"), true);
        // The image's user.
        let user = format!("--uid {}", at(pod, "/securityContext/runAsUser"));
        assert!(tools::text("deploy/Dockerfile").contains(&user), "{user}");
        assert_eq!(at(pod, "/automountServiceAccountToken"), false);
        let rights = at(container, "/securityContext");
        assert_eq!(at(rights, "/readOnlyRootFilesystem"), true);
        assert_eq!(at(rights, "/allowPrivilegeEscalation"), false);
        assert_eq!(at(rights, "/capabilities/drop/0"), "ALL");
        assert!(at(container, "/resources/limits/memory").is_string());
    }
}

#[test]
fn a_pod_has_time_to_drain_and_nothing_to_lose() {
    let deployment = manifest("deployment");
    let config = config();
    let grace = at(&deployment, &format!("{POD}/terminationGracePeriodSeconds"));
    let drain = config.limits.drain_max.0.as_secs();
    assert!(
        grace.as_u64().unwrap() > drain,
        "{grace} s to drain for {drain} s"
    );
    assert!(
        config.output.url.starts_with("s3://"),
        "a pod's own disk is lost with it"
    );
    let processors = word(
        &deployment,
        &format!("{POD}/containers/0/resources/requests/cpu"),
    );
    assert_eq!(processors, config.inference.sessions.to_string());
}

#[test]
fn keda_watches_the_group_and_topic_of_the_config() {
    let scaled = manifest("scaledobject");
    let kafka = config().kafka;
    let trigger = at(&scaled, "/spec/triggers/0/metadata");
    assert_eq!(word(&scaled, "/spec/triggers/0/type"), "kafka");
    assert_eq!(word(trigger, "/consumerGroup"), kafka.group);
    assert_eq!(word(trigger, "/topic"), kafka.topic);
    assert_eq!(word(trigger, "/bootstrapServers"), kafka.brokers);
    let start = serde_json::to_value(kafka.start).unwrap();
    assert_eq!(at(trigger, "/offsetResetPolicy"), &start);
    assert_eq!(word(trigger, "/allowIdleConsumers"), "false");
    assert!(word(trigger, "/lagThreshold").parse::<u64>().unwrap() > 0);
}
