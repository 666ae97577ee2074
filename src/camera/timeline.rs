//! The time stamps of a stream -> when its frames were seen. Pure: the clock comes in as a value.
//!
//! A stream counts its own time (PTS) from any start, by the camera's clock. A frame is received later than it was seen, by the
//! network's and our own delays, which vary. The least delayed frame therefore says best how both clocks lie to one another.
//!
//! Promises: no frame is seen after it was received; times never go back; after the start no time moves by more than 500
//! millionths towards later, so that a delay of ours, however long, moves it by no more either; a stream that starts anew, or
//! leaps, is a new session, and so is one whose time falls behind ours by a minute.

use demograph_core::record::EventTime;

/// So many microseconds are a second.
const SECOND: i64 = 1_000_000;
/// A clock that errs by more is broken: the offset follows no faster, in millionths.
const SLEW_MAX: i64 = 500;
/// The least delayed frame of so many minutes counts: long enough for our own delays, short enough for clocks that drift apart.
const MINUTES: usize = 10;
/// The delay of so many frames is remembered.
const DELAYS: usize = 5;
/// PTS that run ahead of the clock by more have leapt.
const LEAP: i64 = 5 * SECOND;

/// A stream that falls behind the clock by more has a slow time of its own: no network delays for so long.
const BEHIND: i64 = 60 * SECOND;

/// A frame as it comes in, both in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The stream's own time.
    pub pts: i64,
    /// When it was received, since the epoch, by a clock that does not leap.
    pub received: i64,
}

/// How a stream's clock lies to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// What is added to PTS, in microseconds.
    pub offset: i64,
    /// By how much the offset was moved towards later so far, in microseconds.
    pub slewed: i64,
    /// How often the stream leapt.
    pub leaps: u64,
}

/// The time of one stream.
#[derive(Debug)]
pub struct Timeline {
    session: Option<Session>,
    leaps: u64,
    slewed: i64,
}

#[derive(Debug)]
struct Session {
    /// What is added to PTS.
    offset: i64,
    last: Stamp,
    /// When the last frame was seen.
    seen: i64,
    /// The minute of the newest entry below, in PTS.
    minute: i64,
    /// How long the last frames were on their way, the newest last.
    delays: Vec<i64>,
    /// Of each minute, the least that a frame was received after its PTS; the newest last.
    least: Vec<i64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// For a stream that was just opened.
    pub fn new() -> Self {
        Self {
            session: None,
            leaps: 0,
            slewed: 0,
        }
    }

    /// When the next frame was seen. Frames come in the order in which they were received.
    pub fn place(&mut self, stamp: Stamp) -> EventTime {
        let Some(session) = &mut self.session else {
            let session = Session::begin(stamp, 0, i64::MIN);
            return self.session.insert(session).time();
        };
        match session.leap(stamp) {
            None => self.slewed += session.go_on(stamp),
            Some(delay) => {
                self.leaps += 1;
                *session = Session::begin(stamp, delay, session.seen);
            }
        }
        session.time()
    }

    /// How often the stream leapt.
    pub fn leaps(&self) -> u64 {
        self.leaps
    }

    /// What is added to PTS, in microseconds.
    pub fn offset(&self) -> Option<i64> {
        Some(self.session.as_ref()?.offset)
    }

    /// By how much the offset was moved towards later so far, in microseconds.
    pub fn slewed(&self) -> i64 {
        self.slewed
    }

    /// All of it.
    pub fn reading(&self) -> Reading {
        Reading {
            offset: self.offset().unwrap_or_default(),
            slewed: self.slewed,
            leaps: self.leaps,
        }
    }
}

impl Session {
    fn begin(stamp: Stamp, delay: i64, earliest: i64) -> Self {
        let apart = stamp.received - stamp.pts;
        Self {
            offset: apart - delay,
            last: stamp,
            seen: (stamp.received - delay).max(earliest),
            delays: Vec::new(),
            minute: minute(stamp.pts),
            least: vec![apart],
        }
    }

    /// When the last frame was seen.
    fn time(&self) -> EventTime {
        EventTime(self.seen.div_euclid(1000))
    }

    /// Where the stream leaps, how long the frame was on its way.
    fn leap(&self, stamp: Stamp) -> Option<i64> {
        let went_on = stamp.pts - self.last.pts;
        let passed = stamp.received - self.last.received;
        // Backwards, or farther than time has gone on. The way to us is as long as it was.
        if went_on < 0 || went_on > passed + self.delay() + LEAP {
            return Some(self.usual_delay());
        }
        let behind = stamp.received - stamp.pts - self.offset;
        (behind > BEHIND).then_some(0)
    }

    /// How long the last frame was on its way, at least.
    fn delay(&self) -> i64 {
        (self.last.received - self.last.pts - self.offset).max(0)
    }

    /// That of the last frames: their median, for one alone may have been late.
    fn usual_delay(&self) -> i64 {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        delays.get(delays.len() / 2).copied().unwrap_or(0)
    }

    /// Returns by how much the offset was moved towards later.
    fn go_on(&mut self, stamp: Stamp) -> i64 {
        let apart = stamp.received - stamp.pts;
        let passed = minute(stamp.pts) - self.minute;
        if passed > 0 {
            self.minute += passed;
            self.least.push(apart);
            if self.least.len() > MINUTES {
                self.least.remove(0);
            }
        } else if let Some(least) = self.least.last_mut() {
            *least = apart.min(*least);
        }
        let least = self.least.iter().copied().min().unwrap_or(apart);
        let slew = (stamp.pts - self.last.pts) * SLEW_MAX / 1_000_000;
        let later = (least - self.offset).clamp(0, slew);
        // It cannot have been seen after it was received: that counts at once.
        self.offset = (self.offset + later).min(apart);
        self.last = stamp;
        self.delays.push(self.delay());
        if self.delays.len() > DELAYS {
            self.delays.remove(0);
        }
        self.seen = (stamp.pts + self.offset).max(self.seen);
        later
    }
}

fn minute(pts: i64) -> i64 {
    pts.div_euclid(60 * SECOND)
}

/// When a frame of a recording was seen: the recording began at `start`, with the PTS `first`, in microseconds.
pub fn recorded(start: EventTime, first: i64, pts: i64) -> EventTime {
    start.plus((pts - first).div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    /// 2026-01-01.
    const START: i64 = 1_767_225_600 * SECOND;
    const FRAME: i64 = SECOND / 5;

    /// A camera whose clock runs fast by so many millionths, and what delays its frames.
    struct Stream {
        fast: i64,
        hours: i64,
        /// From a frame's number to what we hold it up.
        held: fn(i64) -> i64,
        /// From a frame's number to what is added to its PTS.
        leap: fn(i64) -> i64,
    }

    impl Stream {
        /// The greatest error after the first five seconds, in milliseconds, and the timeline.
        fn run(&self) -> (i64, Timeline) {
            let mut random = StdRng::seed_from_u64(11);
            let mut timeline = Timeline::new();
            let (mut worst, mut received, mut before) = (0, 0, EventTime::MIN);
            for frame in 0..self.hours * 3600 * 5 {
                let passed = frame * FRAME;
                let pts =
                    passed + passed * self.fast / 1_000_000 + (self.leap)(frame) + 77 * SECOND;
                // 15 ms at least, 40 on average, sometimes half a second.
                let jitter = 15_000 + (-25_000.0 * (1.0 - random.random::<f64>()).ln()) as i64;
                let burst = if random.random_bool(0.01) {
                    random.random_range(0..500_000)
                } else {
                    0
                };
                received = (START + passed + jitter + burst + (self.held)(frame)).max(received);
                let seen = timeline.place(Stamp { pts, received });
                assert!(seen >= before && seen.0 <= received / 1000 + 1);
                before = seen;
                if frame > 25 {
                    worst = worst.max((seen.0 - (START + passed) / 1000).abs());
                }
            }
            (worst, timeline)
        }
    }

    const STEADY: Stream = Stream {
        fast: 0,
        hours: 1,
        held: |_| 0,
        leap: |_| 0,
    };

    #[test]
    fn jitter_and_clocks_that_drift_apart_cost_less_than_a_tenth_of_a_second() {
        for fast in [-100, -20, 0, 20, 100] {
            let (worst, timeline) = Stream {
                fast,
                hours: 8,
                ..STEADY
            }
            .run();
            println!("{fast} ppm: {worst} ms");
            assert!(worst <= 100, "{fast} ppm: {worst} ms");
            assert_eq!(timeline.leaps(), 0);
        }
    }

    #[test]
    fn a_consumer_that_holds_frames_up_moves_no_time() {
        // For two minutes of every six: ten seconds. And for one stretch of seven minutes: half a minute.
        let held = |frame: i64| match frame % (6 * 300) {
            _ if (3_000..5_100).contains(&frame) => 30 * SECOND,
            600..1_200 => 10 * SECOND,
            _ => 0,
        };
        let (worst, timeline) = Stream { held, ..STEADY }.run();
        println!("held up: {worst} ms");
        assert!(worst <= 100, "{worst} ms");
        assert_eq!(timeline.leaps(), 0);
    }

    #[test]
    fn a_stream_that_leaps_is_a_new_session_and_its_times_go_on() {
        // Back to 0, then an hour ahead, then back again; meanwhile frames are held up.
        let leap = |frame: i64| match frame {
            0..2_000 => 0,
            2_000..4_000 => -2_000 * FRAME,
            4_000..6_000 => 3600 * SECOND,
            _ => 0,
        };
        let held = |frame: i64| {
            if (1_990..2_100).contains(&frame) {
                3 * SECOND
            } else {
                0
            }
        };
        let (worst, timeline) = Stream {
            leap,
            held,
            ..STEADY
        }
        .run();
        println!("leaps: {worst} ms");
        assert!(worst <= 100, "{worst} ms");
        assert_eq!(timeline.leaps(), 3);
    }

    #[test]
    fn a_stream_whose_own_time_is_slow_is_never_behind_by_more_than_a_minute() {
        // Ten frames a second that are said to be 25: of each second it counts two fifths.
        let (worst, timeline) = Stream {
            fast: -600_000,
            ..STEADY
        }
        .run();
        println!("slow: {worst} ms");
        assert!(worst <= 61_000, "{worst} ms");
        assert!(timeline.leaps() > 10, "{}", timeline.leaps());
    }

    #[test]
    fn a_first_frame_that_comes_late_is_corrected_by_the_next_that_does_not() {
        let mut timeline = Timeline::new();
        let mut place = |pts, delay| {
            timeline.place(Stamp {
                pts,
                received: START + pts + delay,
            })
        };
        assert_eq!(place(0, 2 * SECOND).0, START / 1000 + 2_000);
        // It was received at 1.2 s, so it was not seen at 3.2 s; but no time goes back.
        assert_eq!(place(SECOND + FRAME, SECOND).0, START / 1000 + 2_200);
        assert_eq!(place(5 * SECOND, 0).0, START / 1000 + 5_000);
    }

    #[test]
    fn a_pause_in_which_time_goes_on_is_no_leap() {
        let mut timeline = Timeline::new();
        for pts in [0, FRAME, 600 * SECOND, 600 * SECOND + FRAME] {
            let seen = timeline.place(Stamp {
                pts,
                received: START + pts,
            });
            assert_eq!(seen.0, (START + pts) / 1000);
        }
        assert_eq!(timeline.leaps(), 0);
    }

    #[test]
    fn the_offset_moves_later_by_no_more_than_five_hundred_millionths() {
        // From the second minute on everything is delayed by ten seconds, for ever.
        let held = |frame: i64| if frame > 300 { 10 * SECOND } else { 0 };
        let (_, timeline) = Stream { held, ..STEADY }.run();
        assert!(timeline.slewed() > SECOND, "{}", timeline.slewed());
        assert!(timeline.slewed() <= 3600 * SECOND * SLEW_MAX / 1_000_000);
    }

    #[test]
    fn a_recording_has_its_own_times() {
        let start = EventTime(START / 1000);
        assert_eq!(
            recorded(start, 5 * SECOND, 7 * SECOND + 40_000),
            start.plus(2_040)
        );
    }

    proptest! {
        #[test]
        fn whatever_a_stream_says_no_time_goes_back_or_lies_after_receipt(
            stamps in prop::collection::vec((any::<i32>(), 0i64..60 * SECOND), 1..60),
        ) {
            let mut timeline = Timeline::new();
            let (mut received, mut before) = (START, EventTime::MIN);
            for (pts, passed) in stamps {
                received += passed;
                let seen = timeline.place(Stamp { pts: i64::from(pts) * 1000, received });
                prop_assert!(seen >= before && seen.0 <= received / 1000);
                before = seen;
            }
        }
    }
}
