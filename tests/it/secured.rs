//! TLS and SASL are librdkafka's, handed through from the config: a listener that wants both, a secret that stays
//! out of the file.

use std::{fs, path::Path};

use super::world::{
    Broker, Process, Service, Topic, check_config, command, composites, crops_csv, free_port,
    publish,
};

const SECRET: &str = "open sesame";
const CROPS: usize = 60;

/// A key and a certificate for 127.0.0.1 that vouches for itself.
fn certificate(folder: &Path) {
    let mut openssl = command("openssl");
    openssl
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=demograph-test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder);
    let made = Process::start("openssl", openssl).finish(60);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let [key, certificate] =
        ["key.pem", "certificate.pem"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
    fs::write(folder.join("keystore.pem"), key + &certificate).unwrap();
}

/// A second listener, for TLS with a name and a password.
fn listener(port: u16, folder: &Path) -> String {
    format!(
        "
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER@,SECURE://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SECURE://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_camera=\"{SECRET}\";
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={}
",
        folder.join("keystore.pem").display()
    )
}

/// The config of a client of that listener; the secret is where `password` says.
fn config(topic: &Topic, folder: &Path, password: &str) -> String {
    let properties = format!(
        "[[source]]
id = \"lobby\"
[kafka.properties]
\"security.protocol\" = \"SASL_SSL\"
\"sasl.mechanism\" = \"PLAIN\"
\"sasl.username\" = \"camera\"
\"sasl.password\" = {password}
\"ssl.ca.location\" = \"{}\"
",
        folder.join("certificate.pem").display()
    );
    Service::config(topic, &folder.join("out"), &properties)
}

#[test]
fn crops_arrive_over_tls_with_a_password_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder);
    let port = free_port();
    let broker = Broker::start(folder, &listener(port, folder));
    let open = broker.topic("secured", 1);
    let closed = Topic {
        brokers: format!("127.0.0.1:{port}"),
        name: open.name.clone(),
    };

    let secret_file = folder.join("password");
    fs::write(&secret_file, SECRET).unwrap();
    let from_file = format!("{{ file = \"{}\" }}", secret_file.display());
    let checked = check_config(&config(&closed, folder, &from_file), &[]);
    assert_eq!(
        checked.code,
        Some(0),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    assert!(!checked.stdout.contains(SECRET), "{}", checked.stdout);

    let crops = composites().into_iter().take(CROPS);
    let crops = crops.map(|file| (file, "lobby".to_owned(), String::new()));
    let published = publish(&open, &crops_csv(folder, crops), &[]).finish(60);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    let from_environment = config(&closed, folder, "{ env = \"KAFKA_PASSWORD\" }");
    let mut service = Service::start_with(&from_environment, &[("KAFKA_PASSWORD", SECRET)]);
    service.await_metric("demograph_records_total", CROPS as f64, 60);
    let ended = service.stop();
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
}
