//! The demo's filmed cameras: composites walk through a picture, and who they are is known. What ffmpeg makes of it goes the way
//! of every camera: detector, tracker, alignment, Kafka.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, anyhow};
use demograph_camera::{
    detect::Wanted,
    ffmpeg::{self, Settings},
    film::{Film, Portrait, Walker},
    frame::Frame,
    mask::Mask,
    shot::CROP_SIZE,
};
use demograph_core::{
    record::{Attribute, SourceId},
    span::Span,
};
use demograph_gateway::{
    CameraMetrics, Gateway, Input, Kafka, OpenCamera, Outlet, config as gateway, detector,
};
use demograph_service::{
    config::Config, http::Health, shutdown::Shutdown, snapshot::Snapshot, wiring::Beside,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::super::{
    cameras::{Composite, Scene, mix, read_composites},
    stage::spawn,
    watched,
};
use super::DemoArgs;

const SIZE: (u32, u32) = (960, 540);
const FPS: u32 = 10;
/// Frames a second that are looked at.
const LOOKS: f32 = 5.0;
/// One person comes in so many seconds.
const BETWEEN: f64 = 1.0;
/// A film is so long at most. Then it begins again.
const SECONDS_MAX: u32 = 120;
/// Nobody comes in the last seconds of a demo, so that everybody can be seen before its end.
const LAST: u32 = 4;
/// The slowest needs so long to leave.
const LEAVE: u32 = 8;
/// Pixels a second.
const SPEED: std::ops::Range<f64> = 140.0..260.0;
/// The side of a composite, in pixels.
const SIDE: std::ops::Range<u32> = 70..110;
/// A person who was in the picture for so long has a track: three faces begin one.
const TRACKED: f64 = 0.8;

const SCENES: [Scene; 2] = [
    Scene {
        source: "door",
        female: [0.7; 2],
        age: [2.0; 2],
        ethnicity: ("white", [1.0; 2]),
        has_tracks: true,
    },
    Scene {
        source: "hall",
        female: [0.3; 2],
        age: [3.0; 2],
        ethnicity: ("white", [1.0; 2]),
        has_tracks: true,
    },
];

/// Who walks through a film.
struct Cast {
    source: &'static str,
    file: PathBuf,
    /// The film's length in seconds.
    length: f64,
    people: Vec<Person>,
}

struct Person {
    /// When the face is in the picture, in seconds.
    is_in: f64,
    is_female: bool,
}

/// The films, as files, and what is counted of the cameras that will watch them.
pub(super) struct Films {
    casts: Vec<Cast>,
    metrics: CameraMetrics,
}

/// The films while they are watched.
pub(super) struct Watching {
    casts: Vec<Cast>,
    kafka: Arc<Kafka>,
    watched: watched::Watched,
    stop: Shutdown,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// What was seen of the films.
pub(super) struct Watched {
    films: Vec<Seen>,
    sent: u64,
}

struct Seen {
    source: &'static str,
    file: PathBuf,
    /// Who was there: all, and women.
    there: (u64, u64),
    counted: u64,
}

impl Films {
    /// Renders them into this folder.
    pub(super) fn make(args: &DemoArgs, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = std::fs::canonicalize(folder).context("find the folder of the films")?;
        let composites = read_composites(&args.crops)?;
        let mut rng = StdRng::seed_from_u64(args.seed);
        let seconds = u32::try_from(args.seconds).map_or(SECONDS_MAX, |all| all.min(SECONDS_MAX));
        let make = |scene: &Scene| {
            let file = folder.join(format!("{}.mkv", scene.source));
            make(scene, &composites, seconds, file, &mut rng)
        };
        Ok(Self {
            casts: SCENES.iter().map(make).collect::<anyhow::Result<_>>()?,
            metrics: CameraMetrics::new(),
        })
    }

    /// What /metrics and the page show of the cameras.
    pub(super) fn beside(&self) -> Beside {
        Beside {
            metrics: Box::new(self.metrics.clone()),
            inputs: Arc::new(self.metrics.clone()),
        }
    }

    /// Shows them to the gateway's own cameras, in real time.
    pub(super) fn watch(self, config: &Config, detector: &Path) -> anyhow::Result<Watching> {
        let Self { casts, metrics } = self;
        let cameras = casts.iter().map(|cast| camera(cast, config, detector));
        let cameras = cameras.collect::<anyhow::Result<Vec<_>>>()?;
        let watched = watched::Watched {
            names: casts
                .iter()
                .map(|cast| SourceId::new(cast.source))
                .collect(),
            metrics,
        };
        let kafka = gateway::Kafka::of(&config.kafka.brokers, &config.kafka.topic);
        let kafka = Arc::new(Kafka::connect(&kafka, None)?);
        let stop = Shutdown::default();
        let gateway = Gateway {
            cameras,
            outlet: kafka.clone(),
            metrics: watched.metrics.clone(),
            health: Health::default(),
            shutdown: stop.clone(),
            preview: None,
        };
        Ok(Watching {
            casts,
            kafka,
            watched,
            stop,
            thread: spawn("filmed", move || gateway.run(|| ()))?,
        })
    }
}

fn make(
    scene: &Scene,
    composites: &[Composite],
    seconds: u32,
    file: PathBuf,
    rng: &mut StdRng,
) -> anyhow::Result<Cast> {
    let mix = mix(composites, scene, 0.0)?;
    let (mut walkers, mut people) = (Vec::new(), Vec::new());
    let mut enters = 0.0;
    while enters < f64::from(seconds.saturating_sub(LAST)) {
        let composite = &composites[rng.sample(&mix)];
        let side = rng.random_range(SIDE);
        let frame = Frame::of_image(&composite.image)
            .map_err(|reason| anyhow!("a composite is no picture: {}", reason.name()))?;
        let speed = rng.random_range(SPEED);
        let walker = Walker {
            portrait: Portrait::of(&frame, side),
            enters: enters + rng.random_range(0.0..BETWEEN),
            speed: if rng.random_bool(0.5) { speed } else { -speed },
            top: rng.random_range(0..SIZE.1 - side),
        };
        people.push(Person {
            is_in: walker.is_in(SIZE.0).0,
            is_female: composite.is_female,
        });
        walkers.push((side, walker));
        enters += BETWEEN;
    }
    // Who is nearer covers who is not.
    walkers.sort_by_key(|(side, _)| *side);
    let film = Film {
        size: SIZE,
        fps: FPS,
        seconds: seconds + LEAVE,
        walkers: walkers.into_iter().map(|(_, walker)| walker).collect(),
    };
    ffmpeg::write(&film, &file)?;
    Ok(Cast {
        source: scene.source,
        file,
        length: film.seconds.into(),
        people,
    })
}

fn camera(cast: &Cast, config: &Config, folder: &Path) -> anyhow::Result<OpenCamera> {
    let crops = gateway::Crops {
        pane: config.windows.pane,
        ..Default::default()
    };
    // An address is a live camera: the film goes on in real time, whoever looks.
    let address = format!("file://{}", cast.file.display());
    let options = ["-re", "-stream_loop", "-1"].map(str::to_owned);
    Ok(OpenCamera {
        source: SourceId::new(cast.source),
        input: Input::Camera(Settings {
            options: options.into(),
            fps: LOOKS,
            ..Settings::of(&address)
        }),
        wanted: Wanted::default(),
        mask: Mask::default(),
        crop_size: CROP_SIZE,
        rule: crops.rule(),
        detector: detector(folder, None)?,
    })
}

impl Cast {
    /// Who was there, all and women, when so many seconds were shown.
    fn there(&self, seconds: f64) -> (u64, u64) {
        let rounds = (seconds / self.length).floor();
        let times = |person: &Person| {
            let again = seconds - rounds * self.length >= person.is_in + TRACKED;
            rounds as u64 + u64::from(again)
        };
        let all = self.people.iter().map(times).sum();
        let women = self.people.iter().filter(|person| person.is_female);
        (all, women.map(times).sum())
    }
}

impl Watching {
    /// Events that Kafka has, or that wait for it.
    pub(super) fn sent(&self) -> u64 {
        let deliveries = self.kafka.deliveries();
        deliveries.delivered + deliveries.queued
    }

    /// Says how the cameras are.
    pub(super) fn line(&self) -> Box<dyn Fn() -> String + Send> {
        let watched = self.watched.clone();
        Box::new(move || watched.line())
    }

    /// Until every event was delivered.
    pub(super) fn stop(self) -> anyhow::Result<Watched> {
        self.stop.request();
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the filmed cameras panicked"))??;
        self.kafka.flush(Duration::from_secs(30))?;
        let films = self.casts.into_iter().map(|cast| {
            let status = self.watched.metrics.status(cast.source);
            let shown = (status.frames + status.skipped) as f64 / f64::from(LOOKS);
            Seen {
                there: cast.there(shown),
                source: cast.source,
                file: cast.file,
                counted: status.tracks,
            }
        });
        Ok(Watched {
            films: films.collect(),
            sent: self.kafka.deliveries().delivered,
        })
    }
}

impl Watched {
    /// Events that Kafka has.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The truth beside what was counted and estimated.
    pub(super) fn summary(&self, last: &Snapshot, window: Span) -> String {
        let lines = self.films.iter().map(|seen| {
            let (all, women) = seen.there;
            let truth = 100.0 * women as f64 / all.max(1) as f64;
            format!(
                "  {:<18}people {} of {all} counted; female {truth:.0} % there, {}\n",
                seen.source,
                seen.counted,
                estimate(last, seen.source, window)
            )
        });
        let files = self
            .films
            .iter()
            .map(|seen| seen.file.display().to_string());
        format!(
            "  films             {}\n\nThe filmed cameras, truth beside result. The model takes composites of boys for girls, so expect \
             some points more women\nthan there are, also where no film is between (docs/camera.md):\n{}",
            files.collect::<Vec<_>>().join(", "),
            lines.collect::<String>()
        )
    }
}

/// The estimated share of women.
fn estimate(last: &Snapshot, source: &str, window: Span) -> String {
    let view = last.audience.get(&SourceId::new(source));
    let view = view.and_then(|views| views.get(&window));
    let attributes = view.map_or(&[][..], |view| &view.attributes);
    let gender = attributes
        .iter()
        .find(|one| one.attribute == Attribute::Gender);
    let categories = gender.map_or(&[][..], |gender| &gender.categories);
    let female = categories
        .iter()
        .find(|category| category.label == "female");
    let share = female.map(|female| &female.share);
    let values = share.map(|share| (share.share, share.low, share.high));
    match values {
        Some((Some(share), Some(low), Some(high))) => {
            let [share, low, high] = [share, low, high].map(|part| 100.0 * part);
            format!("{share:.0} [{low:.0}-{high:.0}] estimated")
        }
        _ => "hidden in the result: too few people".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_there_is_known_at_any_time_of_a_film_that_begins_again() {
        let person = |is_in, is_female| Person { is_in, is_female };
        let cast = Cast {
            source: "door",
            file: PathBuf::new(),
            length: 20.0,
            people: vec![person(1.0, true), person(9.0, false)],
        };
        assert_eq!(cast.there(1.7), (0, 0));
        assert_eq!(cast.there(1.9), (1, 1));
        assert_eq!(cast.there(19.0), (2, 1));
        assert_eq!(cast.there(20.5), (2, 1));
        assert_eq!(cast.there(49.0), (5, 3));
    }
}
