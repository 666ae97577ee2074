//! The sections of the config. The doc comment of a field is its help text in editors and in error messages.

use std::{collections::BTreeMap, path::PathBuf};

use demograph_core::{estimate::Method, span::Span, window::Weighting};
use demograph_model::decode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::Text;

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
    /// Where the group begins at its first start. Partitions that are added to the topic later begin with their oldest
    /// record, with either value.
    #[serde(default)]
    pub start: Start,
    /// What to do when the broker has already deleted the records that come next.
    #[serde(default)]
    pub on_lost_data: LostData,
    /// Any librdkafka property, handed on as it is: TLS, SASL, timeouts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Text>,
}

fn default_group() -> String {
    "demograph".into()
}

/// Where a new group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the oldest record that the broker still has.
    #[default]
    Earliest,
    /// With the next record to come: each partition where it ends at the group's first start, which is written down
    /// beside the checkpoints.
    Latest,
}

/// What to do when records were deleted before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LostData {
    /// Exit with an error, so that a person decides.
    #[default]
    Stop,
    /// Go on with the oldest record that is there.
    Continue,
}

/// Which model to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The model's folder, which holds manifest.toml and the ONNX files it names.
    pub dir: PathBuf,
    /// Set denormal weights to zero at load; they change nothing but can cost ten times the time.
    #[serde(default)]
    pub flush_denormals: bool,
}

/// Event-time windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// The base window and the grid of publication: one row a source, pane, attribute and category.
    /// Choose it so that a pane usually holds far more people than `policy.k_total`.
    pub pane: Span,
    /// How much later than the newest face of its source a face may arrive and still be counted.
    pub lateness_max: Span,
    /// A source that sent no face for so long (wall clock) has its open panes closed, once they have passed by its own
    /// clock.
    pub idle_after: Span,
    /// How far event time may run ahead of the record's timestamp and of its receipt; beyond it the event is rejected.
    pub future_max: Span,
    /// How far event time may lie before the record's receipt; an older event is rejected. To read an old topic again,
    /// write more than its age, such as "3650d".
    pub past_max: Span,
    /// What becomes of an event that comes again with the same `ce_id` while its pane is open: "count" (it counts
    /// again) or "drop" (it is rejected as a duplicate; each face of a source must have an id of its own).
    pub duplicates: Duplicates,
    /// Rolling views in /metrics, as sums of released panes; each a multiple of the pane.
    #[schemars(length(min = 1, max = 8))]
    pub rolling: Vec<Span>,
    /// What a vote is: "people" (one a track) or "dwell" (one a face, so that who stays longer counts more; small
    /// counts are still judged by tracks). Faces without a track id: `policy.untracked`.
    pub weighting: Weighting,
    /// What becomes of open panes on SIGTERM: "keep" (the next start goes on with them) or "close" (they are closed and
    /// published, for a stream that has ended; what comes for them later is late, or begins another row).
    pub on_stop: OnStop,
    /// The first age of every band; the first band begins at 0, the last one is open.
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
            lateness_max: Span::seconds(10),
            idle_after: Span::seconds(30),
            future_max: Span::seconds(60),
            past_max: Span::seconds(30 * 86_400),
            duplicates: Duplicates::Count,
            rolling: vec![Span::seconds(60), Span::seconds(300), Span::seconds(3600)],
            weighting: Weighting::People,
            on_stop: OnStop::Keep,
            age_bands: vec![0, 18, 25, 35, 45, 55, 65],
        }
    }
}

/// How true shares are estimated from the model's answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Estimates {
    /// The estimator: "emq", "acc" or "pacc".
    pub method: Method,
    /// How the model errs, made by `demograph calibrate`; by default calibration.PRECISION.json in the model's folder
    /// (PRECISION is int8 or fp32, whichever runs), if it is there. Without one there are counts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
}

/// Where the tables go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// A folder, or "s3://bucket/prefix".
    #[schemars(length(min = 1))]
    pub url: String,
    /// How long a row waits at most until it is in a file, however often partitions move between instances.
    #[serde(default = "default_publish_interval")]
    pub publish_interval: Span,
    /// A file is written as soon as so many rows wait (in the table `demographics`).
    #[serde(default = "default_file_rows_max")]
    #[schemars(range(min = 1))]
    pub file_rows_max: usize,
    /// Write the table `cells` too, from which `demograph estimate` estimates any days and sources again. It holds exact
    /// counts, small ones included: give it to those only who may see them.
    #[serde(default)]
    pub cells: bool,
    /// `demograph compact` deletes the files of a date that ended longer ago, such as "400d"; absent: never.
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
    /// A folder, or "s3://bucket/prefix", for the checkpoints; by default the place beside output.url, with "-state" at
    /// its end. They hold exact counts, of what the tables withhold too, and hashes of track ids: give them to no one but
    /// the service. Checkpoints that an earlier version began under output.url are found there and go on there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How often each partition's state is written down (if anything happened): what a crash makes read again.
    pub checkpoint_interval: Span,
    /// How long old checkpoints stay; at least the longest rolling view, which a restart reads from them.
    pub keep_for: Span,
}

impl Default for State {
    fn default() -> Self {
        Self {
            url: None,
            checkpoint_interval: Span::seconds(10),
            keep_for: Span::seconds(24 * 3600),
        }
    }
}

/// The endpoint with /metrics, /healthz and /readyz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Allow an address other than loopback, although the endpoint has neither TLS nor a password.
    pub insecure_listen: bool,
    /// Sources with series of their own; the rest are summed under source="__other__".
    #[schemars(range(min = 1))]
    pub source_series_max: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".into(),
            insecure_listen: false,
            source_series_max: 200,
        }
    }
}

/// Bounds on what input may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A larger payload is rejected before it is decoded.
    #[schemars(range(min = 1))]
    pub payload_bytes_max: usize,
    /// An image with a shorter side is rejected before it is decoded: too few pixels for a face.
    #[schemars(range(min = 1))]
    pub image_side_min: u32,
    /// An image that is wider or higher is rejected before memory is taken for it.
    #[schemars(range(min = 16, max = 16384))]
    pub image_side_max: u32,
    /// Sources with rows of their own, when unknown ones are allowed; the rest are rejected.
    #[schemars(range(min = 1))]
    pub sources_max: usize,
    /// How long the last checkpoint may take on SIGTERM or when a partition is taken away; then the program exits with
    /// an error, and the next owner goes on from the checkpoint before.
    pub drain_max: Span,
    /// How long the store may fail to answer before the program exits with an error. Meanwhile reading pauses.
    pub store_stall_max: Span,
    /// How long one batch may take to decode and infer before the program exits with an error: the model hangs.
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
