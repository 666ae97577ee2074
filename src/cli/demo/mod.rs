//! `demograph demo`: the whole path on simulated cameras. Only the cameras and the broker are stand-ins;
//! everything between them and the files is what `run` runs. Two cameras show films, and what `camera` runs finds the people.

#[cfg(feature = "gateway")]
mod filmed;
#[cfg(not(feature = "gateway"))]
#[path = "unfilmed.rs"]
mod filmed;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use demograph_core::record::EventTime;
use demograph_service::{
    clock,
    config::Config,
    kafka::{Admin, EmbeddedBroker, Producer},
    metrics::Metrics,
    shutdown::Shutdown,
    sink::Table,
    snapshot::Snapshot,
    wiring,
};

use super::{
    cameras::Cameras,
    live,
    pace::{Pace, pause},
    stage::{beside, free_address, spawn},
};
use filmed::{Films, Watched, Watching};

/// The demo's configuration; the broker, the folder and the address are filled in.
const CONFIG: &str = include_str!("../../../deploy/demo.toml");
const PARTITIONS: i32 = 4;
/// How often the terminal shows the shares.
const SHOW_EVERY_MILLIS: i64 = 4_000;
/// How long the pipeline may take to catch up after the cameras have stopped.
const CATCH_UP_MILLIS: i64 = 15_000;
/// Events that may be on their way.
const AHEAD_MAX: u64 = 500;
/// Marks a folder as the demo's own, which the next demo may clear.
const MARKER: &str = ".demograph-demo";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  demograph demo --seconds 20 --out demo-out

Two cameras show films: composite faces (averages of many, nobody's own) walk through the picture. ffmpeg, the detector
and the tracker find them; at the end the truth stands beside the result. Four more cameras with shifting crowds send
crops of such faces at once, some of them late, out of order or broken. All go through Kafka. The real pipeline reads,
estimates, counts and writes Parquet; look at the page meanwhile. Without --brokers the broker is embedded.")]
pub(super) struct DemoArgs {
    /// How long the cameras send.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The folder for the tables.
    #[arg(long, default_value = "demo-out")]
    out: PathBuf,
    /// A real Kafka instead of the embedded broker; a topic of the demo's own is made and deleted.
    #[arg(long)]
    brokers: Option<String>,
    /// Crops a second of the cameras without a film, all together.
    #[arg(long, default_value_t = 160.0)]
    rate: f64,
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small")]
    model: PathBuf,
    /// The folder with the composites and their labels.csv.
    #[arg(long, default_value = "tests/data/composites")]
    crops: PathBuf,
    /// The detector's folder.
    #[arg(long, default_value = "models/yunet")]
    detector: PathBuf,
    /// Where the page and /metrics are served; a free port if this one is taken.
    #[arg(long, default_value = "127.0.0.1:9464")]
    listen: String,
    /// The seed of what passes before the cameras.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let _held = prepare_folder(&args.out)?;
    let mut config = config(&args)?;
    let (window, whole) = (config.windows.rolling[0], config.windows.rolling[2]);
    let films = films(&args);
    let broker = match &args.brokers {
        Some(_) => {
            Admin::connect(&config.kafka)?.create_topic(PARTITIONS)?;
            None
        }
        None => Some(EmbeddedBroker::start(&config.kafka.topic, PARTITIONS)?),
    };
    if let Some(broker) = &broker {
        config.kafka.brokers = broker.bootstrap_servers();
    }
    let (metrics, shutdown) = (Metrics::new(), Shutdown::default());
    let service = wiring::start(
        config.clone(),
        metrics.clone(),
        films.as_ref().map(Films::beside),
        shutdown.clone(),
        super::routes,
    )?;
    let watching = films.map(|films| films.watch(&config, &args.detector));
    let watching = watching.transpose()?;
    println!(
        "demograph demo: {} s, {}up to {} crops/s from 4 cameras; look at http://{}/\n\
         Shares are corrected for the model's errors, with 95 % intervals; ~ marks a plain count. Categories with\n\
         too few people are hidden, and so is ethnicity where no policy allows it.",
        args.seconds,
        watching.as_ref().map_or("", |_| "2 filmed cameras, "),
        args.rate,
        service.address
    );
    #[cfg(feature = "top")]
    println!(
        "In another terminal: {} top --url http://{}",
        program(),
        service.address
    );
    let pace = Pace::new(args.rate);
    let latest = service.latest.clone();
    let show = {
        let (latest, shutdown) = (latest.clone(), shutdown.clone());
        let cameras = watching.as_ref().map(Watching::line);
        spawn("live", move || {
            show(&shutdown, || {
                let picture = live::picture(&latest.get(), window, pace.seconds());
                let cameras = cameras.as_ref().map(|line| format!("\n       {}", line()));
                picture + &cameras.unwrap_or_default()
            });
            Ok(())
        })?
    };
    let film = {
        let kafka = config.kafka.clone();
        let cameras = Cameras::open(&args.crops, args.seed)?;
        let seconds = args.seconds;
        spawn("cameras", move || {
            let set = Set {
                producer: Producer::connect(&kafka)?,
                metrics,
                shutdown,
                watching,
            };
            set.film(cameras, pace, seconds)
        })?
    };
    service.run()?;
    show.join()
        .map_err(|_| anyhow!("the live view panicked"))??;
    let (sent, watched) = film.join().map_err(|_| anyhow!("the cameras panicked"))??;
    if args.brokers.is_some() {
        Admin::connect(&config.kafka)?.delete_topic()?;
    }
    let last = latest.get();
    let watched = watched.map(|watched| watched.summary(&last, whole));
    let films = watched.unwrap_or_default();
    print!("{}", summary(&last, &args, (sent, pace.seconds()), &films));
    Ok(ExitCode::SUCCESS)
}

fn config(args: &DemoArgs) -> anyhow::Result<Config> {
    let mut config = Config::parse(CONFIG)?;
    config.output.url = args.out.display().to_string();
    config.output.cells_url = Some(beside(&args.out, "-cells").display().to_string());
    config.state.url = Some(beside(&args.out, "-state").display().to_string());
    config.model.dir.clone_from(&args.model);
    config.http.listen = free_address(&args.listen)?;
    if let Some(brokers) = &args.brokers {
        config.kafka.brokers.clone_from(brokers);
        config.kafka.topic = format!("demograph-demo-{}", clock::now().0);
        config.kafka.group.clone_from(&config.kafka.topic);
    }
    Ok(config)
}

/// An empty folder; what an earlier demo left there goes, what somebody else left there stays. The file that comes back holds
/// the folder for this demo.
fn prepare_folder(out: &Path) -> anyhow::Result<File> {
    let marker = out.join(MARKER);
    let was_made = marker.exists();
    let held = match was_made {
        true => Some(hold(&marker)?),
        false => None,
    };
    let tables = Table::ALL.map(Table::name);
    let inside = tables.into_iter().chain(["state"]);
    let folders = inside.map(|name| out.join(name));
    let besides = ["-state", "-cells", "-films"].map(|ending| beside(out, ending));
    for folder in folders.chain(besides) {
        match (folder.exists(), was_made) {
            (true, true) => std::fs::remove_dir_all(&folder)
                .with_context(|| format!("clear {}", folder.display()))?,
            (true, false) => bail!(
                "{} was not made by `demograph demo`: choose another folder with --out",
                folder.display()
            ),
            (false, _) => {}
        }
    }
    std::fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    std::fs::write(
        &marker,
        "Made by `demograph demo`; the next demo clears the tables here.\n",
    )
    .with_context(|| format!("write {}", marker.display()))?;
    match held {
        Some(held) => Ok(held),
        None => hold(&marker),
    }
}

/// The marker, for one demo at a time.
fn hold(marker: &Path) -> anyhow::Result<File> {
    let file = File::open(marker).with_context(|| format!("open {}", marker.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "{}: a demo runs in this folder. Wait for its end, or choose another folder with --out (make demo OUT=folder)",
            marker.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", marker.display()))
        }
    }
}

/// The films of the filmed cameras. Without them the demo goes on, and says why.
fn films(args: &DemoArgs) -> Option<Films> {
    println!("rendering the films of two cameras: composites walk through the picture");
    match Films::make(args, &beside(&args.out, "-films")) {
        Ok(films) => Some(films),
        Err(error) => {
            println!("There are no filmed cameras, only the four others: {error:#}");
            None
        }
    }
}

/// Where the cameras stand.
struct Set {
    producer: Producer,
    metrics: Metrics,
    shutdown: Shutdown,
    watching: Option<Watching>,
}

impl Set {
    /// Sends until the time is over, waits for the pipeline, and ends it. Returns the number of events.
    fn film(
        self,
        cameras: Cameras,
        pace: Pace,
        seconds: u64,
    ) -> anyhow::Result<(u64, Option<Watched>)> {
        let sent = self.send(cameras, pace, seconds);
        let watched = self.watching.map(Watching::stop).transpose();
        let by_films = |watched: &Option<Watched>| watched.as_ref().map_or(0, Watched::sent);
        let all = sent.as_ref().copied().unwrap_or(0) + watched.as_ref().map_or(0, by_films);
        await_records(&self.metrics, &self.shutdown, all);
        self.shutdown.request();
        sent?;
        Ok((all, watched?))
    }

    fn send(&self, mut cameras: Cameras, pace: Pace, seconds: u64) -> anyhow::Result<u64> {
        let mut sent = 0;
        let mut last = EventTime::MIN;
        while pace.seconds() < seconds as f64 && !self.shutdown.is_requested() {
            pace.wait_for(sent);
            // The embedded broker drops what waits too long, so a slow machine makes the cameras slower.
            let all = sent + self.watching.as_ref().map_or(0, Watching::sent);
            if all > self.metrics.records_read() + AHEAD_MAX {
                pause(20);
                continue;
            }
            let progress = pace.seconds() / seconds as f64;
            // No person is seen twice at one instant, also where the cameras catch up.
            last = clock::now().max(last.plus(1));
            self.producer
                .send(&cameras.next(last, progress.min(1.0))?)?;
            sent += 1;
        }
        self.producer.flush(Duration::from_secs(30))?;
        Ok(sent)
    }
}

/// Waits until the pipeline has seen every event, or for as long as a demo may take.
fn await_records(metrics: &Metrics, shutdown: &Shutdown, sent: u64) {
    let deadline = clock::now().plus(CATCH_UP_MILLIS);
    while metrics.records_read() < sent && clock::now() < deadline && !shutdown.is_requested() {
        pause(50);
    }
}

fn show(shutdown: &Shutdown, picture: impl Fn() -> String) {
    let mut next = clock::now().plus(SHOW_EVERY_MILLIS);
    while !shutdown.is_requested() {
        pause(100);
        if clock::now() >= next {
            next = next.plus(SHOW_EVERY_MILLIS);
            println!("{}", picture());
        }
    }
}

/// How this program was called.
fn program() -> String {
    let name = std::env::args().next();
    name.unwrap_or_else(|| "demograph".into())
}

fn summary(last: &Snapshot, args: &DemoArgs, (sent, seconds): (u64, f64), films: &str) -> String {
    let (counts, read) = (&last.counts, last.counts.read());
    let rows = |table: Table| {
        let written = counts.written.get(table.name());
        written.map_or(0, |written| written.rows)
    };
    let out = args.out.display();
    let program = program();
    format!(
        "
Done.
  events sent       {sent}
  crops read        {read}, {:.1} crops/s
  rejected          {}
  rows written      {} in demographics, {} in windows, {} in hourly, {} in daily, {} files
  files             {out}/demographics/date=*/*.parquet
                    {out}/windows/date=*/*.parquet
                    {out}/hourly/date=*/*.parquet, {out}/daily/date=*/*.parquet
                    {out}-cells/cells/date=*/*.parquet, exact: see schemas/README.md
{films}
True shares over the whole time, with 95 % intervals:
  {program} estimate --tables {out}

The same page over these tables, without Kafka:
  {program} page --tables {out}

Ask the tables (DuckDB):
  SELECT source, local_date, local_hour, category, people, share, share_low, share_high
  FROM read_parquet('{out}/hourly/*/*.parquet') WHERE attribute = 'gender' ORDER BY ALL;
",
        read as f64 / seconds,
        live::rejects(last),
        rows(Table::Demographics),
        rows(Table::Windows),
        rows(Table::Hourly),
        rows(Table::Daily),
        counts.files(),
    )
}
