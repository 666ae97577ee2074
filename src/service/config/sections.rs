//! The sections of the config. The doc comment of a field is its help text in editors and in error messages.

use std::{collections::BTreeMap, path::PathBuf};

use demograph_core::{
    span::Span,
    window::{Growth, Weighting},
};
use demograph_model::decode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Text;
use crate::{http::Listen, peers::PeerSettings};

/// Where the face crops come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Bootstrap servers, "host:port", separated by commas.
    #[schemars(length(min = 1))]
    pub brokers: String,
    /// The topic with the face-crop events.
    #[schemars(length(min = 1))]
    pub topic: String,
    /// The consumer group; instances of one group share the partitions.
    #[schemars(length(min = 1))]
    #[serde(default = "default_group")]
    pub group: String,
    /// Where the group begins at its first start: "earliest" or "latest". Partitions that are added to the topic later
    /// always begin with their oldest record.
    #[serde(default)]
    pub start: StartOffset,
    /// What to do if the broker has deleted records that were not read: "stop" or "continue".
    #[serde(default)]
    pub on_lost_data: LostData,
    /// librdkafka properties, passed on unchanged: TLS, SASL, timeouts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Text>,
}

impl Kafka {
    /// For a producer, which has no group.
    pub fn of_producer(brokers: &str, topic: &str, properties: BTreeMap<String, Text>) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            group: String::new(),
            start: StartOffset::default(),
            on_lost_data: LostData::default(),
            properties,
        }
    }
}

fn default_group() -> String {
    "demograph".into()
}

/// Where a new group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartOffset {
    /// With the oldest record that the broker still has.
    #[default]
    Earliest,
    /// With the next record: at the end of each partition at the group's first start. That end is saved beside the
    /// checkpoints.
    Latest,
}

/// What to do when records were deleted before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LostData {
    /// Exit with an error: a person decides.
    #[default]
    Stop,
    /// Continue with the oldest record that still exists.
    Continue,
}

/// Which model to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The model's folder, which holds manifest.toml and the ONNX files it names.
    pub dir: PathBuf,
    /// Set denormal weights to zero at load. They do not change answers, but can make a net ten times slower.
    #[serde(default)]
    pub flush_denormals: bool,
    /// The categories of ethnicity. Default: all that the model tells apart. Or the name of coarser groups in the model's
    /// manifest, such as "five". The shipped models have calibrations for both; for a model of your own make one with
    /// `demograph calibrate --ethnicity five`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ethnicity: Option<String>,
}

/// Event-time windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// The grid of event time. Panes of one source that follow one another are released together, as one window.
    pub pane: Span,
    /// A window grows pane by pane until this many people are in it. Then it is released, once and whole. The end of an hour
    /// (UTC) ends it with half as many people. The end of a day, and of an hour in which a window was full, ends it with
    /// `policy.k_total`. 0: each pane is a window by itself.
    #[schemars(range(max = 100_000))]
    pub people_min: u64,
    /// The longest window, at most 1d. It ends then with any number of people; with fewer than `policy.k_total` it is
    /// suppressed.
    pub window_max: Span,
    /// The time zone by whose clock the tables `hourly` and `daily` are cut: a name of the IANA database, such as
    /// "Europe/Berlin". A source may have its own. Windows end at hours and days of UTC in any zone.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// How far a face may lie behind the newest face of its source and still be counted.
    pub lateness_max: Span,
    /// After this time without a face (wall clock), a source's open panes are closed, once they have ended by the source's
    /// own clock.
    pub idle_after: Span,
    /// How far event time may lie after the record's timestamp or receipt. Later events are rejected.
    pub future_max: Span,
    /// How far event time may lie before the record's receipt. Older events are rejected. To read an old topic again, write
    /// more than its age, such as "3650d".
    pub past_max: Span,
    /// What happens to an event whose `ce_id` is already in an open pane: "count" (it counts again) or "drop" (it is
    /// rejected as a duplicate). With "drop", each face of a source needs an id of its own.
    pub duplicates: Duplicates,
    /// Rolling views in /metrics: sums of the released windows that ended in this time. Each is a multiple of the pane.
    #[schemars(length(min = 1, max = 8))]
    pub rolling: Vec<Span>,
    /// What has a vote: "people" (each track once) or "dwell" (each face, so that people who stay longer count more).
    /// Thresholds judge tracks with either value. Faces without a track id: `policy.untracked`.
    pub weighting: Weighting,
    /// What happens to open panes and growing windows on SIGTERM: "keep" (the next start resumes them) or "close" (they are
    /// closed and published). "close" is for a stream that has ended: faces that come later are late, or begin another row.
    pub on_stop: OnStop,
    /// The first age of each band. The first band begins at 0, the last one has no upper end.
    #[schemars(length(min = 1, max = 32))]
    pub age_bands: Vec<u32>,
}

/// What becomes of an event that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// It counts again.
    #[default]
    Count,
    /// It is rejected.
    Drop,
}

/// What becomes of open panes when the service is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// They are kept in the checkpoint, and the next start goes on with them.
    #[default]
    Keep,
    /// They are closed and published: the stream has ended.
    Close,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            pane: Span::seconds(10),
            people_min: Growth::PEOPLE_MIN,
            window_max: Span::seconds(86_400),
            time_zone: "UTC".into(),
            lateness_max: Span::seconds(10),
            idle_after: Span::seconds(30),
            future_max: Span::seconds(60),
            past_max: Span::seconds(30 * 86_400),
            duplicates: Duplicates::Count,
            rolling: vec![Span::seconds(60), Span::seconds(300), Span::seconds(3600)],
            weighting: Weighting::People,
            on_stop: OnStop::Keep,
            age_bands: vec![0, 20, 30, 40, 50, 60, 70],
        }
    }
}

/// How true shares are estimated from the model's answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Estimates {
    /// The estimator: "score", the only one. "emq" is its former name and means the same.
    pub method: EstimatorName,
    /// The model's errors, measured by `demograph calibrate`. Default: calibration.PRECISION.json in the model's folder, if
    /// it exists (PRECISION is the one that runs, such as int8). Without a calibration there are counts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
}

/// The estimator of true shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EstimatorName {
    /// One step from EMQ, along the score of the likelihood, with the calibration's measured rates.
    #[default]
    Score,
    /// The former name of "score".
    Emq,
}

/// Where the tables go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// A folder, or "s3://bucket/prefix".
    #[schemars(length(min = 1))]
    pub url: String,
    /// The longest time that a row waits before it is written to a file, also if partitions move between instances.
    #[serde(default = "default_publish_interval")]
    pub publish_interval: Span,
    /// A file is also written as soon as this many rows of `demographics` wait.
    #[serde(default = "default_file_rows_max")]
    #[schemars(range(min = 1))]
    pub file_rows_max: usize,
    /// Write the table `cells` too, from which `demograph estimate` estimates any days and sources again. It holds exact
    /// counts, small ones included: give it to those only who may see them.
    #[serde(default)]
    pub cells: bool,
    /// A folder, or "s3://bucket/prefix", for the table `cells`; by default the place beside url, with "-cells" at its end,
    /// because exact cells beside what is shown undo its suppression. Files that an earlier version wrote under url stay
    /// there, and are read there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells_url: Option<String>,
    /// `demograph compact` deletes the files of dates that ended longer ago than this, such as "400d". Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Span>,
    /// Options of the object store, such as aws_region or aws_secret_access_key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Text>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            url: "out".into(),
            publish_interval: default_publish_interval(),
            file_rows_max: default_file_rows_max(),
            cells: false,
            cells_url: None,
            keep: None,
            options: BTreeMap::new(),
        }
    }
}

fn default_publish_interval() -> Span {
    Span::seconds(15 * 60)
}

fn default_file_rows_max() -> usize {
    100_000
}

/// The checkpoints, which make every record count exactly once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Where checkpoints go: a folder, or "s3://bucket/prefix". Default: output.url with "-state" at its end. Checkpoints
    /// hold exact counts, suppressed ones too, and keyed hashes of track ids: only the service may read them. Checkpoints
    /// that an earlier version began under output.url stay there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The secret key of the hashes of track ids: `{ file = "/run/secrets/track-key" }` or `{ env = "NAME" }`, at least 32
    /// characters, the same for all instances. Default: the first start makes one and keeps it beside the checkpoints, in
    /// keys/. A reader of both can find track ids by trying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track_key: Option<Text>,
    /// What to do if the checkpoints were written with another track key, or their key is lost: "stop" or "cut". Their
    /// tracks cannot be recognised.
    pub on_other_track_key: OtherTrackKey,
    /// How often each partition's state is saved, if it changed. A crash repeats at most this much work.
    pub checkpoint_interval: Span,
    /// How long old checkpoints are kept. At least the longest rolling view: a restart reads the views from them.
    pub keep_for: Span,
}

impl Default for State {
    fn default() -> Self {
        Self {
            url: None,
            track_key: None,
            on_other_track_key: OtherTrackKey::Stop,
            checkpoint_interval: Span::seconds(10),
            keep_for: Span::seconds(24 * 3600),
        }
    }
}

/// What to do with checkpoints that were written with another track key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtherTrackKey {
    /// Exit with an error: a person restores the key.
    #[default]
    Stop,
    /// Close and publish their open panes, and continue with the present key. A track that continues votes once more.
    Cut,
}

/// The endpoint with /metrics, /healthz and /readyz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Allow an address other than loopback without TLS and logins.
    pub insecure_listen: bool,
    /// A file with a certificate and users, in the form of Prometheus' exporters (web-config.yml). It is read again when it
    /// changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_config: Option<PathBuf>,
    /// A file with a line for each bearer token: its SHA-256 and a name, as sha256sum writes them. It is read again when it
    /// changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<PathBuf>,
    /// Web pages of these origins may ask in a browser, such as `https://board.example`. They need a token. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Other instances, such as `https://other:9464`. The page and its API show their sources too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// The same by DNS: each address of this name is an instance, such as `https://demograph.site.svc:9464` of a headless
    /// service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers_dns: Option<String>,
    /// The bearer token that peers ask for: `{ file = "/run/secrets/peers-token" }` or `{ env = "NAME" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers_token: Option<Text>,
    /// The certificates that vouch for peers, PEM. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers_ca: Option<PathBuf>,
    /// The number of sources with series of their own. The others are summed under source="__other__".
    #[schemars(range(min = 1))]
    pub source_series_max: usize,
}

impl Http {
    /// As the endpoint has it.
    pub fn listen(&self) -> Listen {
        Listen {
            address: self.listen.clone(),
            insecure: self.insecure_listen,
            web_config: self.web_config.clone(),
            tokens: self.tokens.clone(),
            cors_origins: self.cors_origins.clone(),
        }
    }

    /// The other instances.
    pub fn peers(&self) -> PeerSettings {
        PeerSettings {
            urls: self.peers.clone(),
            dns: self.peers_dns.clone(),
            token: self.peers_token.clone(),
            ca: self.peers_ca.clone(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".into(),
            insecure_listen: false,
            web_config: None,
            tokens: None,
            cors_origins: Vec::new(),
            peers: Vec::new(),
            peers_dns: None,
            peers_token: None,
            peers_ca: None,
            source_series_max: 200,
        }
    }
}

/// Bounds on what input may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Larger payloads are rejected before they are decoded.
    #[schemars(range(min = 1))]
    pub payload_bytes_max: usize,
    /// Images with a shorter side are rejected before they are decoded: too few pixels for a face.
    #[schemars(range(min = 1))]
    pub image_side_min: u32,
    /// Wider or higher images are rejected before memory is allocated for them.
    #[schemars(range(min = 16, max = 16384))]
    pub image_side_max: u32,
    /// The number of sources with rows of their own, in each partition, if unknown sources are allowed. Further sources are
    /// rejected.
    #[schemars(range(min = 1))]
    pub sources_max: usize,
    /// The longest time for the last checkpoint, on SIGTERM or when a partition is taken away. After it the program exits
    /// with an error, and the next owner resumes from the checkpoint before.
    pub drain_max: Span,
    /// How long the store may fail to answer. Reading pauses meanwhile; after it the program exits with an error.
    pub store_stall_max: Span,
    /// How long one batch may take to decode and infer. After it the program exits with an error: the model hangs.
    pub batch_stall_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        let image = decode::Limits::default();
        Self {
            payload_bytes_max: image.payload_bytes_max,
            image_side_min: image.image_side_min,
            image_side_max: image.image_side_max,
            sources_max: 10_000,
            drain_max: Span::seconds(20),
            store_stall_max: Span::seconds(15 * 60),
            batch_stall_max: Span::seconds(2 * 60),
        }
    }
}
