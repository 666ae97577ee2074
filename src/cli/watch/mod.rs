//! `demograph watch`: cameras, videos or photographs -> shares in this terminal, in one process. Everything between the
//! cameras and the files is what `camera` and `run` run; the broker between them is embedded.

mod ending;
mod sources;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::anyhow;
use demograph_camera::{detect::Wanted, mask::Mask, shot::CROP_SIZE};
use demograph_core::{
    event::Event,
    record::{EventTime, SourceId},
    span::Span,
};
use demograph_gateway::{
    CameraMetrics, Deliveries, Gateway, Kafka, OpenCamera, Outlet, Topic, detector,
};
use demograph_service::{
    clock,
    config::Config,
    http::{Endpoint, Health},
    inputs::Inputs,
    kafka::{EmbeddedBroker, Offered},
    metrics::Metrics,
    shutdown::Shutdown,
    sink::Table,
    snapshot::{Latest, Snapshot},
    wiring::{self, Beside},
};

use super::{
    live,
    pace::{Pace, pause},
    preview,
    stage::{beside, free_address, spawn},
    watched::Watched,
};
use ending::heading;
use sources::Wish;

/// The configuration; what the command line says is filled in.
const CONFIG: &str = include_str!("../../../deploy/watch.toml");
/// The embedded broker keeps 5 MiB of each.
const PARTITIONS: i32 = 4;
/// Events that may be on their way through the embedded broker, which drops what waits too long.
const AHEAD_MAX: u64 = 300;
/// How often the terminal shows the shares.
const SHOW_EVERY_MILLIS: i64 = 5_000;
/// How long the pipeline may take to catch up after the last picture.
const CATCH_UP_MILLIS: i64 = 30_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph watch entrance.mp4
  demograph watch /dev/video0
  demograph watch door=rtsp://192.0.2.10/sub lobby=http://192.0.2.11/video.mjpg
  demograph watch photos/

SOURCE is an address (rtsp://, http://), a device, a video file or a folder of pictures, with NAME= before it if it is to have \
another name in the tables. Recordings are read as fast as they can be; a folder's faces count as one person each. Cameras are \
watched until Ctrl-C.

Nothing leaves this machine, and no picture is written. Age and gender are estimated. Shares are shown when fifty people were \
there, or at the end from ten on; groups of fewer than five stay hidden. Several cameras, Kafka and policies: `demograph camera` and `demograph run`.")]
pub(super) struct WatchArgs {
    /// What to watch.
    #[arg(required = true, value_name = "[NAME=]SOURCE")]
    sources: Vec<Wish>,
    /// The folder for the tables. What earlier runs wrote there stays.
    #[arg(long, default_value = "watch-out", value_name = "DIR")]
    out: PathBuf,
    /// When recordings began, such as 2026-03-01T09:30:00Z. Default: so that they ended when their file was last changed.
    #[arg(long, value_name = "TIME")]
    start: Option<jiff::Timestamp>,
    /// The shorter side of the smallest face, in pixels. Half of it takes four times as long.
    #[arg(long, default_value_t = 40, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=1000))]
    min_face: u32,
    /// Frames a second that are looked at.
    #[arg(long, default_value_t = 5.0, value_name = "FRAMES", value_parser = fps)]
    fps: f32,
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small", value_name = "DIR")]
    model: PathBuf,
    /// The detector's folder.
    #[arg(long, default_value = "models/yunet", value_name = "DIR")]
    detector: PathBuf,
    /// Show the pictures of this camera with boxes around the faces, to aim it: in a browser on this machine only.
    #[arg(long, value_name = "NAME")]
    preview: Option<String>,
    /// Where the page and /metrics are served; a free port if this one is taken.
    #[arg(long, default_value = "127.0.0.1:9464")]
    listen: String,
}

fn fps(text: &str) -> Result<f32, String> {
    let fps = text.parse().ok();
    let fps = fps.filter(|fps| (0.2..=30.0).contains(fps));
    fps.ok_or_else(|| "write a number from 0.2 to 30".into())
}

pub(super) fn run(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let names = sources::names(&args.sources)?;
    let mut config = config(args, &names)?;
    let cameras = open(args, &names, &config)?;
    let preview = args.preview.as_ref();
    let preview = preview.map(|name| preview::open(name, names.iter()));
    let (preview, showing) = preview.transpose()?.unzip();
    let broker = EmbeddedBroker::start(&config.kafka.topic, PARTITIONS)?;
    config.kafka.brokers = broker.bootstrap_servers();
    let window = config.windows.rolling[0];
    let (metrics, shutdown) = (Metrics::new(), Shutdown::default());
    let watched = CameraMetrics::new();
    let outlet = Arc::new(Bounded {
        kafka: Kafka::connect(
            &demograph_gateway::config::Kafka::of(&config.kafka.brokers, &config.kafka.topic),
            None,
        )?,
        read: metrics.clone(),
    });
    let beside = Beside {
        metrics: Box::new(watched.clone()),
        inputs: Arc::new(watched.clone()),
    };
    let service = wiring::start(
        config,
        metrics,
        Some(beside),
        shutdown.clone(),
        super::routes,
    )?;
    println!(
        "demograph watch: {}; look at http://{}/\n\
         Shares are corrected for the model's errors, with 95 % intervals; ~ marks a plain count. They are shown when\n\
         fifty people were there, or at the end from ten on. Groups of fewer than five stay hidden.",
        names
            .iter()
            .map(SourceId::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        service.address
    );
    let (latest, pace) = (service.latest.clone(), Pace::new(0.0));
    let screen = Screen {
        latest: latest.clone(),
        watched: Watched {
            names,
            metrics: watched.clone(),
        },
        pace,
        window,
    };
    let gateway = Gateway {
        cameras,
        outlet: outlet.clone(),
        metrics: watched,
        health: Health::default(),
        shutdown: shutdown.clone(),
        preview,
    };
    let cameras = spawn("cameras", move || {
        let mut next = clock::now().plus(SHOW_EVERY_MILLIS);
        let ended = gateway.run(|| {
            if clock::now() >= next {
                next = next.plus(SHOW_EVERY_MILLIS);
                println!("{}", screen.picture());
            }
        });
        let caught_up = outlet.catch_up(&shutdown);
        shutdown.request();
        Ok((screen, ended.and(caught_up)))
    })?;
    service.run()?;
    let (screen, ended) = cameras
        .join()
        .map_err(|_| anyhow!("the cameras panicked"))??;
    showing.map_or(Ok(()), Endpoint::end)?;
    println!("{}", screen.picture());
    let heading = heading(ended.is_ok(), &screen.watched.metrics.inputs());
    print!("{}", summary(&heading, &latest.get(), args));
    ended?;
    Ok(ExitCode::SUCCESS)
}

fn config(args: &WatchArgs, names: &[SourceId]) -> anyhow::Result<Config> {
    let sources = names.iter().map(|name| {
        // A text of JSON is one of TOML.
        let id = serde_json::Value::from(name.as_str());
        format!("\n[[source]]\nid = {id}\nattributes = [\"age\", \"gender\"]\n")
    });
    let mut config = Config::parse(&format!("{CONFIG}{}", sources.collect::<String>()))?;
    // Each run has a topic of its own, and so chains and files of its own.
    config.kafka.topic = format!("watch-{}", clock::now().0);
    config.output.url = args.out.display().to_string();
    config.state.url = Some(beside(&args.out, "-state").display().to_string());
    config.model.dir.clone_from(&args.model);
    config.http.listen = free_address(&args.listen)?;
    Ok(config)
}

fn open(args: &WatchArgs, names: &[SourceId], config: &Config) -> anyhow::Result<Vec<OpenCamera>> {
    let start = args.start.map(|start| EventTime(start.as_millisecond()));
    let crops = demograph_gateway::config::Crops {
        pane: config.windows.pane,
        ..Default::default()
    };
    let wishes = args.sources.iter().zip(names);
    let open = |(wish, name): (&Wish, &SourceId)| {
        Ok(OpenCamera {
            source: name.clone(),
            input: sources::input(wish, start, args.fps)?,
            wanted: Wanted {
                min_face: args.min_face as f32,
                ..Wanted::default()
            },
            mask: Mask::default(),
            crop_size: CROP_SIZE,
            rule: crops.rule(),
            detector: detector(&args.detector, None)?,
        })
    };
    wishes.map(open).collect()
}

/// The embedded broker, which drops what waits too long: whoever reads faster than it waits.
struct Bounded {
    kafka: Kafka,
    read: Metrics,
}

impl Bounded {
    fn ahead(&self) -> u64 {
        let deliveries = self.kafka.deliveries();
        let sent = deliveries.delivered + deliveries.queued;
        sent.saturating_sub(self.read.records_read())
    }

    /// Waits until the pipeline has seen every event, or for as long as may be waited.
    fn catch_up(&self, shutdown: &Shutdown) -> anyhow::Result<()> {
        self.kafka.flush(Duration::from_secs(30))?;
        let deadline = clock::now().plus(CATCH_UP_MILLIS);
        while self.ahead() > 0 && clock::now() < deadline && !shutdown.is_requested() {
            pause(50);
        }
        Ok(())
    }
}

impl Outlet for Bounded {
    fn offer(&self, topic: Topic, event: &Event) -> anyhow::Result<Offered> {
        match self.ahead() < AHEAD_MAX {
            true => self.kafka.offer(topic, event),
            false => Ok(Offered::Full),
        }
    }

    fn wants_presence(&self) -> bool {
        false
    }

    fn deliveries(&self) -> Deliveries {
        self.kafka.deliveries()
    }
}

/// What the terminal shows.
struct Screen {
    latest: Latest,
    watched: Watched,
    pace: Pace,
    window: Span,
}

impl Screen {
    fn picture(&self) -> String {
        format!(
            "{}\n       {}",
            live::picture(&self.latest.get(), self.window, self.pace.seconds()),
            self.watched.line()
        )
    }
}

fn summary(heading: &str, last: &Snapshot, args: &WatchArgs) -> String {
    let rows = |table: Table| {
        let written = last.counts.written.get(table.name());
        written.map_or(0, |written| written.rows)
    };
    let out = args.out.display();
    let is_shown = last.audience.values().flat_map(|views| views.values());
    let mut categories = is_shown
        .flat_map(|view| &view.attributes)
        .flat_map(|attribute| &attribute.categories);
    let note = match categories.any(|category| category.votes.is_some()) {
        true => "",
        false => {
            "\nNo share is shown: too few people were before each camera (ten in a window, five in a group).\n"
        }
    };
    let rejected = match live::rejects(last).as_str() {
        "" => String::new(),
        reasons => format!("\n  rejected          {reasons}"),
    };
    format!(
        "{note}
{heading}{rejected}
  rows written      {} in demographics, {} in windows, {} files
  files             {out}/demographics/date=*/*.parquet
                    {out}/windows/date=*/*.parquet
                    {out}/daily/date=*/*.parquet: shares by day, with 95 % intervals
",
        rows(Table::Demographics),
        rows(Table::Windows),
        last.counts.files(),
    )
}
