//! The sections of the config. The doc comment of a field is its help text in editors and in error messages.

use std::{collections::BTreeMap, path::PathBuf};

use demograph_camera::{
    face::{Point, Rect},
    ffmpeg::Times,
    shot::CROP_SIZE,
};
use demograph_core::{
    choose::{CropsMax, Spans},
    span::Span,
};
use demograph_model::infer::Inference;
use demograph_service::{config::Text, http::Listen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pick::Rule;

/// Where the face crops go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Bootstrap servers, "host:port", separated by commas.
    #[schemars(length(min = 1))]
    pub brokers: String,
    /// The topic of the face-crop events. It is not created.
    #[schemars(length(min = 1))]
    pub topic: String,
    /// So many events wait for the broker at most. When it is full, frames are skipped and counted.
    #[serde(default = "queue_max")]
    #[schemars(range(min = 10, max = 100_000))]
    pub queue_max: u32,
    /// librdkafka properties, passed on unchanged: TLS, SASL, timeouts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Text>,
}

impl Kafka {
    /// With the usual queue and no property.
    pub fn of(brokers: &str, topic: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            queue_max: queue_max(),
            properties: BTreeMap::new(),
        }
    }
}

fn queue_max() -> u32 {
    1_000
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// The name of the camera: the key of its records and their `ce_source`. The config of `demograph run` lists it.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The stream: "rtsp://host/path", "http://host/path", "/dev/video0", or `{ env = "NAME" }`, `{ file = "PATH" }`. Take
    /// the camera's smaller stream if faces are large enough in it: it costs a third.
    pub address: Text,
    /// The user of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password of the address: `{ env = "NAME" }` or `{ file = "/run/secrets/NAME" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Text>,
    /// Frames a second that are looked at.
    #[serde(default = "fps")]
    #[schemars(range(min = 0.2, max = 30.0))]
    pub fps: f32,
    /// The shorter side of the smallest face, in pixels of the picture. Half of it takes four times as long.
    #[serde(default = "min_face")]
    #[schemars(range(min = 8, max = 1000))]
    pub min_face: u32,
    /// The lowest score of a face, 0 to 1. Lower: more faces are found, and more things that are none.
    #[serde(default = "score_min")]
    #[schemars(range(min = 0.05, max = 1.0))]
    pub score_min: f32,
    /// The part of the picture that is looked at: `{ x = 0.0, y = 0.2, width = 1.0, height = 0.8 }`, in parts of the
    /// picture's width and height. The rest never reaches this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Polygons that are blacked out before a face is looked for: lists of corners `[x, y]`, in parts of the picture's
    /// width and height, also with a region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<Vec<[f32; 2]>>,
    /// What the time stamps of the stream are: "stream" (its own), "receipt" (when its bytes arrived, for MJPEG, which has
    /// none) or "auto" (receipt over HTTP, except for HLS and DASH).
    #[serde(default)]
    pub times: TimesOf,
    /// ffmpeg's options before the address, one text each, such as `["-hwaccel", "vaapi"]`. Everybody on the machine can
    /// read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// ffmpeg's options of the protocol or the format, such as `{ rtsp_transport = "udp" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stream_options: BTreeMap<String, String>,
}

fn fps() -> f32 {
    5.0
}

fn min_face() -> u32 {
    40
}

fn score_min() -> f32 {
    0.7
}

/// A part of a picture, in parts of its width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// The left side.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub x: f32,
    /// The upper side.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub y: f32,
    /// How wide.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub width: f32,
    /// How high.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub height: f32,
}

impl Region {
    /// As the camera's code has it.
    pub fn rect(self) -> Rect {
        Rect {
            corner: Point {
                x: self.x,
                y: self.y,
            },
            width: self.width,
            height: self.height,
        }
    }
}

/// What the time stamps of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimesOf {
    /// What is usual for the address.
    #[default]
    Auto,
    /// The stream's own.
    Stream,
    /// When the bytes arrived.
    Receipt,
}

impl TimesOf {
    /// For a stream with this address.
    pub fn of(self, address: &str) -> Times {
        match self {
            Self::Auto => Times::usual(address),
            Self::Stream => Times::Stream,
            Self::Receipt => Times::Receipt,
        }
    }
}

/// Which crops are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crops {
    /// The side of a crop in pixels: enough for every shipped model.
    #[schemars(range(min = 32, max = 1024))]
    pub size: u32,
    /// The most crops of a track that are sent in ten seconds: the same rule as `inference.crops_per_track` of `demograph
    /// run`. 0: all are sent, also if nobody estimates them.
    #[schemars(range(max = 1000))]
    pub per_track: u32,
    /// `windows.pane` of `demograph run`: of each track a crop is sent in each pane.
    pub pane: Span,
    /// Faces whose crop is less sharp are not sent, 0 to 1 (docs/camera.md, "Quality"). 0: all are sent. A person whose
    /// crops are all blurred is then not counted.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sharpness_min: f32,
}

impl Default for Crops {
    fn default() -> Self {
        Self {
            size: CROP_SIZE,
            per_track: Inference::CROPS_PER_TRACK,
            pane: Span::seconds(10),
            sharpness_min: 0.0,
        }
    }
}

impl Crops {
    /// How late a crop may come out of the order of time. A camera's frames come in it.
    const LATENESS_MAX: i64 = 10_000;

    /// As the picker has it.
    pub fn rule(&self) -> Rule {
        Rule {
            crops_max: CropsMax::new(self.per_track),
            spans: Spans {
                pane: self.pane.as_millis(),
                lateness_max: Self::LATENESS_MAX,
            },
            sharpness_min: self.sharpness_min,
        }
    }
}

/// Events that say that somebody was there, without an image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Presence {
    /// The topic of the presence events, one for each track that ends. It is not created. `kafka.topic` or another one.
    /// Absent: none are sent.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// What finds the faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detector {
    /// The detector's folder.
    pub dir: PathBuf,
    /// The ONNX Runtime library. Default: $ORT_DYLIB_PATH, beside the program, .setup/onnxruntime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnxruntime: Option<PathBuf>,
    /// The program that decodes streams.
    pub ffmpeg: PathBuf,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            dir: "models/yunet".into(),
            onnxruntime: None,
            ffmpeg: "ffmpeg".into(),
        }
    }
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
}

impl Http {
    /// As the endpoint has it.
    pub fn listen(&self) -> Listen {
        Listen {
            address: self.listen.clone(),
            insecure: self.insecure_listen,
            web_config: self.web_config.clone(),
            tokens: self.tokens.clone(),
            cors_origins: Vec::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9465".into(),
            insecure_listen: false,
            web_config: None,
            tokens: None,
        }
    }
}

/// Bounds on what may be waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A camera without a frame for so long is opened anew.
    pub silence_max: Span,
    /// An ffmpeg that was asked to end and does not for so long is killed.
    pub grace: Span,
    /// How long a stop may wait until the broker has what was queued.
    pub drain_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence_max: Span::seconds(20),
            grace: Span::seconds(5),
            drain_max: Span::seconds(20),
        }
    }
}
