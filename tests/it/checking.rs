//! `demograph check` against real brokers: it tries what `run` does, changes nothing, and names what is wrong.

use std::{fs, path::Path};

use super::world::{Broker, Finished, Process, Service, Topic, check_config, command, free_port};

const SOURCE: &str = "[[source]]\nid = \"cam\"\n";

/// A topic by this name at that address; nobody made it.
fn named(brokers: &str, name: &str) -> Topic {
    Topic {
        brokers: brokers.into(),
        name: name.into(),
    }
}

fn check(topic: &Topic, folder: &Path, more: &str) -> Finished {
    let out = folder.join("out");
    check_config(
        &Service::config(topic, &out, &format!("{SOURCE}{more}")),
        &[],
    )
}

/// It fails for this reason, and says so.
fn fails(said: &Finished, reason: &str) {
    assert_eq!(said.code, Some(4), "{}{}", said.stdout, said.stderr);
    let fault = said
        .stdout
        .lines()
        .find(|line| line.starts_with("FAULT  kafka"));
    let fault = fault.unwrap_or_else(|| panic!("{}{}", said.stdout, said.stderr));
    assert!(fault.contains(reason), "{reason:?} is not in {fault}");
}

#[test]
fn a_mistyped_topic_is_not_created_and_settings_that_lose_crops_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker = Broker::start(
        folder,
        "auto.create.topics.enable=true\nlog.cleanup.policy=compact\n",
    );
    let mistyped = named(&broker.address, "face-corps");
    for _ in 0..2 {
        fails(&check(&mistyped, folder, ""), "does not exist: create it");
    }
    let topic = broker.topic("compacted", 2);
    let said = check(&topic, folder, "");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("has 2 partitions"), "{}", said.stdout);
    assert!(said.stdout.contains("cleanup.policy"), "{}", said.stdout);
    fails(
        &check(
            &named(&format!("127.0.0.1:{}", free_port()), "any"),
            folder,
            "",
        ),
        "no broker can be reached",
    );
    // A listener without TLS.
    let tls = "[kafka.properties]\n\"security.protocol\" = \"SSL\"\n";
    fails(&check(&topic, folder, tls), "TLS");
}

/// A key and a certificate for 127.0.0.1 that vouches for itself, as `NAME.pem` and `NAME.store.pem`.
fn certificate(folder: &Path, name: &str, days: &str) {
    let [key, request, signed] =
        ["key", "request", "signed"].map(|part| format!("{name}.{part}.pem"));
    let ask = [
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=demograph-test",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        &key,
        "-out",
        &request,
    ];
    let sign = [
        "x509",
        "-req",
        "-in",
        &request,
        "-signkey",
        &key,
        "-days",
        days,
        "-copy_extensions",
        "copy",
        "-out",
        &signed,
    ];
    for arguments in [ask.as_slice(), sign.as_slice()] {
        let mut openssl = command("openssl");
        openssl.args(arguments).current_dir(folder);
        let made = Process::start("openssl", openssl).finish(60);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
    }
    let [key, signed] = [key, signed].map(|file| fs::read_to_string(folder.join(file)).unwrap());
    fs::write(folder.join(format!("{name}.pem")), &signed).unwrap();
    fs::write(folder.join(format!("{name}.store.pem")), key + &signed).unwrap();
}

/// Listeners with TLS and passwords, one with a certificate that has expired; who may do what is set up by `allow`.
fn secured(folder: &Path, good: u16, expired: u16) -> String {
    let listener = |name: &str, store: &str| {
        format!(
            "listener.name.{name}.sasl.enabled.mechanisms=PLAIN
listener.name.{name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_all=\"word\" user_topicless=\"word\" user_groupless=\"word\" user_viewer=\"word\";
listener.name.{name}.ssl.keystore.type=PEM
listener.name.{name}.ssl.keystore.location={}
",
            folder.join(format!("{store}.store.pem")).display()
        )
    };
    format!(
        "
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER@,GOOD://127.0.0.1:{good},EXPIRED://127.0.0.1:{expired}
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,GOOD://127.0.0.1:{good},EXPIRED://127.0.0.1:{expired}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GOOD:SASL_SSL,EXPIRED:SASL_SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
{}{}",
        listener("good", "good"),
        listener("expired", "expired")
    )
}

/// The properties of a client.
fn login(folder: &Path, user: &str, password: &str, ca: &str) -> String {
    format!(
        "[kafka.properties]
\"security.protocol\" = \"SASL_SSL\"
\"sasl.mechanism\" = \"PLAIN\"
\"sasl.username\" = \"{user}\"
\"sasl.password\" = \"{password}\"
\"ssl.ca.location\" = \"{}\"
",
        folder.join(format!("{ca}.pem")).display()
    )
}

#[test]
fn login_tls_permission_and_absence_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, days) in [("good", "2"), ("stranger", "2"), ("expired", "-1")] {
        certificate(folder, name, days);
    }
    let (good, expired) = (free_port(), free_port());
    let broker = Broker::start(folder, &secured(folder, good, expired));
    let open = broker.topic("permitted", 2);
    let allow = |user: &str, operation: &str, what: [&str; 2]| {
        broker.allow((&format!("User:{user}"), operation), what);
    };
    let (topic, group) = (["--topic", &open.name], ["--group", &open.name]);
    allow("all", "Read", topic);
    allow("all", "Read", group);
    allow("topicless", "Read", group);
    allow("groupless", "Read", topic);
    allow("viewer", "Describe", topic);
    allow("viewer", "Read", group);
    let closed = named(&format!("127.0.0.1:{good}"), &open.name);
    let as_user = |user: &str| check(&closed, folder, &login(folder, user, "word", "good"));

    let said = as_user("all");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    fails(&as_user("topicless"), "not authorised for the topic");
    fails(&as_user("viewer"), "not authorised for the topic");
    fails(&as_user("groupless"), "not authorised for the group");
    let wrong = login(folder, "all", "wrong", "good");
    fails(&check(&closed, folder, &wrong), "refuses the login");
    let stranger = login(folder, "all", "word", "stranger");
    fails(
        &check(&closed, folder, &stranger),
        "self-signed certificate",
    );
    let right = login(folder, "all", "word", "good");
    let localhost = named(&format!("localhost:{good}"), &open.name);
    fails(&check(&localhost, folder, &right), "hostname mismatch");
    let old = named(&format!("127.0.0.1:{expired}"), &open.name);
    let old = check(&old, folder, &login(folder, "all", "word", "expired"));
    fails(&old, "certificate has expired");
}
