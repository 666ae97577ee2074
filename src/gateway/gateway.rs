//! All cameras: opened, started, watched, ended.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded, select, tick};
use demograph_camera::{
    detect::{Detector, Wanted},
    ffmpeg::{self, Settings, Skipped, WHOLE},
    finder::Finder,
    follow::Follower,
    mask::Mask,
};
use demograph_core::record::{EventTime, SourceId};
use demograph_model::infer::InferenceSettings;
use demograph_service::{clock, http::Health, shutdown::Shutdown};

use crate::{
    address,
    camera::{Camera, Desk, Work},
    config::{self, Config},
    flow::Flow,
    metrics::CameraMetrics,
    names::Names,
    outlet::Outlet,
    photographs::Photographs,
    pick::{Picker, Rule},
    presence::Presences,
    preview::{Preview, Screen},
};

/// How often the cameras are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A frame that takes longer hangs: then the program does not say that it is alive.
const FRAME_MAX_MILLIS: i64 = 30_000;

/// A stream as it is opened.
pub struct OpenCamera {
    /// The source of its events.
    pub source: SourceId,
    /// Where it comes from.
    pub input: Input,
    /// Which faces are wanted.
    pub wanted: Wanted,
    /// Where nobody is looked for.
    pub mask: Mask,
    /// The side of a crop in pixels.
    pub crop_size: u32,
    /// Which crops are sent.
    pub rule: Rule,
    /// Of its own: it belongs to one thread.
    pub detector: Detector,
}

/// Where pictures come from.
pub enum Input {
    /// A camera.
    Camera(Settings),
    /// A recording, and when it began.
    Recording(Settings, EventTime),
    /// Photographs.
    Photographs(Vec<PathBuf>),
}

/// Loads a detector, which passes its self-test.
pub fn detector(folder: &Path, onnxruntime: Option<&Path>) -> anyhow::Result<Detector> {
    let settings = InferenceSettings {
        onnxruntime: onnxruntime.map(Path::to_owned),
        ..InferenceSettings::default()
    };
    Detector::open(folder, &settings)
}

impl OpenCamera {
    /// A camera of the config: its secrets are read, its detector is loaded.
    pub fn of(config: &Config, camera: &config::Camera) -> anyhow::Result<Self> {
        let at = |key: &str| format!("the camera {:?}: {key}", camera.id);
        let address = camera.address.resolve().map_err(|error| anyhow!(error));
        let address = address.with_context(|| at("address"))?;
        let password = camera.password.as_ref().map(|word| word.resolve());
        let password = password.transpose().map_err(|error| anyhow!(error));
        let password = password.with_context(|| at("password"))?;
        if !ffmpeg::is_stream(&address) {
            return Err(anyhow!("it is no rtsp://, http:// or /dev/video0"))
                .with_context(|| at("address"));
        }
        let region = camera.region.map_or(WHOLE, config::Region::rect);
        let polygons = camera.mask.iter().map(|polygon| {
            let corners = polygon
                .iter()
                .map(|&[x, y]| demograph_camera::face::Point { x, y });
            corners.collect()
        });
        let polygons: Vec<Vec<_>> = polygons.collect();
        let times = camera.times.of(&address);
        let options = camera.stream_options.clone();
        Ok(Self {
            source: SourceId::new(&camera.id),
            input: Input::Camera(Settings {
                program: config.detector.ffmpeg.clone(),
                options: camera.options.clone(),
                stream_options: options.into_iter().collect(),
                fps: camera.fps,
                region,
                times,
                silence_max: config.limits.silence_max.0,
                grace: config.limits.grace.0,
                ..Settings::of(&address::with_login(
                    &address,
                    camera.user.as_deref(),
                    password.as_deref(),
                ))
            }),
            wanted: Wanted {
                min_face: camera.min_face as f32,
                score_min: camera.score_min,
            },
            mask: Mask::of(&polygons, &region),
            crop_size: config.crops.size,
            rule: config.crops.rule(),
            detector: detector(&config.detector.dir, config.detector.onnxruntime.as_deref())?,
        })
    }
}

/// Cameras, and what they report to.
pub struct Gateway {
    /// What is watched.
    pub cameras: Vec<OpenCamera>,
    /// Where events go.
    pub outlet: Arc<dyn Outlet>,
    /// What is counted.
    pub metrics: CameraMetrics,
    /// What the probes tell.
    pub health: Health,
    /// Asks for the end.
    pub shutdown: Shutdown,
    /// The camera whose pictures somebody may look at.
    pub preview: Option<Preview>,
}

impl Gateway {
    /// Runs until asked to stop, until all recordings are over, or until a camera fails. A recording that cannot be read holds up
    /// no other; the first such error is told at the end. `look` is called all the time.
    pub fn run(self, look: impl FnMut()) -> anyhow::Result<()> {
        let (go_on, stop) = bounded::<()>(0);
        let (told, ends) = bounded(self.cameras.len());
        let (metrics, health, shutdown) = (self.metrics, self.health, self.shutdown);
        let run: u64 = rand::random();
        let mut crew = Crew::default();
        for (number, opened) in self.cameras.into_iter().enumerate() {
            let name = opened.source.as_str().to_owned();
            let work = Work::default();
            crew.works.push(work.clone());
            let preview = self.preview.as_ref();
            let screen = preview.and_then(|preview| preview.screen_of(&opened.source));
            let desk = Desk {
                picker: Picker::new(opened.source, Names::new(run, number), opened.rule),
                presences: Presences::default(),
                meter: metrics.camera(&name),
                outlet: self.outlet.clone(),
                stop: stop.clone(),
                work,
                skipped: Skipped::default(),
                name,
            };
            let watch = Watch {
                detector: opened.detector,
                wanted: opened.wanted,
                mask: opened.mask,
                crop_size: opened.crop_size,
                desk,
                screen,
            };
            let input = opened.input;
            crew.lives.push(matches!(input, Input::Camera(_)));
            let told = Told(told.clone(), number);
            let body = move || {
                // Also where it panics.
                let _told = told;
                watch.run(input)
            };
            let thread = thread::Builder::new().name("camera".into()).spawn(body);
            crew.threads
                .push(Some(thread.context("start the thread of a camera")?));
        }
        let signs = Signs {
            outlet: self.outlet.as_ref(),
            metrics: &metrics,
            health: &health,
            flow: Flow::new(clock::now()),
        };
        let watched = crew.watch(&ends, &shutdown, signs, look);
        drop(go_on);
        let ended = crew.join();
        watched.and(ended)
    }
}

/// What a thread begins with.
struct Watch {
    detector: Detector,
    wanted: Wanted,
    mask: Mask,
    crop_size: u32,
    desk: Desk,
    screen: Option<Screen>,
}

impl Watch {
    fn run(self, input: Input) -> anyhow::Result<()> {
        let (settings, start) = match input {
            Input::Camera(settings) => (settings, EventTime(0)),
            Input::Recording(settings, start) => (settings, start),
            Input::Photographs(files) => {
                let finder = Finder {
                    detector: self.detector,
                    wanted: self.wanted,
                    crop_size: self.crop_size,
                };
                let desk = self.desk;
                return Photographs {
                    files,
                    finder,
                    desk,
                }
                .run();
            }
        };
        let follower = Follower::new(self.detector, self.wanted, self.crop_size);
        let camera = Camera {
            settings,
            start,
            wanted: self.wanted,
            follower: follower.behind(self.mask),
            desk: self.desk,
            screen: self.screen,
        };
        camera.run()
    }
}

/// The threads of all cameras.
#[derive(Default)]
struct Crew {
    works: Vec<Work>,
    /// Which of them are cameras. The others end by themselves.
    lives: Vec<bool>,
    threads: Vec<Option<JoinHandle<anyhow::Result<()>>>>,
}

impl Crew {
    fn watch(
        &mut self,
        ends: &Receiver<usize>,
        shutdown: &Shutdown,
        mut signs: Signs<'_>,
        mut look: impl FnMut(),
    ) -> anyhow::Result<()> {
        let looks = tick(LOOK_EVERY);
        let mut unread = Ok(());
        while !shutdown.is_requested() && self.threads.iter().any(Option::is_some) {
            select! {
                recv(ends) -> number => {
                    let Ok(number) = number else { continue };
                    let ended = self.threads[number].take().map_or(Ok(()), end);
                    if self.lives[number] {
                        ended?;
                    } else if let Err(error) = &ended {
                        tracing::error!("{error:#}");
                        unread = unread.and(ended);
                    }
                }
                recv(looks) -> _ => {
                    look();
                    let hangs = self.works.iter().any(|work| work.hangs(FRAME_MAX_MILLIS));
                    signs.give(!hangs);
                }
            }
        }
        unread
    }

    /// Waits for all; the first error counts.
    fn join(self) -> anyhow::Result<()> {
        let threads = self.threads.into_iter().flatten();
        threads.map(end).fold(Ok(()), anyhow::Result::and)
    }
}

fn end(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    let ended = thread.join();
    ended.map_err(|_| anyhow!("the thread of a camera panicked"))?
}

/// What is told of the whole: metrics of the events, whether it is alive, whether it does its work.
struct Signs<'a> {
    outlet: &'a dyn Outlet,
    metrics: &'a CameraMetrics,
    health: &'a Health,
    flow: Flow,
}

impl Signs<'_> {
    fn give(&mut self, is_alive: bool) {
        let deliveries = self.outlet.deliveries();
        self.metrics.set_deliveries(deliveries);
        let flows = self.flow.flows(clock::now(), deliveries);
        self.health.set_ready(flows && self.metrics.is_any_up());
        if is_alive {
            self.health.beat();
        }
    }
}

/// Says that a thread ends.
struct Told(Sender<usize>, usize);

impl Drop for Told {
    fn drop(&mut self) {
        // Each has a place of its own, and after a stop nobody listens.
        let _nobody = self.0.try_send(self.1);
    }
}
