//! Examples of configs, good and bad.

use demograph_core::span::Span;

use super::*;

const SMALLEST: &str = r#"
    [kafka]
    brokers = "localhost:9092"
    topic = "face-crops"
    [model]
    dir = "models/research-small"
    [output]
    url = "out"
"#;

fn faults_of(more: &str) -> Vec<String> {
    match Config::parse(&format!("{SMALLEST}\n{more}")) {
        Ok(_) => vec![],
        Err(Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn three_lines_and_defaults_are_enough() {
    let config = Config::parse(SMALLEST).unwrap();
    assert_eq!(config.windows.pane, Span::seconds(10));
    assert_eq!(config.policy.k_total, 10);
    assert_eq!(config.kafka.group, "demograph");
}

#[test]
fn there_is_one_estimator_and_its_former_name_is_read() {
    for name in ["score", "emq"] {
        let more = format!("[estimates]\nmethod = \"{name}\"");
        assert_eq!(faults_of(&more), Vec::<String>::new());
    }
    let [fault] = &faults_of("[estimates]\nmethod = \"pacc\"")[..] else {
        panic!("accepted");
    };
    assert!(fault.contains("estimates.method"), "{fault}");
}

#[test]
fn every_fault_is_reported_at_once_with_field_value_and_fix() {
    let Err(Faults(faults)) = Config::parse(
        r#"
        [kafka]
        brokers = "localhost:9092"
        topik = "face-crops"
        [model]
        dir = 7
        [output]
        url = "out"
        publish_interval = "soon"
        [inference]
        provider = "npu"
        batch_max = 1025
        "#,
    ) else {
        panic!("accepted");
    };
    let text = faults.iter().map(|f| format!("{f}\n")).collect::<String>();
    for expected in [
        "kafka: \"topic\" is a required property",
        "'topik' was unexpected",
        "model.dir = 7",
        "output.publish_interval = \"soon\"",
        "inference.provider = \"npu\"",
        "inference.batch_max = 1025",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
}

#[test]
fn contradictions_are_named_with_their_fix() {
    for (toml, expected) in [
        ("[windows]\npane = \"7s\"", "windows.pane = 7s"),
        (
            "[inference]\nbatch_wait_max = \"2s\"",
            "inference.batch_wait_max = 2s",
        ),
        (
            "[windows]\npane = \"1m\"\nrolling = [\"90s\"]",
            "windows.rolling = 90s",
        ),
        ("[windows]\npast_max = \"5s\"", "windows.past_max = 5s"),
        ("[windows]\npeople_min = 9", "windows.people_min = 9"),
        ("[windows]\nwindow_max = \"2d\"", "windows.window_max = 48h"),
        (
            "[windows]\npane = \"1h\"\nwindow_max = \"1m\"",
            "windows.window_max = 1m",
        ),
        (
            "[state]\ntrack_key = \"hunter2\"",
            "state.track_key = (not shown)",
        ),
        ("[windows]\nage_bands = [0, 12, 18]", "policy.minors_detail"),
        ("[windows]\nage_bands = [18, 25]", "begin with 0"),
        (
            "[limits]\nimage_side_min = 100\nimage_side_max = 64",
            "limits.image_side_min = 100",
        ),
        ("[http]\nlisten = \"0.0.0.0:9464\"", "http.insecure_listen"),
        ("[http]\nlisten = \"localhost\"", "127.0.0.1:9464"),
        ("[http]\ncors_origins = [\"*\"]", "https://board.example"),
        (
            "[http]\ncors_origins = [\"https://a/\"]",
            "http.cors_origins",
        ),
        ("[http]\npeers = [\"other:9464\"]", "https://other:9464"),
        ("[http]\npeers = [\"https://a/b\"]", "http.peers"),
        (
            "[http]\npeers_dns = \"http://a\"\npeers_token = { env = \"A\" }",
            "without TLS",
        ),
        ("[[source]]\nid = \" lobby\"", "spaces at its ends"),
        (
            "[[source]]\nid = \"a\"\nattributes = [\"ethnicity\"]",
            "legal basis",
        ),
        (
            "[[source]]\nid = \"a\"\n[[source]]\nid = \"a\"",
            "stands twice",
        ),
        ("[[source]]\nid = \"__x\"", "begin with __"),
        ("[policy]\nk_total = 4", "policy.k_total = 4"),
        (
            "[kafka.properties]\n\"group.id\" = \"x\"",
            "kafka.properties.\"group.id\"",
        ),
    ] {
        let faults = faults_of(toml);
        assert!(
            faults.iter().any(|f| f.contains(expected)),
            "{toml}: {faults:?}"
        );
    }
}

#[test]
fn three_crops_of_a_track_are_taken_and_all_where_they_are_weighed() {
    let of = |more: &str| Config::parse(&format!("{SMALLEST}\n{more}")).unwrap();
    let crops = |more: &str| of(more).crops_max().map_or(0, CropsMax::get);
    let dwell = "[windows]\nweighting = \"dwell\"";
    let both = |n| format!("[inference]\ncrops_per_track = {n}\n{dwell}");
    assert_eq!((crops(""), crops(dwell), crops(&both(0))), (3, 0, 0));
    assert_eq!(crops("[inference]\ncrops_per_track = 7"), 7);
    assert_eq!(crops("[inference]\ncrops_per_track = 0"), 0);
    let faults = faults_of(&both(3));
    assert!(
        faults[0].contains("inference.crops_per_track = 3"),
        "{faults:?}"
    );
    assert!(faults[0].contains("write 0"), "{faults:?}");
    assert_eq!(of("").warnings(), of(&both(0)).warnings());
    let told = of(dwell).warnings();
    assert!(
        told.iter().any(|told| told.contains("all crops")),
        "{told:?}"
    );
    for shown in [of(""), of(dwell)] {
        let again = Config::parse(&shown.redacted_toml()).unwrap();
        assert_eq!(again.crops_max(), shown.crops_max());
    }
}

#[test]
fn properties_that_would_lose_records_are_refused() {
    let text = SMALLEST.replace(
        "[model]",
        "[kafka.properties]\n\"enable.auto.commit\" = true\n[model]",
    );
    let faults = Config::parse(&text).unwrap_err().to_string();
    assert!(faults.contains("enable.auto.commit"), "{faults}");
}

#[test]
fn the_effective_config_shows_defaults_and_hides_secrets() {
    let text = SMALLEST.replace(
        "[model]",
        "[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n[model]",
    );
    let shown = Config::parse(&text).unwrap().redacted_toml();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("k_total = 10"), "{shown}");
    assert_eq!(
        Config::parse(&shown).unwrap().policy,
        PolicyRules::default()
    );
}

#[test]
fn the_published_schema_is_the_one_that_checks() {
    let schema = serde_json::to_string_pretty(&Config::schema()).unwrap() + "\n";
    demograph_core::golden::equals("schemas/config.v1.schema.json", &schema);
}

#[test]
fn tables_are_kept_for_a_day_at_least() {
    let keep = |keep: &str| {
        let more = format!("url = \"out\"\nkeep = \"{keep}\"");
        Config::parse(&SMALLEST.replace("url = \"out\"", &more))
    };
    assert_eq!(
        keep("400d").unwrap().output.keep,
        Some(Span::seconds(400 * 86_400))
    );
    let faults = keep("23h").unwrap_err().to_string();
    assert!(faults.contains("output.keep = 23h"), "{faults}");
}

#[test]
fn properties_that_break_a_promise_are_refused() {
    for (property, expected) in [
        ("\"group.id\" = \"a\"", "demograph sets this itself"),
        (
            "\"metadata.broker.list\" = \"a\"",
            "demograph sets this itself",
        ),
        (
            "\"auto.commit.enable\" = true",
            "demograph sets this itself",
        ),
        (
            "\"statistics.interval.ms\" = 0",
            "demograph sets this itself",
        ),
        (
            "\"check.crcs\" = { env = \"HOME\" }",
            "demograph sets this itself",
        ),
        ("\"isolation.level\" = \"read_uncommitted\"", "aborted"),
        ("\"plugin.library.paths\" = \"a.so\"", "foreign code"),
        ("\"topic.blacklist\" = \".*\"", "never be read"),
        ("\"max.poll.interval.ms\" = 10000", "60000 or more"),
        ("\"fetch.wait.max.ms\" = 60000", "5000 or less"),
        ("\"api.version.request\" = false", "headers"),
        ("\"receive.message.max.bytes\" = 1000", "payload_bytes_max"),
    ] {
        let faults = faults_of(&format!("[kafka.properties]\n{property}"));
        assert!(
            faults.len() == 1 && faults[0].contains(expected),
            "{property}: {faults:?}"
        );
    }
    for property in [
        "\"isolation.level\" = \"read_committed\"",
        "\"client.rack\" = \"a\"",
        "\"debug\" = \"fetch\"",
        "\"partition.assignment.strategy\" = \"cooperative-sticky\"",
        "\"sasl.password\" = { env = \"KAFKA_PASSWORD\" }",
    ] {
        let faults = faults_of(&format!("[kafka.properties]\n{property}"));
        assert_eq!(faults, Vec::<String>::new(), "{property}");
    }
}

#[test]
fn properties_with_a_consequence_are_warned_of() {
    let text = format!(
        "{SMALLEST}\n[kafka.properties]\n\"enable.ssl.certificate.verification\" = false\n\"client.rack\" = \"a\""
    );
    let warnings = Config::parse(&text).unwrap().warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("ssl.ca.location"),
        "{warnings:?}"
    );
}

#[test]
fn no_secret_stands_in_a_fault() {
    for secret in [
        "[kafka.properties]\n\"sasl.password\" = [\"hunter2\"]",
        "[kafka.properties]\n\"sasl.password\" = { enw = \"hunter2\" }",
        "[kafka.properties]\n\"sasl.password\" = { env = [\"hunter2\"] }",
        "[kafka.properties]\n\"sasl.password\" = { env = \"A\", x = \"hunter2\" }",
        "[kafka.properties.sasl]\npassword = \"hunter2\"",
        "[kafka.properties]\n\"sasl.password\" = \"hunter2",
        "[output.options]\naws_secret_access_key = [\"hunter2\"]",
        "[http]\npeers_token = [\"hunter2\"]",
        "[http]\npeers_token = \"hunter2\"",
        "[http]\npeers = [\"https://me:hunter2@a\"]",
    ] {
        let faults = faults_of(secret);
        assert!(!faults.is_empty(), "{secret}");
        let text = faults.concat();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
