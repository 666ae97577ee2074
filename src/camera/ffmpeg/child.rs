//! One run of ffmpeg: its threads, its pipes, its end.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    process::{ChildStderr, ChildStdout, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{command::Settings, redact, refusal::refusal, spawn::spawn};
use crate::nut::{Nut, NutError, Picture};

/// Pictures that wait. One is looked at, one is ready.
const WAITING: usize = 2;
/// So many of the last lines of its messages are kept.
const LINES: usize = 5;
/// A line is cut after so many bytes.
const LINE_MAX: u64 = 500;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// All pictures of a recording were read.
    Ended,
    /// It ended by itself before the first picture, for a reason that is none of the next four.
    Refused,
    /// The user or the password is wrong or missing (401, 403).
    Unauthorized,
    /// The camera answers and has nothing at this path (404).
    NotFound,
    /// It holds no video, such as a recording of sound alone.
    NoVideo,
    /// Nobody answers at this address: the camera is off, the address is wrong, the network is down.
    Unreachable,
    /// It ended by itself later, or was killed.
    Died,
    /// It gave no picture for too long.
    Silent,
    /// It wrote something else than pictures.
    Malformed,
}

impl End {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Ended,
        Self::Refused,
        Self::Unauthorized,
        Self::NotFound,
        Self::NoVideo,
        Self::Unreachable,
        Self::Died,
        Self::Silent,
        Self::Malformed,
    ];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::NoVideo => "no_video",
            Self::Unreachable => "unreachable",
            Self::Died => "died",
            Self::Silent => "silent",
            Self::Malformed => "malformed",
        }
    }
}

/// Pictures that nobody took in time. Cloning shares the count.
#[derive(Debug, Clone, Default)]
pub struct Skipped(Arc<AtomicU64>);

impl Skipped {
    /// Those since this was asked last: each is told once. It grows also while a frame is worked on.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A picture as it came out of the pipe.
pub(super) struct Received {
    pub picture: Picture,
    pub size: (u32, u32),
    pub at: Instant,
}

/// A running ffmpeg.
pub(super) struct Running {
    group: Pid,
    pub pictures: Receiver<Received>,
    status: Receiver<io::Result<ExitStatus>>,
    reader: JoinHandle<NutError>,
    messages: JoinHandle<VecDeque<String>>,
    waiter: JoinHandle<()>,
    /// Pictures that nobody took in time.
    pub skipped: Skipped,
}

impl Running {
    pub fn start(settings: &Settings) -> io::Result<Self> {
        let mut child = spawn(settings)?;
        let group = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = stdout.zip(stderr).expect("both are pipes");
        let (taken, pictures) = bounded(WAITING);
        let (ended, status) = bounded(1);
        let skipped = Skipped::default();
        let reader = Reader {
            stdout,
            taken,
            bytes_max: settings.pixels_max * 3 / 2,
            is_live: settings.is_live(),
            skipped: skipped.clone(),
        };
        Ok(Self {
            group,
            pictures,
            status,
            reader: thread::spawn(move || reader.run()),
            messages: thread::spawn(move || last_lines(stderr)),
            waiter: thread::spawn(move || {
                // Seen but not taken off the list: until then its number is nobody else's.
                let _ = waitid(
                    WaitId::Pid(group),
                    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
                );
                // What it started itself ends with it.
                signal(group, Signal::KILL);
                drop(ended.send(child.wait()));
            }),
            skipped,
        })
    }

    /// Ends the child if it still runs, and says why it ended, with its last lines.
    pub fn stop(self, settings: &Settings, known: Known) -> (End, Vec<String>) {
        // The reader may wait for somebody to take its picture.
        drop(self.pictures);
        let by_itself = self.status.recv_timeout(match known.is_over {
            true => settings.grace,
            false => Duration::ZERO,
        });
        let status = by_itself.or_else(|_| {
            signal(self.group, Signal::TERM);
            self.status.recv_timeout(settings.grace)
        });
        let status = status.map_err(|_| signal(self.group, Signal::KILL));
        let was_well = match status.or_else(|()| self.status.recv()) {
            Ok(Ok(status)) => status.success(),
            _ => false,
        };
        let read = self.reader.join();
        let lines = self.messages.join().unwrap_or_default();
        // It has sent the status already.
        drop(self.waiter.join());
        let end = match read {
            _ if known.is_silent => End::Silent,
            Ok(NutError::Malformed(_)) => End::Malformed,
            Ok(NutError::Ended) if was_well && known.had_picture => End::Ended,
            _ if known.had_picture => End::Died,
            _ => refusal(&lines),
        };
        (end, lines.into())
    }
}

/// What whoever followed a run knows of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its pictures came to an end.
    pub is_over: bool,
    /// It was not heard of for too long.
    pub is_silent: bool,
    /// It gave a picture.
    pub had_picture: bool,
}

fn signal(group: Pid, signal: Signal) {
    // It fails if nobody of the group is left, which is what is wanted.
    let _ = kill_process_group(group, signal);
}

struct Reader {
    stdout: ChildStdout,
    taken: Sender<Received>,
    bytes_max: usize,
    is_live: bool,
    skipped: Skipped,
}

impl Reader {
    /// Until the pipe ends or nobody listens.
    fn run(self) -> NutError {
        let mut nut = match Nut::open(BufReader::new(self.stdout), self.bytes_max) {
            Ok(nut) => nut,
            Err(error) => return error,
        };
        loop {
            let picture = match nut.next_picture() {
                Ok(picture) => picture,
                Err(error) => return error,
            };
            let size = nut.size();
            if nut.fourcc() != *b"I420" || picture.data.len() != bytes_of(size) {
                return NutError::Malformed("another layout of pictures");
            }
            let received = Received {
                picture,
                size,
                at: now(),
            };
            let sent = match self.is_live {
                true => self.taken.try_send(received),
                false => self
                    .taken
                    .send(received)
                    .map_err(|error| TrySendError::Disconnected(error.0)),
            };
            match sent {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => self.skipped.count(),
                Err(TrySendError::Disconnected(_)) => return NutError::Ended,
            }
        }
    }
}

/// Planes of luma and of two colours with half the width and height, rounded up.
fn bytes_of((width, height): (u32, u32)) -> usize {
    let (width, height) = (width as usize, height as usize);
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

fn last_lines(stderr: ChildStderr) -> VecDeque<String> {
    let mut stderr = BufReader::new(stderr);
    let mut lines = VecDeque::new();
    loop {
        let mut line = Vec::new();
        match stderr.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return lines,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
        if !line.is_empty() {
            lines.push_back(redact(&line));
        }
        if lines.len() > LINES {
            lines.pop_front();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge at which pictures come in"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
