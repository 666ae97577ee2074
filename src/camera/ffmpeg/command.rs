//! What ffmpeg is told. Pure.

use std::{path::PathBuf, time::Duration};

/// A stream, and how it is decoded.
#[derive(Clone)]
pub struct Settings {
    /// The program: `ffmpeg`, found as the shell finds it.
    pub program: PathBuf,
    /// A file, a device (`/dev/video0`), or an address (`rtsp://`, `http://`). It may hold a password: it is never printed.
    pub address: String,
    /// Options before the address, such as `-hwaccel vaapi`.
    pub options: Vec<String>,
    /// At most so many pictures a second of the stream's time. The others are dropped before they cost more than decoding.
    pub fps: f32,
    /// A picture may have so many pixels.
    pub pixels_max: usize,
    /// A child without a picture for so long is ended.
    pub silence_max: Duration,
    /// A child that was asked to end and does not for so long is killed.
    pub grace: Duration,
}

impl Settings {
    /// For this file, device or address.
    pub fn of(address: &str) -> Self {
        Self {
            program: "ffmpeg".into(),
            address: address.to_owned(),
            options: Vec::new(),
            fps: 5.0,
            pixels_max: 7680 * 4320,
            silence_max: Duration::from_secs(20),
            grace: Duration::from_secs(5),
        }
    }

    /// Whether the stream goes on in real time, whoever looks: it cannot be held up, and does not end.
    pub fn is_live(&self) -> bool {
        self.address.contains("://") || self.is_device()
    }

    fn is_device(&self) -> bool {
        self.address.starts_with("/dev/")
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<&str> = vec!["-hide_banner", "-nostdin", "-v", "warning"];
        arguments.extend(self.options.iter().map(String::as_str));
        if self.address.starts_with("rtsp://") || self.address.starts_with("rtsps://") {
            // UDP loses packets, and each loss spoils a second of pictures. The timeout is in microseconds.
            arguments.extend(["-rtsp_transport", "tcp", "-timeout", "10000000"]);
        }
        if self.is_device() {
            arguments.extend(["-f", "v4l2"]);
        }
        // Pixels that are not square are made so: the net knows no squeezed faces.
        // Pictures are dropped before they are converted. The filter `fps` would fill gaps with copies: an hour's leap of the
        // camera's clock with 18,000. A tenth less than the interval, because cameras are not exact.
        let interval = 0.9 / self.fps;
        let filters = format!(
            "select='isnan(prev_selected_t)+gte(t-prev_selected_t\\,{interval})+lt(t\\,prev_selected_t)',\
             scale=w='trunc(iw*sar+0.5)':h=ih:out_range=full:out_color_matrix=bt601,format=yuv420p"
        );
        let output = [
            "-fps_mode",
            "passthrough",
            "-c:v",
            "rawvideo",
            "-f",
            "nut",
            "pipe:1",
        ];
        let end = ["-i", &self.address, "-map", "0:v:0", "-vf", &filters];
        arguments.extend(end);
        arguments.extend(output);
        arguments.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(address: &str) -> String {
        Settings::of(address).arguments().join(" ")
    }

    #[test]
    fn each_kind_of_source_gets_the_options_that_it_needs() {
        assert!(
            said("rtsp://cam/1").contains("-rtsp_transport tcp -timeout 10000000 -i rtsp://cam/1")
        );
        assert!(said("/dev/video0").contains("-f v4l2 -i /dev/video0"));
        assert!(said("a.mp4").contains("-v warning -i a.mp4 -map 0:v:0"));
        let live = ["rtsp://cam/1", "http://cam/mjpeg", "/dev/video0", "a.mp4"];
        assert_eq!(
            live.map(|address| Settings::of(address).is_live()),
            [true, true, true, false]
        );
        let with_options = Settings {
            options: vec!["-hwaccel".into(), "vaapi".into()],
            ..Settings::of("a.mp4")
        };
        assert!(
            with_options
                .arguments()
                .join(" ")
                .contains("-hwaccel vaapi -i a.mp4")
        );
    }
}
