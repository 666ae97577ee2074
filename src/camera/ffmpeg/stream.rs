//! One stream for as long as it is wanted: ffmpeg is started, watched, ended and started again.

use std::{
    io,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use crossbeam_channel::{Receiver, after, select};
use demograph_core::record::EventTime;

use super::{
    backoff::Backoff,
    child::{End, Known, Running, Skipped, now},
    command::Settings,
    redact,
};
use crate::{
    frame::Frame,
    timeline::{Reading, Stamp, Timeline, recorded},
};

/// A frame and when it was seen.
pub struct Seen {
    /// The picture.
    pub frame: Frame,
    /// When it was seen.
    pub time: EventTime,
    /// Pictures of this run of ffmpeg that nobody took in time.
    pub skipped: Skipped,
    /// How the stream's clock lies to ours.
    pub clock: Reading,
}

/// What happens to a stream.
pub enum Event {
    /// A picture came.
    Frame(Seen),
    /// ffmpeg ended. `wait` is the time to the next try, if there is one.
    Down {
        /// Why.
        end: End,
        /// The last lines of its messages, without passwords.
        lines: Vec<String>,
        /// The time to the next try. `None`: there is none.
        wait: Option<Duration>,
        /// Pictures that nobody took in time, as far as nobody asked for them.
        skipped: Skipped,
    },
}

/// What the taker of events wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// More of them.
    Continue,
    /// No more.
    Stop,
}

/// Hands on the pictures of a stream until `stop` is sent or dropped, the taker has enough, or a recording ends. `start` is when
/// the recording began; a live stream does not need it. An error means that ffmpeg cannot be started at all.
pub fn run(
    settings: &Settings,
    start: EventTime,
    stop: &Receiver<()>,
    mut take: impl FnMut(Event) -> anyhow::Result<Taken>,
) -> anyhow::Result<()> {
    let mut backoff = Backoff::from(settings.first_wait);
    let clock = Clock::new();
    loop {
        let running = match Running::start(settings) {
            Ok(running) => running,
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "the program {} is not there: run setup/system-packages, or install the package ffmpeg",
                settings.program.display()
            ),
            Err(error) => bail!("start {}: {error}", settings.program.display()),
        };
        let mut watched = Watched {
            settings,
            start,
            clock: &clock,
            timeline: Timeline::new(),
            first: None,
            last: None,
        };
        let pause = watched.follow(&running, stop, &mut take);
        let skipped = running.skipped.clone();
        let known = Known {
            is_over: matches!(pause, Ok(Pause::Over)),
            is_silent: matches!(pause, Ok(Pause::Silent)),
            had_picture: watched.first.is_some(),
        };
        let (end, lines) = running.stop(settings, known);
        if pause? == Pause::Stopped {
            return Ok(());
        }
        let is_over = !settings.is_live();
        let wait = (!is_over).then(|| backoff.after(watched.lasted()));
        let down = Event::Down {
            end,
            lines,
            wait,
            skipped,
        };
        let (Taken::Continue, Some(wait)) = (take(down)?, wait) else {
            return Ok(());
        };
        select! {
            recv(stop) -> _ => return Ok(()),
            recv(after(wait)) -> _ => {}
        }
    }
}

/// Why no more pictures are waited for.
#[derive(Debug, PartialEq, Eq)]
enum Pause {
    /// Nobody wants them.
    Stopped,
    /// None came for too long.
    Silent,
    /// ffmpeg gives no more.
    Over,
}

/// One run as it is followed.
struct Watched<'a> {
    settings: &'a Settings,
    start: EventTime,
    clock: &'a Clock,
    timeline: Timeline,
    /// The first picture: its PTS, and when it was received.
    first: Option<(i64, Instant)>,
    last: Option<Instant>,
}

impl Watched<'_> {
    fn follow(
        &mut self,
        running: &Running,
        stop: &Receiver<()>,
        take: &mut impl FnMut(Event) -> anyhow::Result<Taken>,
    ) -> anyhow::Result<Pause> {
        let mut silent = after(self.settings.silence_max);
        loop {
            let received = select! {
                recv(stop) -> _ => return Ok(Pause::Stopped),
                recv(silent) -> _ => return Ok(Pause::Silent),
                recv(running.pictures) -> received => received,
            };
            let Ok(received) = received else {
                return Ok(Pause::Over);
            };
            let pts = received.picture.pts;
            let (first, _) = *self.first.get_or_insert((pts, received.at));
            self.last = Some(received.at);
            let time = match self.settings.is_live() {
                true => self.timeline.place(Stamp {
                    pts,
                    received: self.clock.micros(received.at),
                }),
                false => recorded(self.start, first, pts),
            };
            let frame = Frame::of_i420(received.size, received.picture.data);
            let seen = Seen {
                frame,
                time,
                skipped: running.skipped.clone(),
                clock: self.timeline.reading(),
            };
            if take(Event::Frame(seen))? == Taken::Stop {
                return Ok(Pause::Stopped);
            }
            silent = after(self.settings.silence_max);
        }
    }

    /// How long pictures came.
    fn lasted(&self) -> Duration {
        match (self.first, self.last) {
            (Some((_, first)), Some(last)) => last - first,
            _ => Duration::ZERO,
        }
    }
}

/// The wall clock when the stream was begun, and from there on a clock that does not leap.
struct Clock {
    wall: i64,
    since: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the edge at which time comes in")]
    fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            wall: wall.map_or(0, |wall| wall.as_micros() as i64),
            since: now(),
        }
    }

    /// Since the epoch.
    fn micros(&self, at: Instant) -> i64 {
        self.wall + (at - self.since).as_micros() as i64
    }
}

/// For messages.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&redact(&self.address))
    }
}
