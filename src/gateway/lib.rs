//! The gateway: many cameras in, face-crop events out. It joins the wing [`demograph_camera`] to what talks to Kafka.
//!
//! ```text
//! camera ─▶ ffmpeg ─▶ follow ─▶ pick ─▶ outlet ─▶ Kafka
//! × n       a child   faces of  the best          bounded queue
//!                     tracks    of a track
//! ```
//! Each camera has a thread, a detector and a child of its own: one that hangs holds up no other. A full queue holds up the
//! threads, and then frames are skipped: counted, and no memory grows.

mod address;
mod camera;
pub mod config;
mod flow;
mod gateway;
mod inputs;
mod metrics;
mod names;
mod outlet;
mod photographs;
mod pick;
mod presence;
mod preview;

pub use config::Config;
pub use gateway::{Gateway, Input, OpenCamera, detector};
pub use metrics::{CameraMetrics, Status};
pub use outlet::{Deliveries, Kafka, Outlet, Topic};
pub use pick::Rule;
pub use preview::Preview;
