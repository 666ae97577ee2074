//! Apache Kafka, one broker for the whole test binary; each test has a topic of its own.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use demograph_core::{
    event::Event,
    record::{EventTime, Position, Record},
};
use demograph_service::{
    config::{self, LostData, StartOffset},
    kafka::{Admin, Producer},
};
#[cfg(feature = "gateway")]
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
};

use super::{Process, command, repository, setup};

/// Any 16 bytes in base64.
const CLUSTER_ID: &str = "ZGVtb2dyYXBoLXRlc3QtMQ";

/// A running broker.
pub struct Broker {
    pub address: String,
    /// What it is started with: the same ports and folder every time.
    properties: PathBuf,
    process: Process,
}

/// A topic that nobody else uses, and the name of the group that reads it.
#[derive(Clone)]
pub struct Topic {
    pub brokers: String,
    pub name: String,
}

impl Broker {
    /// The one that all tests share. Started by the first, ended with the test binary.
    pub fn shared() -> &'static Self {
        static BROKER: OnceLock<Broker> = OnceLock::new();
        BROKER.get_or_init(|| Self::start(&data_folder("kafka"), ""))
    }

    /// Starts a broker with the listener PLAINTEXT and the additional properties, which may override the template's
    /// and name its ports (`@PORT@`, `@CONTROLLER@`).
    pub fn start(folder: &Path, properties: &str) -> Self {
        let (port, controller) = (free_port(), free_port());
        let file = folder.join("server.properties");
        let text = server_properties(properties, (port, controller), folder);
        fs::write(&file, text).unwrap();
        let mut format = java("kafka.tools.StorageTool");
        format.args(["format", "--standalone", "-t", CLUSTER_ID, "-c"]);
        let formatted = Process::start("kafka format", with(format, &file)).finish(60);
        assert_eq!(
            formatted.code,
            Some(0),
            "{}{}",
            formatted.stdout,
            formatted.stderr
        );
        let mut broker = Self {
            address: format!("127.0.0.1:{port}"),
            process: Self::launch(&file),
            properties: file,
        };
        broker.await_connections();
        broker
    }

    fn launch(properties: &Path) -> Process {
        Process::start("kafka", with(java("kafka.Kafka"), properties))
    }

    /// Waits until it accepts connections.
    pub fn await_connections(&mut self) {
        let address = self.address.clone();
        self.process
            .wait_for("the broker accepts connections", 60, || {
                TcpStream::connect(&address).ok()
            });
    }

    /// `KILL` or `TERM`; it does not wait for the end.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether its process is gone.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Starts it anew after its end, with the log that it has written; [`Self::await_connections`] waits for it.
    pub fn restart(&mut self) {
        assert!(self.has_ended(), "the broker still runs");
        self.process = Self::launch(&self.properties);
    }

    /// Allows a principal an operation on `["--topic", NAME]` or `["--group", NAME]`, as Kafka's own tool does.
    pub fn allow(&self, (principal, operation): (&str, &str), what: [&str; 2]) {
        let mut tool = java("org.apache.kafka.tools.AclCommand");
        tool.args(["--bootstrap-server", &self.address, "--add"])
            .args(["--allow-principal", principal])
            .args(["--operation", operation])
            .args(what);
        let said = Process::start("kafka-acls", tool).finish(60);
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    }

    /// Creates a topic with a name of its own.
    pub fn topic(&self, purpose: &str, partitions: i32) -> Topic {
        static TOPICS: AtomicUsize = AtomicUsize::new(0);
        let topic = Topic {
            brokers: self.address.clone(),
            name: format!("{purpose}-{}", TOPICS.fetch_add(1, Ordering::Relaxed)),
        };
        Admin::connect(&topic.client())
            .unwrap()
            .create_topic(partitions)
            .unwrap();
        topic
    }
}

impl Topic {
    /// The `[kafka]` section as a client's settings.
    pub fn client(&self) -> config::Kafka {
        config::Kafka {
            brokers: self.brokers.clone(),
            topic: self.name.clone(),
            group: self.name.clone(),
            start: StartOffset::Earliest,
            on_lost_data: LostData::Stop,
            properties: BTreeMap::new(),
        }
    }

    /// Sends events as they are, and waits until the broker has them all.
    pub fn send(&self, events: impl IntoIterator<Item = impl Borrow<Event>>) {
        let producer = Producer::connect(&self.client()).unwrap();
        let mut sent = 0;
        for event in events {
            producer.send(event.borrow()).unwrap();
            sent += 1;
        }
        producer.flush(std::time::Duration::from_secs(30)).unwrap();
        assert_eq!((producer.delivered(), producer.failed()), (sent, 0));
    }

    /// All records of its first partition, as a consumer gets them.
    #[cfg(feature = "gateway")]
    pub fn records(&self) -> Vec<Record> {
        let mut client = rdkafka::ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.set("group.id", "nobody");
        let consumer: BaseConsumer = client.create().unwrap();
        let wait = std::time::Duration::from_secs(30);
        let (_, end) = consumer.fetch_watermarks(&self.name, 0, wait).unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_offset(&self.name, 0, rdkafka::Offset::Beginning)
            .unwrap();
        consumer.assign(&list).unwrap();
        let mut records = Vec::new();
        while (records.len() as i64) < end {
            let message = consumer.poll(wait).expect("a record in time").unwrap();
            let headers = message.headers().unwrap().iter();
            records.push(Record {
                position: Position {
                    partition: 0,
                    offset: message.offset(),
                },
                timestamp: message.timestamp().to_millis().map(EventTime),
                received: EventTime(message.timestamp().to_millis().unwrap()),
                key: message.key().map(<[u8]>::to_vec),
                headers: headers
                    .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                    .collect(),
                payload: message.payload().unwrap_or_default().to_vec(),
            });
        }
        records
    }

    /// Adds partitions, as Kafka's own tool does.
    pub fn grow(&self, partitions: i32) {
        let mut tool = java("org.apache.kafka.tools.TopicCommand");
        tool.args(["--bootstrap-server", &self.brokers, "--alter"])
            .args(["--topic", &self.name])
            .args(["--partitions", &partitions.to_string()]);
        let said = Process::start("kafka-topics", tool).finish(60);
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    }

    /// Deletes the records before an offset, as retention does.
    pub fn delete_before(&self, partition: i32, offset: i64) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offsets.json");
        let place = format!(
            r#"{{"topic": "{}", "partition": {partition}, "offset": {offset}}}"#,
            self.name
        );
        let text = format!(r#"{{"version": 1, "partitions": [{place}]}}"#);
        fs::write(&file, text).unwrap();
        let mut tool = java("org.apache.kafka.tools.DeleteRecordsCommand");
        tool.args(["--bootstrap-server", &self.brokers])
            .arg("--offset-json-file")
            .arg(&file);
        let said = Process::start("kafka-delete-records", tool).finish(60);
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    }

    /// Deletes the topic and makes it again, empty.
    pub fn make_anew(&self, partitions: i32) {
        let admin = Admin::connect(&self.client()).unwrap();
        admin.delete_topic().unwrap();
        admin.create_topic(partitions).unwrap();
    }

    /// For each partition the end of its log, as Kafka's own tool says.
    pub fn ends(&self) -> BTreeMap<i64, i64> {
        let mut tool = java("org.apache.kafka.tools.GetOffsetShell");
        tool.args(["--bootstrap-server", &self.brokers])
            .args(["--topic", &self.name]);
        let said = Process::start("kafka-get-offsets", tool).finish(60);
        let ends: BTreeMap<i64, i64> = said
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix(&self.name)?.strip_prefix(':'))
            .filter_map(|line| line.split_once(':'))
            .map(|(partition, end)| (partition.parse().unwrap(), end.trim().parse().unwrap()))
            .collect();
        assert!(!ends.is_empty(), "{}{}", said.stdout, said.stderr);
        ends
    }

    /// For each partition the offset that the group committed and the end of the log, as Kafka's own tool says.
    pub fn committed_and_ends(&self) -> Vec<(i64, i64)> {
        let mut tool = java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
        tool.args(["--bootstrap-server", &self.brokers, "--describe"])
            .args(["--offsets", "--group", &self.name]);
        let said = Process::start("kafka-consumer-groups", tool).finish(60);
        let rows: Vec<(i64, i64)> = said
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|columns| columns.get(1) == Some(&self.name.as_str()))
            // Nothing committed shows as "-": right where nothing was ever written.
            .map(|columns| {
                (
                    columns[3].parse().unwrap_or(0),
                    columns[4].parse().unwrap_or(-1),
                )
            })
            .collect();
        assert!(!rows.is_empty(), "{}{}", said.stdout, said.stderr);
        rows
    }
}

/// A port that was free a moment ago and that this function has not named before: the system may well name one twice.
pub fn free_port() -> u16 {
    static NAMED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if NAMED.lock().unwrap().insert(port) {
            return port;
        }
    }
}

fn java(class: &str) -> Command {
    let lib = setup("kafka/lib", "setup/test-tools");
    let mut java = command("java");
    java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-cp")
        .arg(lib.join("*"))
        .arg(class);
    java
}

fn with(mut command: Command, file: &Path) -> Command {
    command.arg(file);
    command
}

/// A folder below `target/tmp` for a part that ends with the test binary and so cannot clean up after itself:
/// the next run does.
fn data_folder(name: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(parent).unwrap() {
        let path = entry.unwrap().path();
        let owner = path
            .file_name()
            .and_then(|file| file.to_str()?.strip_prefix(name)?.strip_prefix('-'));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            fs::remove_dir_all(&path).unwrap();
        }
    }
    let folder = parent.join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// One node that is broker and controller; nothing waits longer than a test should.
fn server_properties(more: &str, (port, controller): (u16, u16), folder: &Path) -> String {
    let template = fs::read_to_string(repository("tests/it/world/server.properties")).unwrap();
    (template + more)
        .replace("@PORT@", &port.to_string())
        .replace("@CONTROLLER@", &controller.to_string())
        .replace("@DATA@", &folder.join("data").display().to_string())
}
