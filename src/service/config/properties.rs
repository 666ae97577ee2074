//! librdkafka's properties that demograph does not hand on, or hands on with a warning: those that would break what it
//! promises. Everything else is the user's.

use super::{Config, Fault, Text};

/// Properties that demograph sets itself.
const FORCED: [&str; 13] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "allow.auto.create.topics",
    "check.crcs",
    "enable.partition.eof",
    "statistics.interval.ms",
    "group.protocol.type",
    "enabled_events",
];

/// A client that polls less often than this is taken for dead. Draining, and a store that is slow, take their time.
const POLL_INTERVAL_MIN: i64 = 60_000;
/// librdkafka's default for what one fetch may take of memory, in KiB.
const QUEUED_KIB_USUAL: i64 = 65_536;

/// Why a value is not accepted. `None` for all others.
pub fn refuses(key: &str, value: &str) -> Option<String> {
    if FORCED.contains(&key) {
        let why = "demograph sets this itself (another value would lose or double-count records, or hide that they \
                   wait): remove it";
        return Some(why.into());
    }
    let number = value.trim().parse::<i64>().ok();
    let why = match key {
        "isolation.level" if value != "read_committed" => {
            "records of transactions that were aborted would be counted: remove it"
        }
        "plugin.library.paths" | "ssl.engine.location" => {
            "it loads foreign code into the program: remove it"
        }
        "topic.blacklist" => "the topic would never be read: remove it",
        "offset.store.method" if value != "broker" => {
            "offsets are kept in checkpoints, and committed to the broker for lag tools: remove it"
        }
        "max.poll.interval.ms" if number.is_some_and(|millis| millis < POLL_INTERVAL_MIN) => {
            "the group would take partitions away while their last checkpoint is written: write 60000 or more"
        }
        "fetch.wait.max.ms" if number.is_some_and(|millis| millis > 5_000) => {
            "a broker that is away could not be told from silence: write 5000 or less"
        }
        "queued.min.messages" if number.is_some_and(|messages| messages < 1) => {
            "nothing would be fetched: write 1 or more"
        }
        "api.version.request" if value == "false" => {
            "without it headers are not read, and transactions are not seen: remove it"
        }
        "enable.sasl.oauthbearer.unsecure.jwt" if value == "true" => {
            "such a login proves nothing: remove it"
        }
        "client.id" if value.is_empty() => "an empty name identifies no client: remove it",
        _ => return None,
    };
    Some(why.into())
}

/// What is accepted and has a consequence that its author may not know. `None` for all others.
pub fn warns(key: &str, value: &str) -> Option<&'static str> {
    let number = value.trim().parse::<i64>().ok();
    match key {
        "enable.ssl.certificate.verification" if value == "false" => Some(
            "others on the network can read the crops and the password: set ssl.ca.location instead",
        ),
        "ssl.endpoint.identification.algorithm" if value == "none" => Some(
            "a broker with any certificate of the same CA is accepted: the certificate should hold the broker's name",
        ),
        "group.instance.id" => Some(
            "two instances with the same id fence one another off, and after a stop partitions wait for \
             session.timeout.ms: each instance needs an id of its own",
        ),
        "queued.max.messages.kbytes" if number.is_some_and(|kib| kib > QUEUED_KIB_USUAL) => {
            Some("so much memory is taken for crops that wait; the container's limit must allow it")
        }
        "session.timeout.ms" if number.is_some_and(|millis| millis < 6_000) => {
            Some("a short pause of the network takes the partitions away")
        }
        "topic.metadata.refresh.interval.ms" if number.is_some_and(|millis| millis < 0) => {
            Some("partitions that are added later are not found until a restart")
        }
        "security.protocol" if value.eq_ignore_ascii_case("sasl_plaintext") => {
            Some("crops, and with PLAIN the password, travel unencrypted: use SASL_SSL")
        }
        _ => None,
    }
}

/// What is wrong with the properties that stand in the file. Those from elsewhere are judged when the client is made.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, value) in &config.kafka.properties {
        let field = format!("kafka.properties.\"{key}\"");
        // A forced property is refused wherever its value would come from.
        let text = value.plain().unwrap_or_default();
        if (value.plain().is_some() || FORCED.contains(&key.as_str()))
            && let Some(why) = refuses(key, &text)
        {
            faults.push(Fault::new(&field, "", why));
        }
    }
    faults.extend(too_small(config));
    faults
}

/// A payload that the contract allows must fit into what is fetched at once.
fn too_small(config: &Config) -> Vec<Fault> {
    let payload = config.limits.payload_bytes_max as i64;
    let limits = ["receive.message.max.bytes", "fetch.max.bytes"];
    let properties = &config.kafka.properties;
    let small = limits.into_iter().filter_map(|key| {
        let value = properties.get(key).and_then(Text::plain)?;
        let bytes: i64 = value.trim().parse().ok()?;
        let fix = format!(
            "a payload of limits.payload_bytes_max = {payload} would not fit: write {} or more, or remove it",
            payload.saturating_mul(2)
        );
        (bytes < payload).then(|| Fault::new(&format!("kafka.properties.\"{key}\""), bytes, fix))
    });
    small.collect()
}

/// What the properties of the config bring that their author may not know.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let properties = config.kafka.properties.iter();
    let said = properties.filter_map(|(key, value)| {
        let words = warns(key, &value.resolve().ok()?)?;
        Some(format!("kafka.properties.\"{key}\": {words}"))
    });
    said.collect()
}
