//! What ffmpeg is told. Pure.

use std::{path::PathBuf, time::Duration};

use super::backoff::Backoff;
use crate::face::Rect;

/// A stream, and how it is decoded.
#[derive(Clone)]
pub struct Settings {
    /// The program: `ffmpeg`, found as the shell finds it.
    pub program: PathBuf,
    /// A file, a device (`/dev/video0`), or an address (`rtsp://`, `http://`). It may hold a password: it is never printed,
    /// and ffmpeg gets an address through its standard input, where no list of processes shows it.
    pub address: String,
    /// Options before the address, such as `-hwaccel vaapi`.
    pub options: Vec<String>,
    /// Options of the protocol or the format of an address, by name, such as `rtsp_transport`.
    pub stream_options: Vec<(String, String)>,
    /// At most so many pictures a second of the stream's time. The others are dropped before they cost more than decoding.
    pub fps: f32,
    /// So many a second a recording has, if that is known. Where it has far more than are looked at, those that no other picture
    /// is made from are not decoded.
    pub recorded_fps: Option<f32>,
    /// The part of the picture that is looked at, in parts of its width and height. ffmpeg cuts it out.
    pub region: Rect,
    /// What the time stamps are.
    pub times: Times,
    /// A picture may have so many pixels.
    pub pixels_max: usize,
    /// A child without a picture for so long is ended.
    pub silence_max: Duration,
    /// The time to the second try; it doubles with each further one.
    pub first_wait: Duration,
    /// A child that was asked to end and does not for so long is killed.
    pub grace: Duration,
}

/// What the time stamps of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The stream's own.
    Stream,
    /// When its bytes arrived, for streams that have none, such as MJPEG.
    Receipt,
}

/// What the whole picture is.
pub const WHOLE: Rect = Rect {
    corner: crate::face::Point { x: 0.0, y: 0.0 },
    width: 1.0,
    height: 1.0,
};

/// A recording with so many times the pictures that are looked at can spare some.
const SPARE: f32 = 4.0;

/// Protocols that an address may begin with.
const SCHEMES: [&str; 11] = [
    "rtsp", "rtsps", "http", "https", "rtp", "srtp", "udp", "tcp", "rtmp", "rtmps", "file",
];

/// Protocols that an address may lead to.
const PROTOCOLS: &str =
    "pipe,file,http,https,tcp,tls,crypto,data,rtsp,rtsps,rtp,srtp,udp,rtmp,rtmps";

/// Whether it is the address or the device of a stream that may be opened.
pub fn is_stream(place: &str) -> bool {
    let scheme = place.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme)) || place.starts_with("/dev/")
}

impl Settings {
    /// For this file, device or address.
    pub fn of(address: &str) -> Self {
        Self {
            program: "ffmpeg".into(),
            address: address.to_owned(),
            options: Vec::new(),
            stream_options: Vec::new(),
            fps: 5.0,
            recorded_fps: None,
            region: WHOLE,
            times: Times::usual(address),
            pixels_max: 7680 * 4320,
            silence_max: Duration::from_secs(20),
            first_wait: Backoff::FIRST,
            grace: Duration::from_secs(5),
        }
    }

    /// Whether the stream goes on in real time, whoever looks: it cannot be held up, and does not end.
    pub fn is_live(&self) -> bool {
        self.is_address() || self.is_device()
    }

    fn is_device(&self) -> bool {
        self.address.starts_with("/dev/")
    }

    fn is_address(&self) -> bool {
        self.address.contains("://")
    }

    fn is_rtsp(&self) -> bool {
        self.address.starts_with("rtsp://") || self.address.starts_with("rtsps://")
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<&str> = vec!["-hide_banner", "-nostdin", "-v", "warning"];
        if self.leaves_out() {
            arguments.extend(["-skip_frame", "noref"]);
        }
        arguments.extend(self.options.iter().map(String::as_str));
        let address = match self.is_address() {
            true => {
                arguments.extend(["-f", "concat", "-safe", "0"]);
                arguments.extend(["-protocol_whitelist", PROTOCOLS]);
                "pipe:0"
            }
            false => &self.address,
        };
        if self.is_device() {
            arguments.extend(["-f", "v4l2"]);
        }
        let filters = self.filters();
        let output = [
            "-fps_mode",
            "passthrough",
            "-c:v",
            "rawvideo",
            "-f",
            "nut",
            // Else ffmpeg keeps the place of each picture in memory, and writes them all at the end.
            "-write_index",
            "0",
            "pipe:1",
        ];
        let end = ["-i", address, "-map", "0:v:0", "-vf", &filters];
        arguments.extend(end);
        arguments.extend(output);
        arguments.into_iter().map(str::to_owned).collect()
    }

    /// Whether pictures that no other is made from are left out, before they are decoded. Encoders make at least each second one
    /// of this kind where they make any, most make three of four; live streams seldom have any.
    fn leaves_out(&self) -> bool {
        let recorded = self.recorded_fps.filter(|_| !self.is_live());
        recorded.is_some_and(|recorded| recorded >= SPARE * self.fps)
    }

    /// Pictures are dropped before they are converted. The filter `fps` would fill gaps with copies: an hour's leap of the
    /// camera's clock with 18,000. A tenth less than the interval, because cameras are not exact. Pixels that are not square
    /// are made so: the net knows no squeezed faces.
    fn filters(&self) -> String {
        // What is left has uneven gaps: of each interval the first one is taken, so that there are as many as were asked for.
        let is_due = match self.leaves_out() {
            true => format!(
                "gt(floor(t*{fps})\\,floor(prev_selected_t*{fps}))",
                fps = self.fps
            ),
            false => format!("gte(t-prev_selected_t\\,{})", 0.9 / self.fps),
        };
        let region = &self.region;
        let crop = match *region == WHOLE {
            true => String::new(),
            false => format!(
                "crop=w='iw*{}':h='ih*{}':x='iw*{}':y='ih*{}',",
                region.width, region.height, region.corner.x, region.corner.y
            ),
        };
        format!(
            "select='isnan(prev_selected_t)+{is_due}+lt(t\\,prev_selected_t)',{crop}\
             scale=w='trunc(iw*sar+0.5)':h=ih:out_range=full:out_color_matrix=bt601,format=yuv420p"
        )
    }

    /// What is written to the program's standard input: a list of one address (ffmpeg's "ffconcat"), so that the address is
    /// no argument, which everybody on the machine can read.
    pub(super) fn script(&self) -> Option<String> {
        if !self.is_address() {
            return None;
        }
        let mut script = format!("ffconcat version 1.0\nfile {}\n", quoted(&self.address));
        let mut options: Vec<(&str, &str)> = Vec::new();
        if self.is_rtsp() {
            // UDP loses packets, and each loss spoils a second of pictures. The timeout is in microseconds.
            options.extend([("rtsp_transport", "tcp"), ("timeout", "10000000")]);
        }
        if self.times == Times::Receipt {
            options.push(("use_wallclock_as_timestamps", "1"));
        }
        let own = self.stream_options.iter();
        options.retain(|(name, _)| own.clone().all(|(own, _)| own != name));
        options.extend(own.map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in options {
            // A name in quotes would be another one, which no protocol knows, and ffmpeg says nothing.
            script.push_str(&format!("option {} {}\n", bare(name), quoted(value)));
        }
        Some(script)
    }
}

impl Times {
    /// Over HTTP most cameras send MJPEG, which has no time stamps. HLS has some, and arrives in pieces.
    pub fn usual(address: &str) -> Self {
        let is_http = address.starts_with("http://") || address.starts_with("https://");
        let path = address.split(['?', '#']).next().unwrap_or(address);
        let is_in_pieces = [".m3u8", ".mpd"].iter().any(|end| path.ends_with(end));
        match is_http && !is_in_pieces {
            true => Self::Receipt,
            false => Self::Stream,
        }
    }
}

/// As ffmpeg's lists take a word. A line cannot be ended within it.
fn quoted(word: &str) -> String {
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The name of an option: a word without what could end it.
fn bare(name: &str) -> String {
    name.chars().filter(|c| is_of_name(*c)).collect()
}

/// Whether the names of ffmpeg's options have this letter.
pub fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-:.".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(settings: &Settings) -> String {
        settings.arguments().join(" ")
    }

    #[test]
    fn each_kind_of_source_gets_the_options_that_it_needs() {
        let of = |address: &str| said(&Settings::of(address));
        assert!(of("/dev/video0").contains("-f v4l2 -i /dev/video0"));
        assert!(of("a.mp4").contains("-v warning -i a.mp4 -map 0:v:0"));
        let live = ["rtsp://cam/1", "http://cam/mjpeg", "/dev/video0", "a.mp4"];
        assert_eq!(
            live.map(|address| Settings::of(address).is_live()),
            [true, true, true, false]
        );
        assert_eq!(
            ["rtsp://cam/1", "http://cam/video", "https://c/a.m3u8?x"].map(Times::usual),
            [Times::Stream, Times::Receipt, Times::Stream]
        );
        let with_options = Settings {
            options: vec!["-hwaccel".into(), "vaapi".into()],
            region: Rect {
                corner: crate::face::Point { x: 0.25, y: 0.5 },
                width: 0.5,
                height: 0.5,
            },
            ..Settings::of("a.mp4")
        };
        let said = said(&with_options);
        assert!(said.contains("-hwaccel vaapi -i a.mp4"), "{said}");
        assert!(
            said.contains("',crop=w='iw*0.5':h='ih*0.5':x='iw*0.25':y='ih*0.5',scale="),
            "{said}"
        );
    }

    #[test]
    fn streams_are_devices_and_addresses_with_a_known_protocol() {
        for stream in [
            "rtsp://cam/1",
            "https://cam/v",
            "file:///a.mkv",
            "/dev/video0",
        ] {
            assert!(is_stream(stream), "{stream}");
        }
        for none in [
            "ftp://cam/1",
            "RTSP://cam/1",
            "a.mp4",
            "rtsp:/cam",
            "data://x",
            "",
        ] {
            assert!(!is_stream(none), "{none}");
        }
        let all = PROTOCOLS.split(',').collect::<Vec<_>>();
        assert!(SCHEMES.iter().all(|scheme| all.contains(scheme)));
    }

    #[test]
    fn pictures_that_no_other_needs_are_left_out_where_a_recording_has_enough_others() {
        let of = |address: &str, recorded_fps| {
            let settings = Settings {
                recorded_fps,
                ..Settings::of(address)
            };
            let said = said(&settings);
            let leaves_out = said.contains("-skip_frame noref -i");
            // One of each interval, or the first after an interval.
            assert_eq!(leaves_out, said.contains("gt(floor(t*5)"), "{said}");
            assert_eq!(
                !leaves_out,
                said.contains("gte(t-prev_selected_t"),
                "{said}"
            );
            leaves_out
        };
        assert!(of("a.mp4", Some(25.0)) && of("a.mp4", Some(20.0)));
        assert!(!of("a.mp4", Some(19.9)) && !of("a.mp4", None));
        assert!(!of("rtsp://cam/1", Some(25.0)) && !of("/dev/video0", Some(30.0)));
    }

    #[test]
    fn an_address_is_no_argument_and_its_options_are_beside_it() {
        let settings = Settings {
            stream_options: vec![("timeout".into(), "5".into())],
            ..Settings::of("rtsp://u:it's\nfile 'b'@cam/1")
        };
        let arguments = said(&settings);
        assert!(
            !arguments.contains("cam") && arguments.contains("-i pipe:0"),
            "{arguments}"
        );
        assert_eq!(
            settings.script().unwrap(),
            "ffconcat version 1.0\nfile 'rtsp://u:it'\\''sfile '\\''b'\\''@cam/1'\n\
             option rtsp_transport 'tcp'\noption timeout '5'\n"
        );
        assert_eq!(Settings::of("a.mp4").script(), None);
        let said = Settings::of("http://cam/mjpeg").script().unwrap();
        assert!(
            said.ends_with("option use_wallclock_as_timestamps '1'\n"),
            "{said}"
        );
    }
}
